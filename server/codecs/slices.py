"""Owns the word of slices: work that is done a little at a time, so that the loop has turns in between. Knows no codec.

docs/decisions.md: "What is legal and heavy is read in slices".
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, TypeVar

import numpy as np

from server.errors import ServerError

T = TypeVar("T")

# Each `yield` is a place where others may have a turn; between two of them lies at most a millisecond or two of work,
# but for a single text or number that is as long as the body.
Slices = Generator[None, None, T]

# docs/decisions.md: "One budget a turn"
EASY_BYTES = 2048  # a body up to here, also unpacked, is read whatever else there is to do: at worst 1 ms
LARGE_BYTES = 16_384  # a body up to here is read at once: at worst 10 ms, by rows that are refused value by value
WINDOW_BYTES = 65_536  # what one slice of bytes reads
SLICE_ITEMS = 4096  # what one slice of values converts

_CONTAINERS = frozenset({dict, list})


def ranges(count: int, step: int) -> Iterator[tuple[int, int]]:
    """The pairs ``(start, stop)`` that cut ``count`` items into slices of ``step``."""
    return ((start, min(start + step, count)) for start in range(0, count, step))


def rows_per_slice(width: int) -> int:
    """How many rows of ``width`` values make a slice."""
    return max(1, SLICE_ITEMS // max(width, 1))


def finish(slices: Slices[T]) -> T:
    """Does all slices at once and returns what they make."""
    while True:
        try:
            next(slices)
        except StopIteration as stop:
            value: T = stop.value
            return value


def count(body: bytes | bytearray, byte: int) -> Slices[int]:
    """How often a byte is in a body."""
    found = 0
    for start, stop in ranges(len(body), WINDOW_BYTES):
        found += body.count(byte, start, stop)
        yield
    return found


def contains(body: bytes | bytearray, *words: bytes) -> Slices[bool]:
    """Whether any of some words is in a body."""
    for start, stop in ranges(len(body), WINDOW_BYTES):
        if any(body.find(word, start, stop + len(word) - 1) >= 0 for word in words):
            return True
        yield
    return False


def join(parts: list[Any]) -> Slices[bytes | memoryview]:
    """Joins bytes, and lets go of the parts on the way: to touch much fresh memory takes long."""
    if len(parts) <= 1:
        return parts[0] if parts else b""
    at = sum(map(len, parts))
    whole = np.empty(at, np.uint8).data
    while parts:
        part = parts.pop()
        whole[at - len(part) : at] = part
        at -= len(part)
        yield
    return whole


def discard(value: Any) -> Slices[None]:
    """Empties the lists and objects of a JSON value: to free millions of values takes as long as to read them."""
    waiting = [value] if isinstance(value, (dict, list)) else []
    freed = 0  # in this slice: at most twice SLICE_ITEMS, however they are nested
    while waiting:
        container = waiting.pop()
        large = len(container) > SLICE_ITEMS
        if large:
            waiting.append(container)
            values: Any = _taken(container)
        else:
            values = container.values() if isinstance(container, dict) else container
        if not _CONTAINERS.isdisjoint(map(type, values)):
            waiting += [child for child in values if isinstance(child, (dict, list))]
        freed += 1 + len(values)
        if not large:
            container.clear()
        if freed > SLICE_ITEMS:
            freed = 0
            yield


def _taken(container: Any) -> list[Any]:
    """Takes SLICE_ITEMS values, or as many as there are, out of a list or an object."""
    if isinstance(container, dict):
        return [container.popitem()[1] for _ in range(min(SLICE_ITEMS, len(container)))]
    values: list[Any] = container[-SLICE_ITEMS:]
    del container[-SLICE_ITEMS:]
    return values


def discarding(value: Any, slices: Slices[T]) -> Slices[T]:
    """Does slices that read a JSON value, then lets go of the value in slices, also after a refusal."""
    try:
        result = yield from slices
    except ServerError:
        yield from discard(value)
        raise
    yield from discard(value)
    return result
