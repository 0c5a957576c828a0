"""Owns the log of one process: each record limited, formatted and written. Knows nothing of what is logged."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from time import monotonic
from typing import Literal

from server.logs import log
from server.logs.formats import JsonFormatter, TextFormatter
from server.logs.output import LineOutput, stop_waiting_for_reader
from server.logs.repeats import RepeatLimit

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2

DROPPED = "%d log lines were dropped: standard output took none"
Loss = Literal["unwritable", "repeated"]  # the reader takes none; there were too many of its like


class LineHandler(logging.Handler):
    """Writes records to a descriptor. ``count_loss`` is called for each line that is not written."""

    def __init__(self, descriptor: int, now: Callable[[], float] = monotonic) -> None:
        super().__init__()
        self.count_loss: Callable[[Loss], None] = _count_nowhere
        self._output = LineOutput(descriptor)
        self._limit = RepeatLimit()
        self._now = now
        self._dropped = 0  # lines, since that was last told
        self._owner = os.getpid()

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a record unless there are too many of its like."""
        self.tick()
        fields = vars(record)
        source = (record.pathname, record.lineno, fields.get("model"), fields.get("version"))
        if not self._limit.admits(source, record.msg, record.levelno, self._now()):
            self.count_loss("repeated")
        elif not self._output.write(self._line(record)):
            self._drop()

    def write_at_once(self, line: bytes) -> None:
        """Writes a line that is no record; one that would have to wait is dropped, and leaves the queue to records."""
        self.acquire()
        try:
            self._disown()
            if self._output.is_stalled or not self._output.write(line):
                self._drop()
        finally:
            self.release()

    def tick(self) -> None:
        """Writes what waits; tells what was held or dropped. Called from the process's loop, some times a second."""
        self.acquire()
        try:
            self._disown()
            for _ in range(self._output.retry()):
                self._drop()
            for held in self._limit.take_ended(self._now()):
                if not self._say(held.level, "and %d more like this: %s", held.lines, held.like):
                    self._drop()
            # The line that tells of losses is none itself.
            if self._dropped and not self._output.is_stalled and self._say(logging.WARNING, DROPPED, self._dropped):
                self._dropped = 0
        finally:
            self.release()

    def flush(self) -> None:
        """Called by `logging` at the end of the process: gives a slow reader a moment."""
        self._disown()
        self._output.drain()

    def _disown(self) -> None:
        """After a fork, what waits is the parent's to write."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._output.forget()
            self._limit.forget()
            self._dropped = 0

    def _drop(self) -> None:
        self._dropped += 1
        self.count_loss("unwritable")

    def _say(self, level: int, message: str, *arguments: object) -> bool:
        return self._output.write(self._line(logging.LogRecord(log.name, level, __file__, 0, message, arguments, None)))

    def _line(self, record: logging.LogRecord) -> bytes:
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - a bad call of ours must not fail what it tells of
            line = f"a record of {record.pathname}, line {record.lineno}, has no text: {error!r}"
        return line.encode("utf-8", "backslashreplace") + b"\n"


def _count_nowhere(loss: Loss) -> None:
    """For processes without metrics."""


def configure(level: str, form: str) -> LineHandler:
    """Sends every log record to standard output in our format; libraries' records only from warning up."""
    for descriptor in (STANDARD_OUTPUT, STANDARD_ERROR):  # ONNX Runtime and Python write to the latter by themselves
        stop_waiting_for_reader(descriptor)
    handler = LineHandler(STANDARD_OUTPUT)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    log.setLevel(level.upper())
    return handler


def present() -> LineHandler | None:
    """The handler of this process, None before `configure`."""
    return next((handler for handler in logging.getLogger().handlers if isinstance(handler, LineHandler)), None)


def tick() -> None:
    """Ticks the handler of this process."""
    if (handler := present()) is not None:
        handler.tick()


def count_losses(count: Callable[[Loss], None]) -> None:
    """Has every line that this process does not write counted."""
    if (handler := present()) is not None:
        handler.count_loss = count
