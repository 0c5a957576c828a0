"""A server with a public key serves what its owner signed, and nothing else; a key that is none stops the start."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("nacl", reason="PyNaCl is not installed")

from convert.__main__ import main
from tests.integration.conftest import Start
from tests.integration.processes.test_settings import check_refused
from tests.support.integration.running import free_port
from tests.support.models.keys import key_pair

ROW = b'{"features":[5.1,3.5,1.4,0.2]}'


def test_only_signed_models_serve(start: Start, models: Path, tmp_path: Path) -> None:
    private, public = key_pair()
    (tmp_path / "private.pem").write_text(private)
    (tmp_path / "public.pem").write_text(public)
    folder = tmp_path / "models"
    for name in ("iris", "churn"):
        shutil.copytree(models / name, folder / name)
    assert main(["sign", str(folder / "iris/1/model.onnx"), "--key", str(tmp_path / "private.pem")]) == 0
    shutil.copytree(folder / "iris" / "1", folder / "iris" / "2")  # an old file as a new version
    server = start(DYNONNX_MODELS=str(folder), DYNONNX_VERIFY_KEY=str(tmp_path / "public.pem"), WEB_CONCURRENCY="1")
    assert server.ask("POST", "/models/iris/predict", ROW).json()["model_version"] == "1"
    assert server.ask("POST", "/models/churn/predict", ROW).status == 503
    reasons = {(told["name"], told["version"]): told["reason"] for told in refused(server.ask("GET", "/models").json())}
    assert set(reasons) == {("churn", "1"), ("iris", "2")}
    assert "is not signed" in reasons["churn", "1"]
    assert "not of this file" in reasons["iris", "2"]


def refused(told: dict[str, list[dict[str, str]]]) -> list[dict[str, str]]:
    return [version for version in told["models"] if not version["ready"]]


@pytest.mark.parametrize("value", ["no/such/file.pem", "-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----"])
def test_a_key_that_is_none_stops_the_start(value: str, models: Path) -> None:
    settings = {"PORT": str(free_port()), "DYNONNX_MODELS": str(models), "DYNONNX_VERIFY_KEY": value}
    assert "Traceback" not in check_refused(settings, "DYNONNX_VERIFY_KEY")
