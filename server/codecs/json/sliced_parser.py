"""Owns reading a large body of JSON in slices, as strictly as the parser does it at once. Knows no protocol.

A slice ends at a comma between two values, or where long none is, behind a bracket. The next one begins there, behind a
prefix that opens again what was open, so that each slice is whole JSON for the parser; what the prefix opened is then
merged with what is there. The brackets and commas are found by numpy, a window at a time, and counted before anything
is parsed.
docs/decisions.md: "What is legal and heavy is read in slices".
"""

from __future__ import annotations

import secrets
from typing import Any

import numpy as np
import orjson

from server.codecs.json.gaps import Gaps
from server.codecs.json.looking_back import SPACE, end_without, key_before
from server.codecs.json.parser import PARSER_DEPTH, SHOWN, Allowance, BadJson, refusal
from server.codecs.json.structure import find_structure
from server.codecs.slices import WINDOW_BYTES, Slices
from server.errors import ServerError

_TOKEN = secrets.token_hex(8).encode()  # a key that no client knows
_REOPEN = {ord("["): b"[", ord("{"): b'{"%b":' % _TOKEN}
_END = {ord("["): b"]", ord("{"): b"}"}


def parse_in_slices(
    body: bytes | bytearray | memoryview, allowance: Allowance, window: int = WINDOW_BYTES
) -> Slices[Any]:
    """Parses as `parse` does, ``window`` bytes at a time. Raises as that, and ``too_many_rows``."""
    reader = _Reader(memoryview(body), allowance)
    while reader.read(window):
        yield
    return reader.root


class _Open:
    """A list or object that is open at some place; ``container``: what was read of it, None before its first slice."""

    __slots__ = ("at", "container", "kind")

    def __init__(self, at: int, kind: int) -> None:
        self.at = at
        self.kind = kind
        self.container: Any = None


