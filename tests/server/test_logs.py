"""Logs: one line each whatever a value holds, text or JSON, and who writes below warning."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server import logs
from server.logs import JsonFormatter, TextFormatter

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


def record(message: object, *arguments: object, error: BaseException | None = None, **extra: object) -> Any:
    """A log record as `log.info(message, *arguments, extra=extra)` makes it."""
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("dynonnx", logging.INFO, __file__, 1, message, arguments, info)
    made.__dict__.update(extra)
    return made


@pytest.fixture
def kept_root() -> Iterator[None]:
    """Puts the loggers back as they were."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logs.log.level)
    yield
    root.handlers[:], root.level = before[0], before[1]
    logs.log.setLevel(before[2])


def test_text_line() -> None:
    line = TextFormatter().format(record("loaded %s", "iris", model="iris", rows=3))
    time, rest = line.split(" ", 1)
    assert time.endswith("Z")
    assert rest == "info loaded iris model=iris rows=3"


@pytest.mark.fault(58)
@given(ANY_TEXT, ANY_TEXT)
def test_text_is_one_line_whatever_a_client_sends(message: str, value: str) -> None:
    line = TextFormatter().format(record("got %s", message, path=value))
    assert len(line.splitlines()) == 1
    assert all(character.isprintable() or not character.isascii() for character in line)
    assert "\x9b" not in line  # one character that a terminal takes for ESC [


@pytest.mark.fault(58)
@given(ANY_TEXT, ANY_TEXT)
def test_json_is_one_object_whatever_a_client_sends(message: str, value: str) -> None:
    line = JsonFormatter().format(record("got %s", message, path=value, size=2**70))
    assert "\n" not in line
    entry = orjson.loads(line)
    assert entry["level"] == "info"
    if not any("\ud800" <= character <= "\udfff" for character in message + value):
        assert entry["message"] == f"got {message}"
        assert entry["path"] == value


def test_a_traceback_is_kept() -> None:
    try:
        raise ValueError("inner")
    except ValueError as error:
        given_record = record("failed", error=error)
    text = TextFormatter().format(given_record)
    assert text.splitlines()[0].endswith("info failed")
    assert text.endswith("ValueError: inner")
    assert "ValueError: inner" in orjson.loads(JsonFormatter().format(given_record))["traceback"]


@pytest.mark.usefixtures("kept_root")
def test_configure_lets_our_level_and_others_warnings_through(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logs.log.debug("ours, too fine")
    logs.log.info("ours")
    logging.getLogger("uvicorn").info("theirs, chatter")
    logging.getLogger("uvicorn").warning("theirs")
    lines = [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["ours", "theirs"]


@pytest.mark.usefixtures("kept_root")
def test_configure_twice_does_not_write_twice() -> None:
    logs.configure("info", "json")
    logs.configure("warning", "text")
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stdout
    assert isinstance(handler.formatter, TextFormatter)
    assert not logs.log.isEnabledFor(logging.INFO)
