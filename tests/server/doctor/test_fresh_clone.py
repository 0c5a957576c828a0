"""`make doctor` in a fresh clone of this project: silent on a good one, one line for each mistake that is planted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.integration.clone import ENVIRONMENT, make_clone, shell

pytestmark = pytest.mark.slow  # the short form of each, in a checkout of six files, is test_examination

COMMIT = "git add . && git commit -qm planted"
FIR = 'sed -i \'s/heroku-24/cnb/; s/"basic"/"dyno-1c-1gb"/\' app.json'
SUBMODULE = (
    "git init -q ../zoo && mkdir ../zoo/1 && cp models/iris/1/model.onnx ../zoo/1 && git -C ../zoo add ."
    " && git -C ../zoo commit -qm zoo"
    ' && git -c protocol.file.allow=always submodule --quiet add "$PWD/../zoo" models/late && git commit -qm planted'
)
# What a person might have done, as a line of their shell, and what the doctor says of it.
MISTAKES = {
    "a model is not in git": ("cp -r models/iris models/late", "models/late/1/model.onnx is not committed"),
    "a model is added and not committed": (
        "cp -r models/iris models/late && git add models",
        "models/late/1/model.onnx is not committed",
    ),
    "git ignores models": (
        f"echo '*.onnx' >> .gitignore && {COMMIT} && cp -r models/iris models/late",
        "models/late/1/model.onnx is ignored by git",
    ),
    "a model was converted again": (
        "cp $EXAMPLES/churn/1/model.onnx models/iris/1/model.onnx",
        "models/iris/1/model.onnx is other here than committed",
    ),
    "a model was deleted here alone": (
        f"cp -r models/iris models/old && {COMMIT} && rm -r models/old",
        "models/old/1/model.onnx is gone here",
    ),
    "no model at all": ("git rm -qr models/iris && git commit -qm planted", "no model is committed in models/"),
    "half of a model": (
        f"mkdir -p models/half/1 && head -c 1000 models/iris/1/model.onnx > models/half/1/model.onnx && {COMMIT}",
        "the server refuses models/half/1/model.onnx",
    ),
    "a pointer of Git LFS": (
        "mkdir -p models/large/1 && printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%064d\\nsize 9\\n'"
        f" 0 > models/large/1/model.onnx && {COMMIT}",
        "models/large/1/model.onnx is in git as a pointer of Git LFS",
    ),
    "a name that no model can have": (f"cp -r models/iris 'models/my iris' && {COMMIT}", "my iris/1/model.onnx"),
    "a pickle among the models": ("cp $PICKLES/iris.pkl models/", "models/iris.pkl is a pickle"),
    "a pickle that ships": (
        f"cp $PICKLES/iris.pkl . && git add -f iris.pkl && {COMMIT}",
        "iris.pkl is a pickle and would ship",
    ),
    "data that ships": (
        f"echo 1,2 > customers.csv && git add -f customers.csv && {COMMIT}",
        "customers.csv looks like data and would ship",
    ),
    "a committed secret": (
        f"echo DYNONNX_API_KEYS=0123456789abcdef > .env && git add -f .env && {COMMIT}",
        ".env is committed",
    ),
    "a Python that the stack lacks": (f"echo 3.9 > .python-version && {COMMIT}", "echo 3.13 > .python-version"),
    "a runtime.txt": (f"echo python-3.13.1 > runtime.txt && {COMMIT}", "runtime.txt overrides .python-version"),
    "two lock files": (f"touch poetry.lock && {COMMIT}", "poetry.lock is committed beside requirements.txt"),
    "a requirement without a hash": (
        f"echo requests==2.32.3 >> requirements.txt && {COMMIT}",
        "none for requests==2.32.3",
    ),
    "requirements that run no server": (f"echo numpy > requirements.txt && {COMMIT}", "requirements.txt lacks fastapi"),
    "a package too large": (
        f"printf 'torch==2.9.0 --hash=sha256:%064d\\n' 0 >> requirements.txt && {COMMIT}",
        "MB compressed, and Heroku takes 500",
    ),
    "a Procfile without a web process": (f"echo 'worker: python -m server' > Procfile && {COMMIT}", "Procfile"),
    "a virtual environment in git": (
        f"mkdir venv && echo home=/usr > venv/pyvenv.cfg && git add -f venv && {COMMIT}",
        "venv/ is committed",
    ),
    "a shallow clone": ("git rev-parse HEAD > .git/shallow", "this clone is shallow"),
    "no .slugignore": ("git rm -q .slugignore && git commit -qm planted", "no .slugignore is committed"),
    "a slug without the server": (f"echo /server >> .slugignore && {COMMIT}", ".slugignore's line `/server` keeps"),
    "a change that is not committed": ("echo '# mine' >> server/__main__.py", "changed here, but not committed"),
    "a default model that is none": ("export DYNONNX_DEFAULT_MODEL=tulip", "DYNONNX_DEFAULT_MODEL is tulip"),
    "a setting that is none": ("export DYNONNX_DEFUALT_MODEL=iris", "there is no such setting"),
    "a public app without keys": ("git remote add heroku https://git.heroku.com/mine.git", "the app answers anyone"),
    "too many workers": ("export WEB_CONCURRENCY=9", "9 workers with these models take"),
    "a dyno that there is not": (f'sed -i \'s/"basic"/"huge"/\' app.json && {COMMIT}', "there is no dyno size huge"),
    "an app.json that is none": (f"echo '{{' > app.json && {COMMIT}", "app.json: "),
    "a model in a repository of its own": (
        "cp -r models/iris models/late && git init -q models/late && (git add models/late || true)",
        "models/late/ is a git repository of its own",
    ),
    "a model that git does not look at": (
        "git update-index --skip-worktree models/iris/1/model.onnx"
        " && cp $EXAMPLES/churn/1/model.onnx models/iris/1/model.onnx",
        "git was told not to look at it",
    ),
    "a model without a version": (
        f"mkdir models/late && cp models/iris/1/model.onnx models/late/ && {COMMIT}",
        "models/late/model.onnx is where no server looks",
    ),
    "another folder of models": (
        "export DYNONNX_MODELS=model",
        "no model is committed in model/: the app would serve none; there are some in models/",
    ),
    "a slug without the page": (f"echo '*.js' >> .slugignore && {COMMIT}", ".slugignore's line `*.js` keeps"),
    "code that is not in git": ("touch server/mine.py", "server/mine.py: not committed"),
    "a private key in git": (
        f"printf '%s %s\\n' '-----BEGIN PRIVATE' 'KEY-----' > key.txt && {COMMIT}",
        "key.txt is committed, with the keys in it",
    ),
    "a notebook that ships": (f"echo '{{}}' > explore.ipynb && {COMMIT}", "explore.ipynb looks like data"),
    "a large file that ships": (
        f"head -c 2000000 /dev/zero > customers.json && {COMMIT}",
        "customers.json has 2.0 MB, is no part of the server",
    ),
    "what pip freeze lists": (
        f"sed -i '/--hash/d; s/ *\\\\$//' requirements.txt && {COMMIT}",
        "requirements.txt has no hashes",
    ),
    "a package twice": (
        f"printf 'numpy==1.26.0 --hash=sha256:%064d\\n' 0 >> requirements.txt && {COMMIT}",
        "requirements.txt has numpy twice",
    ),
    "a merge that was not finished": (
        f"printf '<<<<<<< HEAD\\n=======\\n>>>>>>> main\\n' >> requirements.txt && {COMMIT}",
        "requirements.txt holds both sides of a merge",
    ),
    "a server with words": (
        f"sed -i 's/^web:.*/web: python -m server --port $PORT/' Procfile && {COMMIT}",
        "its settings are variables of the environment",
    ),
    "a release phase that fails": (
        f"sed -i 's/^release:.*/release: python -m server chek/' Procfile && {COMMIT}",
        "Procfile's release phase is `python -m server chek`",
    ),
    "a port of one's own": (
        f"sed -i 's/^web:.*/web: PORT=8000 python -m server/' Procfile && {COMMIT}",
        "Procfile: PORT is 8000",
    ),
    "keys in git": (
        f"sed -i 's/^web:.*/web: DYNONNX_API_KEYS=0123456789abcdef python -m server/' Procfile && {COMMIT}",
        "Procfile: DYNONNX_API_KEYS is written out",
    ),
    "keys of this shell alone": (
        "export DYNONNX_API_KEYS=0123456789abcdef && git remote add heroku https://git.heroku.com/mine.git",
        "the app answers anyone",
    ),
    "another buildpack": (f"sed -i 's|heroku/python|heroku/nodejs|' app.json && {COMMIT}", "and not heroku/python"),
    "no dyno at all": (f'sed -i \'s/"quantity": 1/"quantity": 0/\' app.json && {COMMIT}', "has 0 dynos of web"),
    "an app in another language": (f"echo '{{}}' > package.json && {COMMIT}", "takes that for an app in Node.js"),
    "a public key that stays here": (
        "export DYNONNX_VERIFY_KEY=model-key.pub.pem",
        "names model-key.pub.pem, which is not committed",
    ),
    "line ends of Windows": (
        f"sed -i 's/$/\\r/' Procfile bin/post_compile && {COMMIT}",
        "Procfile, bin/post_compile: committed with the line ends of Windows",
    ),
    "models behind a link": (
        "mv models ../mine && ln -s ../mine models",
        "models is a link: git keeps where it leads",
    ),
    "a model behind a link": (
        "mkdir -p models/late/1 ../build && cp models/iris/1/model.onnx ../build"
        f" && ln -s ../../../../build/model.onnx models/late/1/ && {COMMIT}",
        "models/late/1/model.onnx is a link: git keeps where it leads",
    ),
    "models of another repository": (
        SUBMODULE,
        "models/late/ is a git repository of its own, so a push brings its address alone",
    ),
    "models of another repository, not fetched": (
        f"{SUBMODULE} && git submodule --quiet deinit models/late",
        "models/late/ is a repository of its own, and no model of it is here",
    ),
    "code of another repository": (
        "git init -q vendor && git -C vendor commit -q --allow-empty -m x && git add vendor && git commit -qm planted",
        "vendor/ is a git repository of its own and comes from nowhere that git knows",
    ),
    "a model at the top": (
        f"git mv models/iris/1/model.onnx iris.onnx && {COMMIT}",
        "iris.onnx is outside of models/, where no server looks for a model",
    ),
    "packages of another Python": (
        f"sed -i 's/^uvloop==[^ ]*/& ; python_version < \"3.12\"/' requirements.txt && {COMMIT}",
        "requirements.txt has uvloop for other Pythons than 3.13",
    ),
    "a password in the list of packages": (
        f"sed -i '1i --extra-index-url https://me:word@pypi.my.org/simple' requirements.txt && {COMMIT}",
        "has `--extra-index-url` with an address that has a password in it",
    ),
    "two apps": (
        "for app in heroku staging; do git remote add $app https://git.heroku.com/my-$app.git; done",
        "2 apps are remotes here, heroku, staging",
    ),
    "a default model spelt otherwise": (
        "export DYNONNX_DEFAULT_MODEL=Iris",
        "export DYNONNX_DEFAULT_MODEL=iris",
    ),
    "Fir's dyno for Cedar": (
        f'sed -i \'s/"basic"/"dyno-1c-0.5gb"/\' app.json && {COMMIT}',
        "has the size dyno-1c-0.5gb, which an app of the stack heroku-24 does not have",
    ),
    "Cedar's dyno for Fir": (
        f"sed -i 's/heroku-24/cnb/' app.json && {COMMIT}",
        "has the size basic, which an app of the stack cnb does not have",
    ),
    "Fir without a descriptor": (
        f"{FIR} && git rm -q project.toml && {COMMIT}",
        "no project.toml is committed: on Fir tests and tools would ship",
    ),
    "Fir without the models": (
        f'{FIR} && sed -i \'s|"/docs"|"/models"|\' project.toml && {COMMIT}',
        "project.toml excludes `/models`, and with it models/",
    ),
}
# What comes of these is told behind them.
CAUSES = {"no .slugignore", "Fir without a descriptor", "an app.json that is none", "a public key that stays here"}
EXAMPLES = ROOT / "examples" / "models"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the project in which the iris example was committed as a model of one's own."""
    if not (EXAMPLES / "churn" / "1" / "model.onnx").is_file():
        pytest.fail("no example model: run `make models` first", pytrace=False)
    clone = make_clone(tmp_path_factory.mktemp("fresh"))
    shutil.copytree(EXAMPLES / "iris", clone / "models" / "iris")
    shell(clone, COMMIT)
    return clone


