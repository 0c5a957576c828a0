"""Owns how a large answer is cut into what is written at a time. Pure: knows no transport."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

# docs/decisions.md: "Large answers are written in portions"
PORTION_BYTES = 262_144


class Portions:
    """An answer in pieces. ``left``: the bytes that were not taken yet."""

    def __init__(self, pieces: Iterable[bytes | memoryview]) -> None:
        self._pieces: deque[memoryview] = deque([memoryview(piece) for piece in pieces])
        self.left = sum(piece.nbytes for piece in self._pieces)

    def take(self) -> list[memoryview]:
        """Takes the next portion, of at most PORTION_BYTES; none of it is copied, and none kept."""
        taken: list[memoryview] = []
        room = PORTION_BYTES
        while room and self._pieces:
            piece = self._pieces.popleft()
            if len(piece) > room:
                self._pieces.appendleft(piece[room:])
                piece = piece[:room]
            taken.append(piece)
            room -= len(piece)
        self.left -= PORTION_BYTES - room
        return taken
