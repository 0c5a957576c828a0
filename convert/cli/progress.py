"""Owns how far the work is: on a terminal one line that is redrawn, elsewhere a line per step. Knows nothing of what
the steps are."""

from __future__ import annotations

from typing import TextIO

from convert.cli.terminal import on_one_line

WIDTH = 24
MOST_CHARACTERS = 200  # of a step's name, which a child tells
ERASE = "\r\033[K"


class Progress:
    """What a person sees while it works; `done` leaves nothing of it on a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self._last = ""

    def tell(self, text: str, share: float) -> None:
        """The step that is under way, and how much of all is done, from 0 to 1."""
        text = on_one_line(text[:MOST_CHARACTERS])
        if self._redraws:
            full = round(min(max(share, 0.0), 1.0) * WIDTH)
            self._write(f"{ERASE}{'█' * full}{'░' * (WIDTH - full)} {text}")
        elif text != self._last:
            self._write(f"{text} ...\n")
        self._last = text

    def done(self) -> None:
        """The report comes next."""
        if self._redraws and self._last:
            self._write(ERASE)
        self._last = ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
