"""Owns runs over texts that a graph pads to the longest of the run: so many rows at a time as stay small.

Knows no requests: it stands between a batch and its runtime. docs/decisions.md: "A long text runs without the short".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.runs.run import Runs
from server.errors import ServerError

# Of one run, with every text as long as the longest. One takes 30 to 350 bytes: as a word, or in n-grams of characters.
MOST_CHARACTERS = 1 << 18
MOST_BY_ITSELF = 1 << 20  # of a row, or of rows that may not be parted


class PaddedRuns:
    """The runs of a model that pads texts. ``rows_apart``: its rows do not affect each other, so a run may be cut."""

    def __init__(self, runtime: Runs, rows_apart: bool) -> None:
        self._runtime = runtime
        self._rows_apart = rows_apart

    @property
    def stopped(self) -> bool:
        """As of the runtime."""
        return self._runtime.stopped

    def stop(self) -> None:
        """As of the runtime."""
        self._runtime.stop()

    def resume(self) -> None:
        """As of the runtime."""
        self._runtime.resume()

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        """Runs the graph over some rows after the others; returns one array per name for all of them.

        Raises ServerError ``body_too_large`` for a text that is too long by itself, else as the runtime.
        """
        lengths = _lengths([array for array in feed.values() if array.dtype.kind == "O"])
        if len(lengths) * int(lengths.max(initial=0)) <= MOST_CHARACTERS:
            return self._runtime.run(outputs, feed)
        if not self._rows_apart:
            _check_length(len(lengths) * int(lengths.max()))
            return self._runtime.run(outputs, feed)
        parts = [
            self._runtime.run(outputs, {name: array[start:stop] for name, array in feed.items()})
            for start, stop in _ranges(lengths.tolist())
        ]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]


def _lengths(texts: Sequence[Array]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of each row the characters that its texts take where each is as long as the longest of them."""
    lengths = np.zeros(len(texts[0]) if texts else 0, np.int64)
    items = sum(text.size // max(len(text), 1) for text in texts)
    for text in texts:
        own = np.fromiter(map(len, text.reshape(-1)), np.int64, text.size).reshape(len(text), -1)
        np.maximum(lengths, own.max(axis=1, initial=0), out=lengths)
    return lengths * items


def _ranges(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Cuts rows into ranges of one, or of at most MOST_CHARACTERS, padded to their longest. Raises as `run`."""
    start = longest = 0
    for row, length in enumerate(lengths):
        _check_length(length)
        longest = max(longest, length)
        if row > start and (row + 1 - start) * longest > MOST_CHARACTERS:
            yield start, row
            start, longest = row, length
    yield start, len(lengths)


def _check_length(characters: int) -> None:
    if characters > MOST_BY_ITSELF:
        message = f"the texts are too long for this model: {MOST_BY_ITSELF} characters at once are the most"
        raise ServerError("body_too_large", message)
