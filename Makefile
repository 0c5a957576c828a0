# Verbs of the project. `make help` lists them. Everything runs in .venv; nothing is installed elsewhere.

PYTHON ?= python3
PY := .venv/bin/python
UV ?= $(shell command -v uv)
PORT ?= 8000
WORKERS ?= 2
SECONDS ?= 60
ROWS ?= 1000000
FUZZ_PYTHON ?= python3.11
EXAMPLES := iris diabetes breast-cancer churn
ARTEFACTS := $(EXAMPLES:%=examples/models/%/1/model.onnx)
LOCK := build/lock/bin/uv pip compile --quiet --system-certs --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command "make lock"
SOURCES := dynonnx server convert bench score deploy examples tests
UNCONFINED := $(if $(filter Linux,$(shell uname)),,--unconfined)# elsewhere there are no walls, and these pickles were made here just now
LINT := $(PY) -m ruff check $(SOURCES) && $(PY) -m ruff format --check $(SOURCES) && $(PY) -m mypy
ENVIRONMENT := $(if $(UV),$(UV) venv --quiet --seed --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv,$(PYTHON) -m venv .venv)
INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(PY),$(PY) -m pip install --quiet --disable-pip-version-check)
UNCOMPILED := $(if $(UV),,--no-compile)# as uv leaves it: most of a package is never imported

# Tests start hundreds of processes: what one has compiled no other compiles again, whatever the shell says.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: axe buildpack help picture run install develop lock licences sbom faults fuzz boosters libraries mlflow models serve convert score test test-kubernetes test-scale test-slow doctor lint fmt bench bench-quick bench-micro bench-peers bench-compare bench-workers bench-cores bench-score plan footprint coverage-models coverage-data coverage-outside old-pickles clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: models ## environment, example models, and a server of these on PORT (8000)
	@ls models/*/*/model.onnx >/dev/null 2>&1 && echo "these are the examples; make serve serves yours, in models/" || true
	@DYNONNX_MODELS=examples/models DYNONNX_DEFAULT_MODEL=iris $(MAKE) --no-print-directory serve

install: .venv/.converting ## what converting and serving need, in .venv; by uv where it is there (UV=: by pip)

develop: .venv/.installed ## the same, and what testing and measuring need

# A step waits for what it needs and no more: serving < converting < developing.
.venv/.serving: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dynonnx needs Python 3.11 or newer; set PYTHON=/path/to/it" >&2; exit 1; }
	$(ENVIRONMENT)
	$(INSTALL) $(UNCOMPILED) --require-hashes -r requirements.txt
	@touch $@

.venv/.converting: .venv/.serving requirements.in requirements-convert.txt
	$(INSTALL) $(UNCOMPILED) -r requirements-convert.txt
	@touch $@

.venv/.installed: .venv/.converting requirements-signing.in requirements-dev.txt
	$(INSTALL) -r requirements-dev.txt
	@touch $@

lock: ## requirements.txt and requirements-signing.txt anew: what the .in files pin, with the hash of every wheel
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(LOCK) --output-file requirements.txt requirements.in
	$(LOCK) --output-file requirements-signing.txt requirements-signing.in

licences: develop ## docs/licences.md, from what is installed
	$(PY) -m tests.campaigns.supply

sbom: ## build/sbom.json: what a dyno runs, as CycloneDX has it
	$(PYTHON) -m venv build/sbom
	build/sbom/bin/python -m pip install --quiet --disable-pip-version-check cyclonedx-bom==7.5.0
	build/sbom/bin/cyclonedx-py requirements requirements.txt --output-reproducible --of JSON -o build/sbom.json

picture: develop models ## docs/picture.svg, the terminal that README shows, from a real run
	$(PY) -m tests.campaigns.picture

faults: develop models ## docs/faults.md: what can go wrong, and what came of the tests that show it; SLOW=1: the long ones too; GROUP=B, ROW=9: only the lines of these
	$(PY) -m tests.campaigns.faults $(if $(SLOW),--slow) $(if $(GROUP),--group $(GROUP)) $(if $(ROW),--row $(ROW))

