"""The lines of README's "Your model" do what they say, word for word, in a clone; `make run` leaves a model alone."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.integration.clone import ENVIRONMENT, make_clone, shell

STEPS = re.search(r"^## Your model\n```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
WAIT_SECONDS = 60


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    if not (ROOT / "build" / "churn.pkl").is_file():
        pytest.fail("no example pickle: run `make models` first", pytrace=False)
    return make_clone(tmp_path)


def test_the_lines_of_your_model_work_word_for_word(clone: Path, tmp_path: Path) -> None:
    assert STEPS is not None
    convert, serve, commit, doctor, create, push = STEPS[1].strip().split("\n")
    (clone / "path" / "to").mkdir(parents=True)
    shutil.copy(ROOT / "build" / "churn.pkl", clone / "path" / "to")
    shell(clone, "echo path/ >> .git/info/exclude")
    assert "models/churn/1/model.onnx" in shell(clone, convert)
    assert b'"churn"' in first_answer(clone, serve)
    shell(clone, commit)
    assert shell(clone, doctor) == "good: a push brings 1 model file\n"
    app = "git init -q --bare ../there.git && git remote add heroku ../there.git"
    standin = f'heroku() {{ if [ "$1" = create ]; then {app}; fi; }}'
    shell(clone, f"{standin}; {create}")
    shell(clone, push)
    assert "models/churn/1/model.onnx" in shell(tmp_path / "there.git", "git ls-tree -r --name-only main")
    would_run = shell(clone, "make --dry-run run")
    assert "build/churn.pkl --version 1 --out examples/models" in would_run
    assert "make serve serves yours" in would_run


def first_answer(clone: Path, line: str) -> bytes:
    """What /models of the server that a line starts says; the server is ended."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["bash", "-c", f"exec {line}"]
    environment = {**ENVIRONMENT, "PORT": str(port), "DYNONNX_HOST": "127.0.0.1"}
    with subprocess.Popen(command, cwd=clone, env=environment, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            line = next((said for said in server.stdout if " serves " in said), "")
            assert "serves churn 1" in line
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/models", timeout=WAIT_SECONDS) as answer:
                return bytes(answer.read())
        finally:
            server.terminate()
            server.wait(WAIT_SECONDS)
