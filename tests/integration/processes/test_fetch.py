"""A server that fetches its models before it serves: the command, the start, the restart, the stop meanwhile."""

from __future__ import annotations

import hashlib
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.integration.running import Running, poll, run_to_end, running
from tests.support.server.file_host import FileHost, file_host, gives
from tests.support.server.models import classifier

FETCH = (sys.executable, "-m", "server", "fetch")
CHECK = (sys.executable, "-m", "server", "check")
MODEL = classifier().data


@pytest.fixture
def host() -> Iterator[FileHost]:
    """A host of a model and of what is none."""
    with file_host() as made:
        made.answers |= {"/iris.onnx": gives(MODEL), "/bad.onnx": gives(b"hello")}
        yield made


def of(host: FileHost, *paths: str) -> str:
    bodies = {"/iris.onnx": MODEL, "/bad.onnx": b"hello"}
    return " ".join(f"{host.base}{path}#sha256={hashlib.sha256(bodies[path]).hexdigest()}" for path in paths)


def test_a_server_serves_what_it_fetched_and_starts_again_without_the_host(host: FileHost, tmp_path: Path) -> None:
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_MODELS_FROM": of(host, "/iris.onnx", "/bad.onnx")}
    with running(settings, tmp_path / "log") as server:
        assert server.ask("GET", "/v2/models/iris/ready").status == 200
        refused = json.loads(server.ask("GET", "/models").body)
        assert "is text, not a model" in json.dumps(refused)  # the trial is that of any file
        assert "fetched http://127.0.0.1:" in server.read_log()
    host.answers.clear()
    status, said = run_to_end(settings, FETCH)
    assert (status, said.count("already"), len(host.asked)) == (0, 2, 2)


@pytest.mark.fault(62)
@pytest.mark.slow
def test_a_start_without_its_models_ends_with_the_address(host: FileHost, tmp_path: Path) -> None:
    host.answers["/iris.onnx"] = gives(b"other")
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_MODELS_FROM": of(host, "/iris.onnx")}
    status, said = run_to_end(settings)
    assert (status, said.count("\n")) == (1, 1)
    assert said.startswith(f"DYNONNX_MODELS_FROM: {host.base}/iris.onnx has SHA-256")
    assert not (tmp_path / "models").exists()


@pytest.mark.slow
def test_the_command_fetches_and_a_check_tries_what_it_fetched(host: FileHost, tmp_path: Path) -> None:
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_MODELS_FROM": of(host, "/iris.onnx")}
    status, said = run_to_end({}, FETCH)
    assert (status, "nothing to fetch" in said) == (0, True)
    status, said = run_to_end(settings, FETCH)
    assert status == 0
    assert said.endswith(f"fetched {host.base}/iris.onnx: {len(MODEL)} bytes, iris/1/model.onnx\n")
    status, said = run_to_end(settings, CHECK)
    assert status == 0
    assert "is in" in said.splitlines()[0]
    assert said.splitlines()[1].startswith("iris 1: answers its")
    assert len(host.asked) == 1
    host.answers.clear()
    (tmp_path / "models/iris/1/model.onnx").unlink()
    for command in (CHECK, FETCH):
        assert run_to_end(settings, command)[0] == 1
        assert run_to_end({"DYNONNX_MODELS_FROM": "https://host/iris.onnx"}, command)[0] == 2


@pytest.mark.slow
def test_a_stop_while_it_fetches_ends_both(host: FileHost, tmp_path: Path) -> None:
    host.answers["/iris.onnx"] = host.silent
    server = Running(
        {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_MODELS_FROM": of(host, "/iris.onnx")}, tmp_path / "log"
    )
    poll(lambda: bool(host.asked), "it asks for the model")
    server.process.send_signal(signal.SIGTERM)
    assert server.stop() == 128 + signal.SIGTERM
    assert server.workers() == []


@pytest.mark.fault(62)
@pytest.mark.slow
def test_the_time_for_all_holds_whatever_comes_by_drops(host: FileHost, tmp_path: Path) -> None:
    host.answers["/iris.onnx"] = host.dripping
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_FETCH_SECONDS": "1"}
    status, said = run_to_end({**settings, "DYNONNX_MODELS_FROM": of(host, "/iris.onnx")}, FETCH)
    assert status == 1
    assert said.endswith("/iris.onnx was not there in time: set DYNONNX_FETCH_SECONDS, or put it nearer\n")
