"""Owns the format of log lines, text or JSON, and the logger. Knows nothing of what is logged.

A message is one line: control characters are escaped, so that no client can forge a line.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import Any

import orjson

LOGGER_NAME = "dynonnx"
log = logging.getLogger(LOGGER_NAME)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LINE_ENDS = (0x2028, 0x2029)  # no control characters, but many readers end a line there
_ESCAPES = {code: ascii(chr(code))[1:-1] for code in (*range(32), *range(127, 160), *_LINE_ENDS)}


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
        line = line.encode("utf-8", "backslashreplace").decode()  # a file name may have bytes that are no text
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


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
        try:
            return orjson.dumps(entry, default=str).decode()
        except TypeError:  # a number beyond 64 bits or a text that is not UTF-8
            return orjson.dumps({key: _encodable(value) for key, value in entry.items()}, default=str).decode()


def _encodable(value: Any) -> Any:
    try:
        orjson.dumps(value, default=str)
    except TypeError:
        return ascii(value)
    return value


def configure(level: str, form: str) -> None:
    """Sends every log record to standard output in our format; libraries' records only from warning up."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(level.upper())
