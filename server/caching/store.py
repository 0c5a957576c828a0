"""Owns what is kept of answers and for how long: so many bytes in all, by S3-FIFO. Knows no models and no protocol.

A shelf has the answers of one model version by question or by body; the store bounds all shelves together. Questions
are compared as a whole, so no two that merely hash alike share an answer. What is new waits in a small queue. What is
asked for again there moves on to the main one; the rest leaves, and its hash is remembered: who comes back by then goes
into the main queue at once. docs/decisions.md: "Answers are kept by S3-FIFO, in a file of our own".
"""

from __future__ import annotations

from collections import deque
from typing import Any

SMALL_SHARE = 0.1  # of the bytes, for what was asked for once
MOST_USES = 3  # that are counted of an answer
MOST_STEPS = 64  # that making room for one answer may take at a time, however much was asked for
KEPT_BYTES = 460  # of memory that an answer takes beside the bytes of its question and its own
GHOST_BYTES = 180  # of memory that a remembered hash takes


class Kept:
    """An answer with its question. ``uses``: how often it was asked for, up to MOST_USES."""

    __slots__ = ("answer", "question", "shelf", "size", "uses")

    def __init__(self, shelf: Shelf, question: bytes, answer: Any, size: int) -> None:
        self.shelf = shelf
        self.question = question
        self.answer = answer
        self.size = size
        self.uses = 0


Shelf = dict[bytes, Kept]


class Store:
    """Answers of at most ``most_bytes`` with all that keeping them takes."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._small: deque[Kept] = deque()
        self._small_bytes = 0
        self._main: deque[Kept] = deque()
        self._ghosts: dict[int, None] = {}  # hashes of what has left, the oldest first; at most as many as are kept

    def __len__(self) -> int:
        return len(self._small) + len(self._main)

    def put(self, shelf: Shelf, question: bytes, answer: Any, size: int) -> None:
        """Keeps an answer that is not there; ``size``: bytes of question and answer. Too large ones are not kept."""
        size += KEPT_BYTES
        if question in shelf or size > self.most_bytes * SMALL_SHARE:
            return
        kept = shelf[question] = Kept(shelf, question, answer, size)
        self.bytes += size
        if (mark := _mark(kept)) in self._ghosts:
            self._forget(mark)
            self._main.append(kept)
        else:
            self._small.append(kept)
            self._small_bytes += size
        while self.bytes > self.most_bytes:
            self._make_room()

    def _make_room(self) -> None:
        """Lets one answer go."""
        if self._small_bytes > self.most_bytes * SMALL_SHARE or not self._main:
            for _ in range(min(MOST_STEPS, len(self._small))):
                kept = self._small.popleft()
                self._small_bytes -= kept.size
                if not kept.uses:
                    self._drop(kept)
                    self._remember(_mark(kept))
                    return
                kept.uses = 0
                self._main.append(kept)
        for _ in range(MOST_STEPS):
            kept = self._main.popleft()
            if not kept.uses:
                break
            kept.uses -= 1
            self._main.append(kept)
        else:
            kept = self._main.popleft()
        self._drop(kept)

    def _drop(self, kept: Kept) -> None:
        del kept.shelf[kept.question]
        self.bytes -= kept.size

    def _remember(self, mark: int) -> None:
        if mark not in self._ghosts:
            self._ghosts[mark] = None
            self.bytes += GHOST_BYTES
        while len(self._ghosts) > len(self):
            self._forget(next(iter(self._ghosts)))

    def _forget(self, mark: int) -> None:
        del self._ghosts[mark]
        self.bytes -= GHOST_BYTES


def _mark(kept: Kept) -> int:
    return hash((id(kept.shelf), kept.question))