fuzz: models ## looks for bytes that are neither read nor refused, SECONDS=60 on each TARGET; atheris needs FUZZ_PYTHON=python3.11
	$(FUZZ_PYTHON) -m venv build/fuzz
	build/fuzz/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	build/fuzz/bin/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	@for target in $(or $(TARGET),$$(build/fuzz/bin/python -m tests.campaigns.fuzz)); do \
		echo "$$target: $(SECONDS) s"; \
		build/fuzz/bin/python -m tests.campaigns.fuzz $$target build/corpus/$$target -artifact_prefix=build/corpus/$$target- \
			-max_total_time=$(SECONDS) -timeout=5 -rss_limit_mb=1024 -max_len=65536 -verbosity=0 || exit 1; \
	done

boosters: .venv/.converting ## XGBoost, LightGBM, CatBoost, skops and lz4 as well, for converting such files
	$(INSTALL) -r requirements-boosters.txt

libraries: .venv/.converting ## imbalanced-learn, feature-engine and the like as well, for converting such files
	$(INSTALL) -r requirements-libraries.txt

mlflow: ## MLflow's command, in build/mlflow, with which `make convert MLFLOW=models:/name/3` finds what is registered
	$(PYTHON) -m venv build/mlflow
	build/mlflow/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-mlflow.txt

models: $(ARTEFACTS) ## the example models, in examples/models/, their pickles in build/

# The other core compiles what converts and serves meanwhile: nothing was imported here yet.
build/.trained: examples/train.py .venv/.converting
	$(PY) -c 'import server.processes.application, convert.serving' & $(PY) examples/train.py --out build; status=$$?; wait; exit $$status
	@touch $@

# One rule for all four, which a pattern of several targets is: they are converted side by side, and what that needs is imported once.
$(EXAMPLES:%=examples/models/%/%/model.onnx): build/.trained
	$(PY) -m convert $(EXAMPLES:%=build/%.pkl) --version $* --out examples/models --replace $(UNCONFINED)

serve: .venv/.serving ## your models, those in models/, as Procfile starts the server
	@PATH="$(CURDIR)/.venv/bin:$$PATH" PORT=$(PORT) exec $(shell sed -n 's/^web: //p' Procfile)

doctor: .venv/.serving ## says before a push what would go wrong, with the command that mends it: ARGS="--dyno standard-2x --open"
	@$(PY) -m server doctor $(ARGS)

convert: .venv/.converting ## a model of your own: make convert MODEL=path/to/model.pkl [ARGS="--data rows.csv"], or MLFLOW=models:/name/3
	@test -n "$(MODEL)$(MLFLOW)" || { echo "say which: make convert MODEL=path/to/model.pkl" >&2; exit 2; }
	PATH="$$PATH:$(CURDIR)/build/mlflow/bin" $(PY) -m convert $(if $(MLFLOW),--mlflow "$(MLFLOW)","$(MODEL)") $(ARGS)

build/scale/.installed: requirements.txt requirements-convert.txt requirements-dev.txt requirements-scale.txt
	$(PYTHON) -m venv build/scale
	build/scale/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	build/scale/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -r requirements-scale.txt
	@touch $@

score: build/scale/.installed ## a table of many rows: make score IN=rows.parquet OUT=answers.parquet [ARGS="--model churn --key id"]
	build/scale/bin/python -m score "$(IN)" "$(OUT)" $(ARGS)

build/ray/.installed: requirements.txt requirements-dev.txt requirements-scale.txt requirements-ray.txt
	$(PYTHON) -m venv build/ray
	build/ray/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	build/ray/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt -r requirements-scale.txt -r requirements-ray.txt
	@touch $@

test-scale: models build/scale/.installed build/ray/.installed ## the tests of scoring, which need pyarrow, and those on a Ray cluster of several nodes
	build/scale/bin/python -m pytest tests/score --timeout 600
	build/ray/bin/python -m pytest tests/score/engines tests/deploy/ray --timeout 600

