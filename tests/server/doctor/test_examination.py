"""Each mistake planted in a good checkout is found, alone, with a command that mends it; a good one is silent."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from server.doctor import examination, slug
from server.doctor.__main__ import main
from server.doctor.checkout import NoCheckout
from server.doctor.examination import Asked, examine
from tests.conftest import ROOT
from tests.server.doctor.conftest import MODEL, Repository
from tests.support.models.bad_models import wrong_golden

GOLDEN = 16
KEY = {"DYNONNX_API_KEYS": "k" * 16}


def test_a_good_checkout_is_silent(repository: Repository) -> None:
    assert repository.found() == []
    assert examine(repository.root, Asked({}, {}, None, False)).summary == "a push brings 1 model file"


# Models


def test_a_file_that_is_no_model(repository: Repository) -> None:
    repository.commit("models/noise/1/model.onnx", b"\x00noise" * 50)
    repository.only("the server refuses models/noise/1/model.onnx", "git rm -r models/noise")


def test_a_model_that_does_not_give_its_golden_rows_answers(repository: Repository) -> None:
    repository.commit("models/bent/1/model.onnx", wrong_golden())
    repository.only("the server refuses models/bent/1/model.onnx", "golden row", "make convert")


def test_a_model_that_is_not_in_git(repository: Repository) -> None:
    repository.write("models/late/1/model.onnx", (repository.root / MODEL).read_bytes())
    repository.only("models/late/1/model.onnx is not committed", "git add models/late/1/model.onnx && git commit")


def test_a_model_that_is_added_but_not_committed(repository: Repository) -> None:
    repository.write("models/late/1/model.onnx", (repository.root / MODEL).read_bytes())
    repository.git("add", "models/late")
    repository.only("models/late/1/model.onnx is not committed", "git commit")


def test_a_model_that_git_ignores(repository: Repository) -> None:
    repository.add_line(".gitignore", "*.onnx")
    repository.write("models/late/1/model.onnx", (repository.root / MODEL).read_bytes())
    repository.only("models/late/1/model.onnx is ignored by git", "git add --force")


def test_a_model_that_was_converted_again_and_not_committed(repository: Repository) -> None:
    data = (repository.root / MODEL).read_bytes()
    repository.commit(MODEL, wrong_golden())
    repository.write(MODEL, data)
    repository.only(f"{MODEL} is other here than committed", "git add")


def test_a_model_that_is_gone_here_but_not_in_git(repository: Repository) -> None:
    repository.commit("models/old/1/model.onnx", (repository.root / MODEL).read_bytes())
    (repository.root / "models/old/1/model.onnx").unlink()
    repository.only("models/old/1/model.onnx is gone here", "git rm")


def test_no_model_at_all(repository: Repository) -> None:
    repository.remove("models")
    repository.only("no model is committed in models/", "make convert MODEL=")


def test_models_that_are_fetched_need_not_be_committed(repository: Repository) -> None:
    repository.remove("models")
    addresses = f"https://host/churn.onnx#sha256={'0' * 64}"
    config_vars = {"DYNONNX_MODELS_FROM": addresses, "DYNONNX_DEFAULT_MODEL": "churn"}
    assert repository.found(config_vars=config_vars) == []
    config_vars["DYNONNX_DEFAULT_MODEL"] = "iris"
    repository.only("DYNONNX_DEFAULT_MODEL is iris, and no such model", config_vars=config_vars)
    config_vars["DYNONNX_MODELS_FROM"] = f"https://host/models.tgz#sha256={'0' * 64}"
    assert repository.found(config_vars=config_vars) == []
    repository.only("https://host/churn.onnx has no digest", config_vars={"DYNONNX_MODELS_FROM": addresses[:-9]})


def test_a_pickle_among_the_models(repository: Repository) -> None:
    repository.write("models/churn.pkl", b"\x80\x04N.")
    repository.only("models/churn.pkl is a pickle", "mv models/churn.pkl build/", "make convert MODEL=build/churn.pkl")
    repository.commit("models/churn.pkl", b"\x80\x04N.")
    repository.only("models/churn.pkl is a pickle", "git rm --cached --quiet models/churn.pkl")


def test_a_name_that_no_model_can_have(repository: Repository) -> None:
    repository.commit("models/my model/1/model.onnx", (repository.root / MODEL).read_bytes())
    repository.only("my model/1/model.onnx: a model name", "rename it")


def test_a_pointer_of_git_lfs(repository: Repository) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 4756\n"
    repository.commit("models/large/1/model.onnx", pointer)
    repository.only("models/large/1/model.onnx is in git as a pointer of Git LFS", "git lfs untrack")


def test_a_model_whose_bytes_git_changes(repository: Repository) -> None:
    repository.write(".gitattributes", "*.onnx text eol=lf\n")
    repository.commit("models/crlf/1/model.onnx", (repository.root / MODEL).read_bytes() + b"\r\n")
    found = repository.found()
    assert any(
        "git changes the bytes of models/crlf/1/model.onnx" in line and ".gitattributes" in line for line in found
    )


def test_a_model_that_is_not_signed_though_a_key_asks_for_it(repository: Repository) -> None:
    pytest.importorskip("nacl", reason="PyNaCl is not installed")
    from tests.support.models.keys import key_pair

    key = {"DYNONNX_VERIFY_KEY": key_pair()[1]}
    assert any("requirements.txt lacks PyNaCl" in found for found in repository.found(config_vars=key))
    repository.commit("requirements-signing.txt", (ROOT / "requirements-signing.txt").read_text())
    repository.add_line("requirements.txt", "-r requirements-signing.txt")
    repository.only("is not signed", config_vars=key)


# The build


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.15", "python-3.13", "3", "# nothing", "3.12\n3.13", "3.13.x"])
def test_a_python_that_the_stack_does_not_have(repository: Repository, version: str) -> None:
    repository.commit(".python-version", version + "\n")
    repository.only("3.13", "echo 3.13 > .python-version")


def test_no_python_version(repository: Repository) -> None:
    repository.remove(".python-version")
    repository.only("no .python-version is committed")


def test_a_runtime_txt(repository: Repository) -> None:
    repository.commit("runtime.txt", "python-3.13.1\n")
    repository.only("runtime.txt overrides .python-version", "git rm runtime.txt")


@pytest.mark.parametrize("name", ["Pipfile.lock", "poetry.lock", "uv.lock", "Pipfile"])
def test_two_lock_files(repository: Repository, name: str) -> None:
    repository.commit(name, "{}")
    repository.only(f"{name} is committed beside requirements.txt", f"git rm {name}")


def test_a_requirement_without_a_hash(repository: Repository) -> None:
    repository.add_line("requirements.txt", "requests==2.32.3")
    repository.only("none for requests==2.32.3", "make lock")


def test_requirements_that_run_no_server(repository: Repository) -> None:
    repository.commit("requirements.txt", "scikit-learn==1.9.1\nnumpy\n")
    repository.only("requirements.txt lacks fastapi, gunicorn", "make lock")


def test_a_package_that_does_not_run_on_the_python_of_the_build(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.doctor.examination.runs_on", lambda wants, python: not wants.startswith(">=3.11"))
    repository.commit(".python-version", "3.12\n")
    assert any("numpy" in line and "does not run on Python 3.12" in line for line in repository.found())


def test_another_runtime_here_than_there(repository: Repository) -> None:
    text = (repository.root / "requirements.txt").read_text()
    repository.commit("requirements.txt", re.sub(r"^onnxruntime==\S+", "onnxruntime==1.20.0", text, flags=re.MULTILINE))
    repository.only("served with 1.20.0 there", "make install")


@pytest.mark.parametrize("name", ["procfile", "Procfile.txt"])
def test_a_procfile_by_another_name(repository: Repository, name: str) -> None:
    repository.git("mv", "--force", "Procfile", name)
    repository.git("commit", "--quiet", "--message", "x")
    assert any(line.startswith(f"'{name}' is read by nobody") for line in repository.found())


@pytest.mark.parametrize("line", ["worker: python -m server", "web: gunicorn app:app"])
def test_a_procfile_that_starts_no_server(repository: Repository, line: str) -> None:
    repository.commit("Procfile", line + "\n")
    repository.only("Procfile", "printf 'web: python -m server")


def test_a_committed_virtual_environment(repository: Repository) -> None:
    repository.commit("venv/pyvenv.cfg", "home = /usr/bin\n")
    repository.only("venv/ is committed", "git rm -r --cached")


def test_a_shallow_clone(repository: Repository, tmp_path: Path) -> None:
    repository.add_line("Procfile", "# more")
    repository.git("clone", "--quiet", "--depth", "1", repository.root.as_uri(), str(tmp_path / "shallow"))
    Repository(tmp_path / "shallow").only("this clone is shallow", "git fetch --unshallow")


def test_no_repository_and_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(NoCheckout):
        examine(tmp_path, Asked({}, {}, None, False))
    empty = Repository(tmp_path)
    empty.git("init", "--quiet")
    empty.only("nothing is committed yet")


# The slug


@pytest.mark.parametrize("path", ["churn.pkl", "notes/model.joblib", "old/forest.SKOPS"])
def test_a_pickle_that_would_ship(repository: Repository, path: str) -> None:
    repository.commit(path, b"\x80\x04N.")
    repository.only(f"{path} is a pickle and would ship", f"git rm --cached --quiet {path}")


@pytest.mark.parametrize("path", ["customers.csv", "data/all.parquet", "models/tickets/1/sample.npy"])
def test_data_that_would_ship(repository: Repository, path: str) -> None:
    repository.commit(path, "1,2\n")
    repository.only(f"{path} looks like data and would ship", f"echo /{path} >> .slugignore")


def test_what_does_not_ship_may_be_there(repository: Repository) -> None:
    repository.commit("tests/data/rows.csv", "1,2\n")
    repository.commit("examples/churn.pkl", b"\x80\x04N.")
    assert repository.found() == []


def test_committed_secrets(repository: Repository) -> None:
    repository.commit(".env", "DYNONNX_API_KEYS=0123456789abcdef\n")
    repository.only(".env is committed", "git rm --cached --quiet .env")


def test_no_slugignore(repository: Repository) -> None:
    repository.remove(".slugignore")
    repository.only("no .slugignore is committed", "> .slugignore && git add .slugignore")


@pytest.mark.parametrize("line", ["models", "/models/tickets", "*.onnx", "/server", "requirements.txt"])
def test_a_slugignore_that_keeps_out_what_the_dyno_needs(repository: Repository, line: str) -> None:
    repository.add_line(".slugignore", line)
    found = repository.found()
    assert f".slugignore's line `{line}` keeps" in found[0]


def test_a_negation_that_means_nothing(repository: Repository) -> None:
    repository.add_line(".slugignore", "!/tests/keep")
    repository.only("`!/tests/keep` does nothing", "sed -i")


def test_packages_that_make_the_slug_too_large(repository: Repository) -> None:
    repository.add_line("requirements.txt", f"torch==2.9.0 --hash=sha256:{'0' * 64}")
    repository.only("MB compressed, and Heroku takes 500", "torch", "make lock")


def test_files_that_make_the_slug_too_large(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slug, "LIMIT_BYTES", 80_000_000)  # 30 MB in git take no time, 500 take half a minute
    assert repository.found() == []
    repository.commit("server/weights.bin", random.Random(0).randbytes(1 << 16) * 480)
    repository.only("MB compressed, and Heroku takes 80; the largest part is server/weights.bin, 31 MB", ".slugignore")
    repository.commit("server/weights.bin", bytes(31_000_000))  # zeros take no place
    assert repository.found() == []


def test_changes_that_are_not_committed(repository: Repository) -> None:
    repository.write("server/__main__.py", "x = 1\n")
    repository.only("server/__main__.py: changed here, but not committed", "git commit --all")


# Settings and memory


@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("Procfile", "Procfile: "),
        ("app.json", "app.json: "),
        ("environment", "the environment: "),
        ("config", "the app's"),
    ],
)
def test_a_default_model_that_is_none(repository: Repository, where: str, says: str) -> None:
    asked = {}
    if where == "Procfile":
        repository.commit(where, "web: DYNONNX_DEFAULT_MODEL=iris python -m server\n")
    elif where == "app.json":
        keys = '"DYNONNX_API_KEYS": {"generator": "secret"}'
        repository.commit(where, f'{{"env": {{"DYNONNX_DEFAULT_MODEL": "iris", {keys}}}}}')
    else:
        asked[{"environment": where, "config": "config_vars"}[where]] = {"DYNONNX_DEFAULT_MODEL": "iris"}
    repository.only(says, "DYNONNX_DEFAULT_MODEL is iris, and no such model is committed: there is tickets", **asked)


def test_a_default_model_that_there_is(repository: Repository) -> None:
    assert repository.found(config_vars={"DYNONNX_DEFAULT_MODEL": "tickets"}) == []


def test_a_setting_that_is_none_and_one_of_a_bad_value(repository: Repository) -> None:
    repository.only("there is no such setting", "unset", config_vars={"DYNONNX_DEFUALT_MODEL": "tickets"})
    repository.only("DYNONNX_STRICT: expected 0 or 1", environment={"DYNONNX_STRICT": "yes"})


def test_a_public_app_without_keys(repository: Repository) -> None:
    repository.git("remote", "add", "heroku", "https://git.heroku.com/my-predictions.git")
    repository.only("the app answers anyone", "heroku config:set DYNONNX_API_KEYS=")
    assert repository.found(config_vars=KEY) == []
    assert repository.found(is_open=True) == []
    repository.git("remote", "remove", "heroku")
    repository.commit("app.json", "{}")
    repository.only("the app answers anyone")


def test_more_workers_than_the_dyno_has_memory_for(repository: Repository) -> None:
    eight = {"WEB_CONCURRENCY": "8"}
    repository.only("8 workers with these models take", "a basic dyno has 512", "WEB_CONCURRENCY=5", config_vars=eight)
    assert repository.found(config_vars=eight, size="performance-m") == []
    assert repository.found(config_vars={**eight, "WEB_CONCURRENCY_SET_BY": "heroku/python"}) == []


def test_of_two_apps_the_remedies_are_said_of_the_one_that_is_meant(repository: Repository) -> None:
    repository.git("remote", "add", "production", "https://git.heroku.com/one.git")
    repository.git("remote", "add", "staging", "https://git.heroku.com/two.git")
    repository.only("2 apps are remotes here, production, staging", "--remote production")
    for remote, says in (
        ("staging", "heroku config:set --remote staging DYNONNX_API_KEYS="),
        ("test", "there is prod"),
    ):
        (found,) = examine(repository.root, Asked({}, {}, None, False, remote)).findings
        assert says in f"{found.what}\n{found.remedy}"


def test_a_dyno_that_there_is_not(repository: Repository) -> None:
    text = (repository.root / "app.json").read_text()
    repository.commit("app.json", text.replace('"basic"', '"huge"'))
    repository.only("there is no dyno size huge")


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"stack": "heroku-18", "env": {"DYNONNX_API_KEYS": {"generator": "secret"}}}']
)
def test_an_app_json_that_heroku_does_not_take(repository: Repository, text: str) -> None:
    repository.commit("app.json", text)
    assert repository.found(config_vars=KEY)[0].startswith("app.json: ")


def test_a_models_folder_elsewhere(repository: Repository) -> None:
    repository.only("outside of the repository", environment={"DYNONNX_MODELS": "/srv/models"})
    repository.git("mv", "models", "mine")
    repository.git("commit", "--quiet", "--message", "x")
    assert repository.found({"DYNONNX_MODELS": "mine"}) == []


# The command


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "server", *words]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_commands_say_it_in_lines_and_by_exit_status(repository: Repository, tmp_path: Path) -> None:
    (repository.root / "server" / "__main__.py").unlink()  # which would hide the real one
    (repository.root / "server").rmdir()
    bad = run(repository.root, "doctor")
    assert (bad.returncode, bad.stdout.count("\n")) == (1, 2), bad
    assert bad.stdout.startswith("1. server/__main__.py: changed here")
    checked = run(repository.root, "check")
    assert (checked.returncode, checked.stdout) == (0, f"tickets 1: answers its {GOLDEN} golden rows\n"), checked
    repository.write("models/bent/1/model.onnx", wrong_golden())
    refused = run(repository.root, "check")
    assert refused.returncode == 1
    assert "refused: bent/1/model.onnx: golden row" in refused.stdout
    assert run(tmp_path, "doctor").stdout.startswith("1. no git repository is here")


def test_a_link_is_read_by_nobody_wherever_it_leads(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository.root.parent / "elsewhere").write_bytes(b"\0" * 10_000)
    for path in ("notes", "models/away/1/model.onnx"):
        (repository.root / path).parent.mkdir(parents=True, exist_ok=True)
        (repository.root / path).symlink_to(repository.root.parent / "elsewhere")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message", "x")
    read = Path.read_bytes
    monkeypatch.setattr(
        Path, "read_bytes", lambda path: pytest.fail("a link is read") if path.is_symlink() else read(path)
    )
    assert examination._packed_share(repository.root, "notes") == 1.0
    repository.only("models/away/1/model.onnx is a link")


def test_no_name_begins_a_line_of_its_own(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit("x\n   rm -rf .csv", "x")
    monkeypatch.chdir(repository.root)
    monkeypatch.setattr("server.doctor.__main__.logging", SimpleNamespace(disable=lambda: None))
    main(["doctor", "--open"], None)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("   rm")] == []


def test_a_running_server_has_not_loaded_the_doctor() -> None:
    code = "import server.__main__, server.processes.arbiter, sys; print('server.doctor' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
