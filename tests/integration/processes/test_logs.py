"""The log is one line an event, whatever a client sends."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import orjson
import pytest

from tests.integration.conftest import Start
from tests.support.integration.running import Running, poll
from tests.support.integration.wire import exchange

EVIL = (
    b"GET /%0d%0a%7b%22level%22%3a%22error%22%7d HTTP/1.1\r\nHost: test\r\n\r\n",
    b"GET /\x1b[31m HTTP/1.1\r\nHost: test\r\n\r\n",
    b"POST /predict HTTP/1.1\r\nHost: test\r\nX-Request-ID: a\x0bb\r\nContent-Length: 1\r\n\r\n{",
    b"\x16\x03\x01" + bytes(100),
)


def provoke(server: Running) -> None:
    """Makes it say what it can: bad requests, a killed worker."""
    for data in EVIL:
        exchange(server.port, data)
    workers = server.workers()
    os.kill(workers[0], signal.SIGKILL)
    poll(lambda: server.workers() != workers and len(server.workers()) == 2, "the worker is replaced")
    poll(lambda: str(workers[0]) in server.read_log(), "the log tells of the killed worker")


@pytest.mark.fault(58)
def test_json_logs_are_one_object_a_line(start: Start, models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models / "iris", folder / "iris")
    (folder / "bad.onnx").write_bytes(b"no model")
    settings = {"DYNONNX_MODELS": str(folder), "DYNONNX_LOG_FORMAT": "json", "WEB_CONCURRENCY": "2"}
    server = start(**settings)
    provoke(server)
    server.stop()
    lines = [orjson.loads(line) for line in server.read_log().splitlines()]
    assert all({"time", "level", "message", "pid"} <= set(line) for line in lines)
    assert [line for line in lines if line.get("model") == "bad" and line["level"] == "error"]
    (hello,) = [line for line in lines if "serves" in line["message"]]
    assert "iris 1" in hello["message"]
    assert f"http://localhost:{server.port}" in hello["message"]


@pytest.mark.fault(58)
def test_text_logs_hold_no_control_characters(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    provoke(server)
    server.stop()
    said = server.read_log()
    assert not [character for character in said if not character.isprintable() and character != "\n"]
    assert "Traceback" not in said


def test_no_request_is_logged_by_default(start: Start) -> None:
    server = start(WEB_CONCURRENCY="1")
    before = server.read_log()
    assert before.count("\n") == 1, "one line at the start, with the address and the models"
    for path in ("/models", "/none", "/docs"):
        server.ask("GET", path)
    server.ask("POST", "/predict", b'{"features":["x"]}')
    assert server.read_log() == before