build/kubernetes/.installed: requirements-kubernetes.txt
	$(PYTHON) -m venv build/kubernetes
	build/kubernetes/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-kubernetes.txt
	@touch $@

test-kubernetes: develop models build/kubernetes/.installed ## the manifests by the schemas of Kubernetes and KServe, the server as kubelet runs it, the image's steps
	$(PY) -m pytest tests/deploy --ignore tests/deploy/ray -m "slow or not slow" --timeout 900

bench-score: models build/scale/.installed ## ROWS (1,000,000) rows scored, beside pandas with the pickle; MLflow's pyfunc where build/scale has mlflow-skinny
	build/scale/bin/python -m tests.campaigns.scoring $(ROWS)

lint: develop ## style and types; edits nothing
	$(LINT)

fmt: develop ## puts the style right
	$(PY) -m ruff check --fix $(SOURCES)
	$(PY) -m ruff format $(SOURCES)

# Style and types beside the tests, which wait a good deal. What they say comes last, and either fails the whole.
test: develop models ## style, types, tests; on WORKERS=2 cores three processes of tests
	@mkdir -p build
	@($(LINT)) >build/lint.txt 2>&1 & lint=$$!; \
	$(PY) -m pytest --numprocesses $(shell expr $(WORKERS) + 1) --dist loadfile --no-loadscope-reorder; tests=$$?; \
	wait $$lint; lint=$$?; cat build/lint.txt; \
	test $$tests -eq 0 || echo "tests failed" >&2; test $$lint -eq 0 || echo "lint failed" >&2; \
	exit $$((lint || tests))

AXE := 4.14.1

axe: ## axe-core, with which tests read the page as those do who do not see it; needs npm
	@mkdir -p build/axe
	cd build/axe && npm pack --silent axe-core@$(AXE) && tar -xzf axe-core-$(AXE).tgz package/axe.min.js package/LICENSE

BUILDPACK := v351

buildpack: ## Heroku's Python buildpack, with which a test builds a clone as a push does
	git clone --quiet --depth 1 --branch $(BUILDPACK) https://github.com/heroku/heroku-buildpack-python build/buildpack

test-slow: develop models ## the long campaigns, and what is measured by the clock
	$(PY) -m pytest -m slow --timeout 3600

bench: develop models ## dynonnx beside two baselines in a stand-in dyno, or HOST=https://... MINE=1; SIZE, CPU, DYNOS, SCENARIO, RATE
	$(PY) -m bench $(if $(findstring command,$(origin HOST)),host $(HOST) $(if $(MINE),--i-own-this-host),run $(if $(SIZE),--size $(SIZE)) $(if $(CPU),--cpu $(CPU)) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(DYNOS),--dynos $(DYNOS)) $(if $(RATE),--rate $(RATE)))

bench-quick: develop models ## the same without a dyno, within three minutes
	$(PY) -m bench quick

bench-micro: develop models ## peak rates on one core beside baselines and nginx, by wrk: ARGS="--quick"
	$(PY) -m bench micro $(ARGS)

PEERS := mosec triton litserve mlserver bentoml rayserve
PEER_PYTHON ?= python3.11
build/peers/triton/.installed build/peers/mlserver/.installed: PEER = $(PEER_PYTHON)# neither runs on Python 3.13
PEER = $(PYTHON)

build/peers/%/.installed: bench/peers/pins/%.txt
	rm -rf $(@D)
	$(PEER) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: -r $<
	@touch $@

bench-peers: develop models ## peak rates on one core beside mosec, Triton's Python backend, LitServe, MLServer, BentoML and Ray Serve, each in build/peers/NAME; what does not install is left out
	@mkdir -p build/peers
	@for peer in $(PEERS); do \
		test -e build/peers/$$peer/.installed || echo "$$peer: installing by bench/peers/pins/$$peer.txt"; \
		$(MAKE) --no-print-directory build/peers/$$peer/.installed >build/peers/$$peer.log 2>&1 || echo "$$peer is left out: build/peers/$$peer.log says why"; \
	done
	$(PY) -m bench peers $(ARGS)

