"""The access log: one line in so many requests, JSON whatever a client sends, and never in the way of other lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from server.logs import handler as logs
from server.logs.access import AccessLog
from server.logs.handler import LineHandler
from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, get, open_door, post


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The reading end of a log that nobody has read yet."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    written = LineHandler(writing)
    monkeypatch.setattr(logs, "present", lambda: written)
    yield reading
    os.close(reading)
    os.close(writing)


def test_one_in_so_many_and_each_failure() -> None:
    access_log = AccessLog(4)
    assert [access_log.admits(200) for _ in range(9)] == [True, False, False, False, True, False, False, False, True]
    assert [access_log.admits(status) for status in (404, 503, 500, 200)] == [False, True, True, True]


def test_a_line_is_json_whatever_a_client_sends(lines: int) -> None:
    path = "/a\r\nb\x1b[0m\udc80\x9b\u2028" + "x" * 9999
    AccessLog(1).write("id", "GET\n", path, 404, 0.00123, code="not_found", model=None)
    data = os.read(lines, 1 << 16)
    assert len(data.decode().splitlines()) == 1
    assert data.isascii()
    line = orjson.loads(data)
    assert line["path"].startswith("/a\r\nb\x1b[0m")
    assert len(line["path"]) < 250
    assert (line["status"], line["ms"], line["code"]) == (404, 1.23, "not_found")
    assert "model" not in line


def test_a_log_that_nobody_reads_costs_lines_and_leaves_room_for_others(lines: int) -> None:
    lost: list[str] = []
    handler = logs.present()
    assert handler is not None
    handler.count_loss = lost.append
    for _ in range(5000):
        AccessLog(1).write("id", "GET", "/" + "x" * 190, 200, 0.0)
    assert len(lost) > 1000
    assert handler._output._queued_bytes < 4096, "at most one line that was begun waits"


@pytest.mark.parametrize("door", DOORS)
def test_a_request_is_a_line(door: str, tmp_path: Path, lines: int) -> None:
    with open_door(door, tmp_path, {"iris": models.classifier()}, ACCESS_LOG="1") as opened:
        opened.ask(post(ROW, "/predict", b"X-Request-ID: mine"))
        opened.ask(post(b"{}", "/models/iris/predict"))
        opened.ask(get("/nowhere"))
    first, second, third = map(orjson.loads, os.read(lines, 1 << 16).splitlines())
    assert (first["request_id"], first["method"], first["path"], first["status"]) == ("mine", "POST", "/predict", 200)
    assert first["model"] == "iris"
    assert 0.0 < first["ms"] < 60_000
    assert (second["path"], second["status"], second["model"]) == ("/models/iris/predict", 422, "iris")
    assert (third["path"], third["status"], "model" in third) == ("/nowhere", 404, False)


@pytest.mark.parametrize("door", DOORS)
def test_hirefires_token_is_in_no_line(door: str, tmp_path: Path, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_door(door, tmp_path, {"iris": models.classifier()}, ACCESS_LOG="1") as opened:
        monkeypatch.setattr(opened.app.endpoints.gate, "_hirefire_token", "secret-token")
        for path in ("/hirefire/secret-token/info", "/hirefire/secret%2Dtoken/info", "/of/hirefire/secret-token/info"):
            opened.ask(get(path))
    written = os.read(lines, 1 << 16)
    assert b"secret" not in written
    told = [(line["path"], line["status"]) for line in map(orjson.loads, written.splitlines())]
    assert told == [("/hirefire/-/info", 200), ("/hirefire/-/info", 200), ("/of/hirefire/-/info", 404)]


def test_without_the_setting_there_is_none(tmp_path: Path, lines: int) -> None:
    with open_door("two", tmp_path, {"iris": models.classifier()}) as opened:
        opened.ask(post(ROW))
    with pytest.raises(BlockingIOError):
        os.read(lines, 1)
