"""Owns the format of log lines, text or JSON. Knows nothing of what is logged.

A message is one line: control characters are escaped, so that no client can forge a line. A record has at most
MOST_BYTES; what is longer loses its middle.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from server.logs.output import LINE_BYTES

MOST_BYTES = LINE_BYTES - 1  # and a line end
VALUE_BYTES = (2048, 1024, 512, 256, 128, 64, 32)  # of each value of a JSON record: the first of these that fits
_CUT = " ... "
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
# No control characters, but many readers end a line there; and these turn round the order in which others are shown.
_LINE_ENDS = (0x2028, 0x2029)
_TURNS = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_UNSEEN = (*range(127, 160), *_LINE_ENDS, *_TURNS)
_ESCAPES = {code: ascii(chr(code))[1:-1] for code in (*range(32), *_UNSEEN)}
_ESCAPES_OF_LINES = {code: escape for code, escape in _ESCAPES.items() if chr(code) != "\n"}
_ESCAPES_OF_JSON = {code: f"\\u{code:04x}" for code in _UNSEEN}  # what else it leaves as it is


def told(text: object, kept: str = "\n") -> str:
    """A message for a terminal, which may hold the names of strangers' files: what cannot be printed is escaped.

    ``kept``: nothing for what is one line, so that no name in it begins another.
    """
    return "".join(char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in str(text))


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD and key != "color_message"}


class TextFormatter(logging.Formatter):
    """``time level message key=value``, then the traceback, if any, on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """One line for a person."""
        extras = "".join(f" {key}={value}" for key, value in _extras(record).items())
        line = f"{_time(record)} {record.levelname.lower()} {record.getMessage()}{extras}".translate(_ESCAPES)
        if not record.exc_info:
            return _shorten(line, MOST_BYTES)
        line = _shorten(line, MOST_BYTES // 2)
        # Indented, so that no line of it can be taken for a record.
        lines = self.formatException(record.exc_info).translate(_ESCAPES_OF_LINES).replace("\n", "\n  ")
        return line + _shorten(f"\n  {lines}", MOST_BYTES - len(line.encode()))


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, message, pid, extras, and the traceback, if any."""

    def format(self, record: logging.LogRecord) -> str:
        """One line for a machine."""
        entry = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            "pid": record.process,
        }
        entry.update(_extras(record))
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        line = _dumps(entry)
        for most in VALUE_BYTES:
            if len(line) <= MOST_BYTES:
                break
            line = _dumps({key: _shorten(v, most) if isinstance(v, str) else v for key, v in entry.items()})
        return line.decode()


def _shorten(text: str, most: int) -> str:
    """At most so many bytes of a text, its middle lost if it was longer; what is no UTF-8 is escaped."""
    data = text.encode("utf-8", "backslashreplace")  # a file name may have such
    if len(data) > most:
        half = (most - len(_CUT)) // 2
        return data[:half].decode("utf-8", "ignore") + _CUT + data[-half:].decode("utf-8", "ignore")
    return data.decode()


def json_line(entry: Mapping[str, Any]) -> bytes:
    """JSON in which nothing ends a line for anybody or moves a terminal. Raises TypeError for what is no JSON."""
    data = orjson.dumps(entry, default=str)
    if data.isascii() and b"\x7f" not in data:
        return data
    return data.decode().translate(_ESCAPES_OF_JSON).encode()  # such stand within texts alone


def _dumps(entry: dict[str, Any]) -> bytes:
    try:
        return json_line(entry)
    except TypeError:  # a number beyond 64 bits or a text that is not UTF-8
        return json_line({key: _encodable(value) for key, value in entry.items()})


def _encodable(value: Any) -> Any:
    try:
        orjson.dumps(value, default=str)
    except TypeError:
        return ascii(value)
    return value
