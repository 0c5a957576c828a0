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

LARGE_BYTES = 16_384  # a body up to here is read at once: at worst 10 ms, by rows that are refused value by value
WINDOW_BYTES = 65_536  # what one slice of bytes reads
SLICE_ITEMS = 4096  # what one slice of values converts
_FREED = 256  # items, each of at most SLICE_ITEMS, that one slice frees

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
    """Empties the large lists of a JSON value: to free millions of values takes as long as to read them."""
    level = [value] if isinstance(value, (dict, list)) else []
    while level:
        found: list[Any] = []
        looked_at = 0
        for container in level:
            if len(container) > SLICE_ITEMS:
                yield from _empty(container, found)
                continue
            children = container.values() if isinstance(container, dict) else container
            if not _CONTAINERS.isdisjoint(map(type, children)):
                found += [child for child in children if isinstance(child, (dict, list))]
            looked_at += 1 + len(container)
            if looked_at > SLICE_ITEMS:
                looked_at = 0
                yield
        level = found


def discarding(value: Any, slices: Slices[T]) -> Slices[T]:
    """Does slices that read a JSON value, then lets go of the value in slices, also after a refusal."""
    try:
        result = yield from slices
    except ServerError:
        yield from discard(value)
        raise
    yield from discard(value)
    return result


def _empty(container: Any, found: list[Any]) -> Slices[None]:
    """Takes the items out of a large container; those that are large themselves go to ``found``."""
    while container:
        if isinstance(container, dict):
            taken = [container.popitem()[1] for _ in range(min(_FREED, len(container)))]
        else:
            taken = container[-_FREED:]
            del container[-_FREED:]
        if not _CONTAINERS.isdisjoint(map(type, taken)):
            found += [child for child in taken if isinstance(child, (dict, list)) and len(child) > SLICE_ITEMS]
        yield
