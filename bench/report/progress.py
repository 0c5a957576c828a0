"""Owns what every command of the bench does at a terminal: interrupts, errors, progress. Knows nothing of measuring."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TextIO

from bench.errors import BenchError
from bench.machine.processes import end_all

_REDRAW_S = 0.25
_BAR = 24


def guarded(act: Callable[[], int]) -> int:
    """The status of ``act``; 1 with a sentence where it fails, 130 where it is interrupted. Ends all it has started."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a background job of a shell starts with it ignored
        signal.signal(number, _as_interrupt)
    try:
        return act()
    except BenchError as error:
        sys.stderr.write(f"bench: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()


class Progress:
    """Lines with the time since the start; on a terminal the step that is going on has a bar."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._began = time.monotonic()
        self._bars = out.isatty()
        self._over = threading.Event()
        self._drawing: threading.Thread | None = None

    def __call__(self, line: str, seconds: float = 0.0) -> None:
        """End the step before, begin this one."""
        self.close()
        text = f"{time.monotonic() - self._began:5.0f} s  {line}"
        if not (self._bars and seconds):
            self._write(f"{text}\n")
            return
        self._over = threading.Event()
        self._drawing = threading.Thread(target=self._draw, args=(text, seconds, self._over), daemon=True)
        self._drawing.start()

    def close(self) -> None:
        """Let the line stand as it is."""
        if self._drawing is not None:
            self._over.set()
            self._drawing.join()
            self._drawing = None
            self._write("\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def _draw(self, text: str, seconds: float, over: threading.Event) -> None:
        began = time.monotonic()
        while True:
            self._write(f"\r{text}  {bar((time.monotonic() - began) / seconds)}")
            if over.wait(_REDRAW_S):
                self._write(f"\r{text}{' ' * (_BAR + 2)}")
                return


def bar(part: float) -> str:
    """A bar of 24 characters, filled to ``part`` (0 to 1, more is full)."""
    full = round(min(1.0, max(0.0, part)) * _BAR)
    return "\u2588" * full + "\u2591" * (_BAR - full)


def progress() -> Progress:
    """On standard error, so that tables can be piped."""
    return Progress(sys.stderr)


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does: servers stopped, what was measured written."""
    raise KeyboardInterrupt