class _Reader:
    """Reads a body window by window. ``root``: the value, whole once `read` returns False."""

    def __init__(self, data: memoryview, allowance: Allowance) -> None:
        self.root: Any = None
        self._data = data
        self._allowance = allowance
        self._values = self._containers = self._members = 0
        self._start = 0  # of the slice being found: its comma, or the beginning
        self._at = 0  # up to here it was looked for
        self._in_string = False
        self._gaps = Gaps(data)  # of the slice
        self._before: list[_Open] = []  # open at the start of the slice
        self._open: list[_Open] = []  # open here
        self._is_empty = False  # the innermost of those, as the slice begins behind its bracket
        self._kept = 0  # of those before, so many are still open
        self._ends_at: int | None = None  # the value, once it is whole
        self._wrong_at: int | None = None  # where a slice ends that the parser refuses

    def read(self, size: int) -> bool:
        """Looks at a window, and parses the slice that ends in it; returns whether there is more to read."""
        if self._wrong_at is not None:
            self._refuse(self._wrong_at)
            raise BadJson("the body is not JSON")
        if self._ends_at is not None:
            return self._read_space(self._ends_at, size)
        began_in_string = self._in_string
        structure = find_structure(self._data, self._at, size, self._in_string)
        window, codes, brackets_open, brackets_close, commas, colons, self._in_string = structure
        depth = None
        if brackets_open.any() or brackets_close.any():
            depth = np.cumsum(brackets_open.view(np.int8) - brackets_close.view(np.int8), dtype=np.int32)
            depth += len(self._open)
            ends = (brackets_close | commas) & (depth <= 0)
        else:
            ends = commas if not self._open else None
        if ends is not None and ends.any():
            return self._finish(self._at + int(ends.argmax()) + 1)
        cuts = np.flatnonzero(commas)
        cut = int(cuts[-1]) if cuts.size and self._at + cuts[-1] > self._start else 0
        opener = 0
        if not cut and self._at > self._start and (openers := np.flatnonzero(brackets_open)).size:
            opener = int(openers[-1]) + 1
        length = cut or opener or len(window)
        if length > 2 and not self._in_string and not window.strip(SPACE):
            self._gaps.add_space(self._at + 1, self._at + length - 1)  # at its ends it still parts and is told
        elif began_in_string and b'"' not in window:
            length = self._gaps.add_text(self._at, window)
        if depth is not None:
            self._follow(codes, brackets_open[:length], depth[:length])
        self._values += int(np.count_nonzero(commas[:length]))
        self._containers += int(np.count_nonzero(brackets_open[:length]))
        self._members += int(np.count_nonzero(colons[:length]))
        self._allowance.check(self._values, self._containers, self._members)
        self._at += length
        if cut or opener:
            self._in_string = False
            self._parse_slice(is_comma=cut > 0)
        elif self._at == len(self._data):
            return self._finish(self._at)
        return True

    def _follow(self, codes: Any, brackets_open: Any, depth: Any) -> None:
        """Brings what is open up to date: ``depth`` after each byte."""
        if not depth.size:
            return
        least = min(int(depth.min()), len(self._open))
        del self._open[least:]
        self._kept = min(self._kept, least)
        unclosed = brackets_open & (depth <= np.minimum.accumulate(depth[::-1])[::-1])
        places = np.flatnonzero(unclosed)
        room = PARSER_DEPTH + 1 - len(self._open)
        self._open += [_Open(self._at + at, int(codes[at])) for at in places[:room].tolist()]
        if len(self._open) > PARSER_DEPTH:
            self._refuse(self._open[-1].at + 1)
            raise ServerError("too_deep", "the JSON is nested too deep")

    def _prefix(self) -> bytes:
        if self._is_empty:
            return b"".join([_REOPEN[entry.kind] for entry in self._before[:-1]]) + bytes([self._before[-1].kind])
        prefix = b"".join([_REOPEN[entry.kind] for entry in self._before])
        return prefix + b"0" if self._before else prefix

    def _parse_slice(self, is_comma: bool) -> None:
        """Parses from the start to here, a comma or behind a bracket, and merges it with what was parsed before."""
        if is_comma and ((last := self._last_byte()) in b"[{" or (self._is_empty and last == b" ")):
            self._refuse(self._at)  # a comma before any value
        text = b"".join(
            [
                self._prefix(),
                *self._gaps.pieces(self._start, self._at),
                *[_END[entry.kind] for entry in reversed(self._open)],
            ]
        )
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            self._wrong_at = self._at
            return
        self._merge(self._gaps.put_back(value))
        for level in range(self._kept, len(self._open)):
            self._open[level].container = self._child(level)
        self._before, self._kept, self._start = list(self._open), len(self._open), self._at
        self._is_empty = not is_comma
        self._gaps.clear()

    def _last_byte(self) -> bytes:
        """The last byte of the slice that is no space; a space if none is."""
        end = end_without(self._data, SPACE, self._start, self._at)
        return bytes(self._data[end - 1 : end]) if end > self._start else b" "

    def _merge(self, value: Any) -> None:
        """Adds what a slice has to the lists and objects that were open at its start."""
        if not self._before:
            self.root = value
        for entry in self._before[: len(self._before) - self._is_empty]:
            if isinstance(value, dict):
                inner = value.pop(_TOKEN.decode())
                entry.container.update(value)
            else:
                inner = value[0]
                del value[0]
                entry.container.extend(value)
            value = inner
        if self._is_empty:
            container = self._before[-1].container
            container.update(value) if isinstance(value, dict) else container.extend(value)

    def _child(self, level: int) -> Any:
        """The container that is open at a level, within the one above it."""
        if not level:
            return self.root
        above = self._open[level - 1]
        if above.kind == ord("["):
            return above.container[-1]
        return above.container[key_before(self._data, self._start, self._open[level].at)]

    def _finish(self, end: int) -> bool:
        """Parses the rest, whose value ends at ``end``; returns whether there is more to do: only space may follow."""
        try:
            pieces = self._gaps.pieces(self._start, end)
            alone = not self._before and len(pieces) == 1
            value = orjson.loads(pieces[0] if alone else b"".join((self._prefix(), *pieces)))
        except orjson.JSONDecodeError:
            self._wrong_at = end  # the parser looks at it once more, in another slice
            return True
        self._merge(self._gaps.put_back(value))
        self._at = self._ends_at = end
        return end < len(self._data)

    def _read_space(self, ends_at: int, size: int) -> bool:
        """Looks at a window behind the value, which ends before it; returns whether there is more."""
        window = bytes(self._data[self._at : self._at + size])
        if rest := window.lstrip(SPACE):
            at = self._at + len(window) - len(rest)
            if at > ends_at:
                self._gaps.add_space(ends_at, at)
            self._refuse(at + 1)
        self._at += len(window)
        return self._at < len(self._data)

    def _refuse(self, end: int) -> None:
        """Raises the error that the parser has for the bytes up to ``end`` and those behind, if it has one there."""
        end = min(end + SHOWN, len(self._data))
        while end < len(self._data) and self._data[end] & 0xC0 == 0x80:
            end += 1  # a character is not cut
        prefix = self._prefix()
        text = b"".join((prefix, *self._gaps.pieces(self._start, end)))
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if not self._data:
                raise BadJson("the body is empty; expected JSON") from None
            passed = np.frombuffer(self._data[: self._start], np.uint8)
            skipped = int(np.count_nonzero((passed & 0xC0) != 0x80)) - len(prefix)
            skipped += self._gaps.characters_before(text, error.pos, self._start - len(prefix))
            at = 0 if "UTF-8" in error.msg else error.pos + skipped
            raise refusal(error, at, error.doc[error.pos : error.pos + SHOWN].encode()) from None
