"""Owns what of a slice of JSON the parser does not see: white space, and the inside of long texts. Knows no structure.

White space is left out. The inside of a text is decoded a window at a time; a mark stands for it in the slice, and is
replaced in what the parser made of that. To parse a text of 16 MB at once takes 20 ms, to join its portions 2.
"""

from __future__ import annotations

import re
import secrets
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import orjson

from server.codecs.json.structure import ESCAPED

_MARK = secrets.token_hex(8)  # that no client knows; a number and a dot follow
_MARKS = re.compile(rf"{_MARK}(\d+)\.")
_LONGEST = 12  # bytes of a character: two escapes
_NEAR = 256  # bytes of a window among which a place to part a text is looked for
_HEX = len("u0000")
_HIGH = (b"d8", b"d9", b"da", b"db")  # how the first number of such two begins


class _Gap(NamedTuple):
    """From one place to another. ``mark``: what stands there instead. ``characters``: in it."""

    start: int
    stop: int
    mark: bytes
    characters: int


class Gaps:
    """The gaps of one slice."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._gaps: list[_Gap] = []
        self._texts: list[list[str]] = []  # the portions of each text gap

    def clear(self) -> None:
        """Begins another slice."""
        self._gaps.clear()
        self._texts.clear()

    def add_space(self, start: int, stop: int) -> None:
        """Leaves white space out."""
        self._gaps.append(_Gap(start, stop, b"", stop - start))

    def add_text(self, at: int, window: bytes) -> int:
        """Leaves out what it can of a window that is inside of a text; returns how much of the window was looked at.

        ``window``: its bytes as `find_structure` gives them.
        """
        last = self._gaps[-1] if self._gaps and self._gaps[-1].mark and self._gaps[-1].stop == at else None
        first = 0 if last else _first_place(window)
        end = _last_place(window)
        try:
            text = orjson.loads(b"".join((b'"', self._data[at + first : at + end], b'"'))) if first < end else ""
        except orjson.JSONDecodeError:
            text = ""  # the parser refuses it where it stands
        if not text:
            return len(window)
        codes = np.frombuffer(window, np.uint8)[first:end]
        characters = int(np.count_nonzero((codes & 0xC0) != 0x80))
        if last:
            self._gaps[-1] = last._replace(stop=at + end, characters=last.characters + characters)
            self._texts[-1].append(text)
        else:
            mark = f"{_MARK}{len(self._texts)}.".encode()
            self._gaps.append(_Gap(at + first, at + end, mark, characters))
            self._texts.append([text])
        return end

    def pieces(self, start: int, end: int) -> list[bytes | memoryview]:
        """The data from a place to another without the gaps before that."""
        pieces: list[bytes | memoryview] = []
        for gap in self._gaps:
            if gap.stop <= end:
                pieces += [self._data[start : gap.start], gap.mark]
                start = gap.stop
        return [*pieces, self._data[start:end]]

    def characters_before(self, text: bytes, at: int, start: int) -> int:
        """How many more characters than a text the data has before the text's character ``at``.

        ``start``: where in the data the text, made of `pieces`, would begin with what it has before these.
        """
        if not self._gaps:
            return 0
        place = start + (at if text.isascii() else len(text.decode(errors="replace")[:at].encode()))
        characters = 0
        for gap in self._gaps:
            if place < gap.start:
                break
            place += gap.stop - gap.start - len(gap.mark)
            characters += gap.characters - len(gap.mark)
        return characters

    def put_back(self, value: Any) -> Any:
        """What the parser made of `pieces`, with the texts as they are."""
        if not self._texts:
            return value
        root = [value]
        containers: list[Any] = [root]
        while containers:
            container = containers.pop()
            is_object = isinstance(container, dict)
            if is_object and any(_MARK in key for key in container):
                items = [(self._whole(key), item) for key, item in container.items()]
                container.clear()
                container.update(items)
            for key, item in container.items() if is_object else enumerate(container):
                if isinstance(item, str):
                    if _MARK in item:
                        container[key] = self._whole(item)
                elif isinstance(item, (dict, list)):
                    containers.append(item)
        return root[0]

    def _whole(self, text: str) -> str:
        parts: list[list[str]] = [
            self._texts[int(part)] if number % 2 else [part] for number, part in enumerate(_MARKS.split(text))
        ]
        return "".join(chain.from_iterable(parts))


def _is_place(window: bytes, at: int) -> bool:
    """Whether the inside of a text may be parted there: within no character and no escape. ``at``: _LONGEST or more."""
    if window[at] & 0xC0 == 0x80 or window[at] == ESCAPED:
        return False
    _, backslash, escape = window[at - _LONGEST : at].rpartition(b"\\")
    if not backslash or escape[:1] not in (b"", b"u"):
        return True
    return len(escape) >= _HEX and escape[1:3].lower() not in _HIGH


def _first_place(window: bytes) -> int:
    return next((at for at in range(_LONGEST, min(_NEAR, len(window))) if _is_place(window, at)), len(window))


def _last_place(window: bytes) -> int:
    places = range(len(window) - 1, max(len(window) - _NEAR, _LONGEST), -1)
    return next((at for at in places if _is_place(window, at)), 0)
