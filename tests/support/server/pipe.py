"""Owns a pipe that stands for standard output: its reader may stall or leave."""

from __future__ import annotations

import os

from server.logs.output import stop_waiting_for_reader


class Pipe:
    """A pipe whose writing end takes part as standard output does."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        stop_waiting_for_reader(self.writer)

    def fill(self) -> None:
        """Writes until it takes no more."""
        for size in (4096, 1):
            try:
                while True:
                    os.write(self.writer, b"." * size)
            except BlockingIOError:
                pass

    def read(self) -> bytes:
        """All that is in it."""
        pieces = b""
        try:
            while piece := os.read(self.reader, 1 << 20):
                pieces += piece
        except BlockingIOError:
            pass
        return pieces.lstrip(b".")

    def close_reader(self) -> None:
        """As a reader that has ended."""
        os.close(self.reader)
        self.reader = -1

    def close(self) -> None:
        """Closes what is open."""
        os.close(self.writer)
        if self.reader >= 0:
            os.close(self.reader)
