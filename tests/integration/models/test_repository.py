"""A models folder that is empty or has bad files: what the server logs and serves."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import Start
from tests.integration.processes.test_settings import check_refused
from tests.support.integration.originals import EXAMPLES
from tests.support.integration.running import Running, free_port

ROW = b'{"features":[5.1,3.5,1.4,0.2]}'
GARBAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "truncated": lambda whole: whole[: len(whole) // 2],
    "text": lambda whole: b"this is not a model\n",
    "random": lambda whole: bytes((byte * 7 + 13) % 256 for byte in whole),
}


@pytest.fixture
def copied(models: Path, tmp_path: Path) -> Path:
    """A folder of our own with the four example models."""
    folder = tmp_path / "models"
    for name in EXAMPLES:
        shutil.copytree(models / name, folder / name)
    return folder


def check_serves_nothing(server: Running) -> None:
    assert server.ask("GET", "/health").status == 200
    assert server.ask("GET", "/v2/health/live").status == 200
    for method, path in (("GET", "/v2/health/ready"), ("POST", "/predict")):
        answer = server.ask(method, path, ROW if method == "POST" else None)
        assert (answer.status, answer.json()["code"]) == (503, "model_unavailable")
        assert "convert" in answer.json()["error"]
    assert server.ask("GET", "/models").json()["models"] == []
    assert server.ask("GET", "/docs").status == 200


def test_no_models_folder(start: Start, tmp_path: Path) -> None:
    server = start(DYNONNX_MODELS=str(tmp_path / "none"), WEB_CONCURRENCY="1")
    check_serves_nothing(server)
    assert "convert" in server.read_log()


def test_an_empty_models_folder(start: Start, tmp_path: Path) -> None:
    check_serves_nothing(start(DYNONNX_MODELS=str(tmp_path), WEB_CONCURRENCY="1"))


@pytest.mark.parametrize("kind", GARBAGE)
def test_one_bad_file_of_several(start: Start, copied: Path, kind: str) -> None:
    file = copied / "diabetes" / "1" / "model.onnx"
    file.write_bytes(GARBAGE[kind](file.read_bytes()))
    server = start(DYNONNX_MODELS=str(copied), WEB_CONCURRENCY="1")
    assert server.ask("GET", "/v2/health/ready").status == 200
    assert server.ask("POST", "/models/iris/predict", ROW).status == 200
    refused = server.ask("POST", "/models/diabetes/predict", ROW)
    assert (refused.status, refused.json()["code"]) == (503, "model_unavailable")
    states = {model["name"]: model for model in server.ask("GET", "/models").json()["models"]}
    assert {name for name, state in states.items() if state["ready"]} == {"iris", "breast-cancer", "churn"}
    assert states["diabetes"]["reason"]
    assert str(copied) not in states["diabetes"]["reason"]
    assert "diabetes" in server.read_log()


@pytest.mark.fault(47)
def test_strict_lets_no_bad_file_pass(copied: Path) -> None:
    (copied / "churn" / "1" / "model.onnx").write_bytes(b"no model")
    settings = {"PORT": str(free_port()), "DYNONNX_MODELS": str(copied), "DYNONNX_STRICT": "1"}
    check_refused(settings, "churn")


def test_the_highest_version_is_the_default_and_all_serve(start: Start, copied: Path) -> None:
    for version in ("2", "10", "1.9.0"):
        shutil.copytree(copied / "iris" / "1", copied / "iris" / version)
    server = start(DYNONNX_MODELS=str(copied), WEB_CONCURRENCY="1")
    assert server.ask("POST", "/models/iris/predict", ROW).json()["model_version"] == "10"
    for version in ("1", "1.9.0", "2", "10"):
        answer = server.ask("POST", f"/models/iris/versions/{version}/predict", ROW)
        assert answer.json()["model_version"] == version
    assert server.ask("POST", "/models/iris/versions/3/predict", ROW).status == 404
