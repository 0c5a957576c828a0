# Verbs of the project. `make help` lists them. Everything runs in .venv; nothing is installed elsewhere.

PYTHON ?= python3
PY := .venv/bin/python
PORT ?= 8000
EXAMPLES := iris diabetes breast-cancer churn
ARTEFACTS := $(EXAMPLES:%=models/%/1/model.onnx)
SOURCES := server convert bench examples tests

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: help run install models serve convert test test-slow lint fmt bench-quick clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

run: models ## environment, example models, server on PORT (8000)
	@$(MAKE) --no-print-directory serve

install: .venv/.installed ## the environment, in .venv

.venv/.installed: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "dynonnx needs Python 3.11 or newer; set PYTHON=/path/to/it" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

models: $(ARTEFACTS) ## the example models, in models/, their pickles in build/

build/.trained: examples/train.py .venv/.installed
	$(PY) examples/train.py --out build
	@touch $@

$(EXAMPLES:%=build/%.pkl): build/.trained ;

models/%/1/model.onnx: build/%.pkl
	$(PY) -m convert build/$*.pkl --name $* --version 1 --replace

serve: install ## the server alone, as Procfile starts it, with iris as the default model
	@PATH="$(CURDIR)/.venv/bin:$$PATH" PORT=$(PORT) DYNONNX_DEFAULT_MODEL=iris exec $(shell sed -n 's/^web: //p' Procfile)

convert: install ## a model of your own: make convert MODEL=path/to/model.pkl [ARGS="--data rows.csv"]
	@test -n "$(MODEL)" || { echo "say which: make convert MODEL=path/to/model.pkl" >&2; exit 2; }
	$(PY) -m convert "$(MODEL)" $(ARGS)

lint: install ## style and types; edits nothing
	$(PY) -m ruff check $(SOURCES)
	$(PY) -m ruff format --check $(SOURCES)
	$(PY) -m mypy

fmt: install ## puts the style right
	$(PY) -m ruff check --fix $(SOURCES)
	$(PY) -m ruff format $(SOURCES)

test: lint models ## style, types, tests
	$(PY) -m pytest

test-slow: models ## the long campaigns
	$(PY) -m pytest -m slow --timeout 3600

bench-quick: models ## dynonnx beside two baselines, within three minutes
	$(PY) -m bench quick

clean: ## everything that was made; a model of your own in models/ stays
	rm -rf .venv build bench/results .mypy_cache .ruff_cache .pytest_cache .hypothesis $(EXAMPLES:%=models/%)
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