bench-compare: develop ## two runs side by side: A=bench/results/... B=bench/results/...
	$(PY) -m bench compare $(A) $(B)

bench-workers: develop models ## 1, 2, 4 and 8 workers in one dyno: SIZE, CPU
	$(PY) -m bench workers $(if $(SIZE),--size $(SIZE)) $(if $(CPU),--cpu $(CPU))

bench-cores: develop models ## 1 worker on a core, 2 on two, 4 on four, the load on the same: shares, processor time, what a core brings: ARGS="--rounds 5"
	$(PY) -m bench cores $(ARGS)

plan: develop ## which dyno and how many, from measured results: RATE=5000 P99=50
	$(PY) -m bench plan --rate $(RATE) --p99 $(or $(P99),50)

footprint: develop models ## start, memory and package size of the server
	$(PY) -m bench footprint

coverage-models: develop ## every estimator converted or refused, into docs/coverage.md (boosters and libraries after `make boosters libraries`); goes on where it was broken off; FRESH=1
	$(PY) -W ignore -m tests.campaigns.coverage $(if $(FRESH),--fresh)

OUTSIDE := $(shell sed -n 's/^skl2onnx==//p' requirements-convert.txt)

coverage-outside: $(if $(DUMPS),develop,build/outside/.dumped build/outside/.fitted) ## models that skl2onnx's tests fit, from its source on PyPI, and scikit-learn's own, or DUMPS="folder folder" that one trusts: converted, compared on their rows, into docs/coverage.md
	$(PY) -W ignore -m tests.campaigns.outside $(or $(DUMPS),build/outside/skl2onnx build/outside/scikit-learn) --workers $(WORKERS)

build/outside/.dumped: requirements-convert.txt .venv/.installed
	rm -rf build/outside/skl2onnx*
	@mkdir -p build/outside/skl2onnx
	$(PY) -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest build/outside skl2onnx==$(OUTSIDE)
	tar -xzf build/outside/skl2onnx-$(OUTSIDE).tar.gz -C build/outside
	-cd build/outside/skl2onnx-$(OUTSIDE) && ONNXTESTDUMP="$(CURDIR)/build/outside/skl2onnx" "$(CURDIR)/$(PY)" -m pytest tests -q -p no:cacheprovider --rootdir . -k sklearn --timeout 120 -W ignore > ../tests.txt 2>&1
	@touch $@

build/outside/.fitted: requirements-convert.txt .venv/.installed
	rm -rf build/outside/scikit-learn
	@mkdir -p build/outside
	-DYNONNX_DUMPS=build/outside/scikit-learn $(PY) -m pytest -q -c /dev/null --rootdir . -p tests.campaigns.outside.keeping -p no:cacheprovider --doctest-modules --pyargs sklearn --timeout 60 -W ignore > build/outside/fitted.txt 2>&1
	@touch $@

coverage-data: build/data/.installed ## real public data by 50 kinds of models, the unseen half compared, into docs/coverage-data.md; goes on where it was broken off; WORKERS=2, ONLY=iris/, FRESH=1
	$(PY) -W ignore -m tests.campaigns.realdata --workers $(WORKERS) $(if $(ONLY),--only "$(ONLY)") $(if $(FRESH),--fresh)

build/data/.installed: requirements-data.txt .venv/.installed
	rm -rf build/data
	$(INSTALL) --no-deps --only-binary :all: --target build/data -r requirements-data.txt
	@touch $@

old-pickles: develop ## small pickles of scikit-learn 1.0 to 1.8, each by its own version, into tests/; CONVERT=1: converts them; VERSIONS="1.2.2"
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	PATH="$(CURDIR)/build/lock/bin:$$PATH" $(PY) -m tests.campaigns.versions $(if $(CONVERT),--convert) $(VERSIONS)

clean: ## everything that was made; models/ is yours and stays
	rm -rf .venv build bench/results .mypy_cache .ruff_cache .pytest_cache .hypothesis examples/models
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
