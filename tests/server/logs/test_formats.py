"""The format of log lines: one line each whatever a value holds, text or JSON, and of bounded size."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.logs.formats import MOST_BYTES, JsonFormatter, TextFormatter, json_line, told

# U+009B is one character that a terminal takes for ESC [; some end a line, some turn the order of those behind them.
UNSEEN = {*map(chr, (*range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)))}
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=()), max_size=40)


def record(message: object, *arguments: object, error: BaseException | None = None, **extra: object) -> Any:
    """A log record as `log.info(message, *arguments, extra=extra)` makes it."""
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("dynonnx", logging.INFO, __file__, 1, message, arguments, info)
    made.__dict__.update(extra)
    return made


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
    assert not set(line) & UNSEEN


def test_no_character_ends_a_line_for_anybody_or_moves_a_terminal() -> None:
    for text in UNSEEN:
        told_of = record("got %s", text, path=text)
        line = JsonFormatter().format(told_of)
        assert line.isascii()
        assert TextFormatter().format(told_of).isascii()
        assert orjson.loads(line)["path"] == text
        assert orjson.loads(json_line({"path": text})) == {"path": text}


@pytest.mark.fault(58)
@given(ANY_TEXT, ANY_TEXT)
def test_json_is_one_object_whatever_a_client_sends(message: str, value: str) -> None:
    line = JsonFormatter().format(record("got %s", message, path=value, size=2**70))
    assert len(line.splitlines()) == 1
    assert not set(line) & UNSEEN
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


def test_a_traceback_holds_no_line_that_could_be_a_record() -> None:
    try:
        raise ValueError("x\n2026-01-01T00:00:00.000Z error forged \x1b[31m")
    except ValueError as error:
        text = TextFormatter().format(record("failed", error=error))
    first, *rest = text.splitlines()
    assert first.endswith("info failed")
    assert all(line.startswith("  ") for line in rest)
    assert "\x1b" not in text


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=4) | ANY_TEXT, st.integers(0, 5000))
def test_a_record_is_bounded_whatever_it_holds(piece: str, times: int) -> None:
    long = piece * times
    try:
        raise ValueError(long)
    except ValueError as error:
        given_record = record("got %s", long, error=error, path=long)
    text, line = TextFormatter().format(given_record), JsonFormatter().format(given_record)
    assert len(text.encode()) <= MOST_BYTES
    assert len(line.encode()) <= MOST_BYTES
    assert orjson.loads(line)["level"] == "info"


def test_a_long_record_keeps_both_its_ends() -> None:
    try:
        raise ValueError("y" * 9000 + " the end")
    except ValueError as error:
        given_record = record("the start %s", "x" * 9000, error=error)
    text = TextFormatter().format(given_record)
    assert "info the start xxx" in text
    assert text.endswith("yyy the end")
    entry = orjson.loads(JsonFormatter().format(given_record))
    assert entry["message"].startswith("the start xxx")
    assert entry["traceback"].endswith("yyy the end")


def test_what_is_told_at_a_terminal_holds_nothing_that_it_obeys() -> None:
    assert told("caf\u00e9 \x1b[2J \u202e \x9b \r") == "caf\u00e9 \\x1b[2J \\u202e \\x9b \\r"
    assert told(ValueError("one\n  two")) == "one\n  two"