@pytest.fixture
def clone(good: Path, tmp_path: Path) -> Path:
    shell(tmp_path, f"git clone -q '{good}' clone && git -C clone remote remove origin")
    (tmp_path / "clone" / ".venv").symlink_to((ROOT / ".venv").resolve())
    shell(tmp_path / "clone", "echo .venv >> .git/info/exclude")
    return tmp_path / "clone"


def examine(clone: Path, planted: str) -> subprocess.CompletedProcess[str]:
    """``make doctor`` after a line; what is installed counts as new enough, whatever was done to its list."""
    environment = {**ENVIRONMENT, "EXAMPLES": str(EXAMPLES), "PICKLES": str(ROOT / "build")}
    environment = {name: value for name, value in environment.items() if not name.startswith("DYNONNX_")}
    command = ["bash", "-c", f"set -e; {planted}; make --no-print-directory --old-file .venv/.serving doctor"]
    return subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True, check=False)


def test_a_good_clone_is_silent(clone: Path) -> None:
    said = examine(clone, ":")
    assert (said.returncode, said.stdout) == (0, "good: a push brings 1 model file\n"), said


def test_at_least_twenty_are_planted() -> None:
    assert len({said for _, said in MISTAKES.values()}) >= 20


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_its_remedy(clone: Path, mistake: str) -> None:
    planted, says = MISTAKES[mistake]
    said = examine(clone, planted)
    assert said.returncode != 0, said
    first, *others = said.stdout.split("\n2. ")
    assert not others or mistake in CAUSES
    found, remedy = first.strip().split("\n", 1)
    assert found.startswith("1. ")
    assert says in first
    assert remedy.strip()
