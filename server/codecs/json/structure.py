"""Owns where brackets, commas and colons of JSON are, outside of strings, a window of its bytes at a time.

Knows neither what is open nor values.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

_COMMA, _COLON, _QUOTE, _OPEN, _CLOSE = b',:"{}'
_ESCAPE = b"\0\1"  # stands for an escaped quote or backslash; no text in JSON has these bytes
ESCAPED = _ESCAPE[1]
_CASE = 0x20  # the bit by which [ and { differ, and ] and }


class Structure(NamedTuple):
    """The ``window``, its bytes as ``codes``, and for each byte whether it is a bracket, a comma, a colon."""

    window: bytes
    codes: Any
    opening: Any
    closing: Any
    commas: Any
    colons: Any
    ends_in_string: bool


def find_structure(data: memoryview, start: int, size: int, in_string: bool) -> Structure:
    """The structure of some ``size`` bytes from ``start``, which is inside of a string or not."""
    window = _window(data, start, size)
    codes = np.frombuffer(window, np.uint8)
    folded = codes | _CASE
    found = folded == _OPEN, folded == _CLOSE, codes == _COMMA, codes == _COLON
    if in_string or b'"' in window:
        inside = np.logical_xor.accumulate(codes == _QUOTE)
        outside = inside if in_string else ~inside
        in_string = not outside[-1]
        found = found[0] & outside, found[1] & outside, found[2] & outside, found[3] & outside
    return Structure(window, codes, *found, in_string)


def _window(data: memoryview, start: int, size: int) -> bytes:
    """The next bytes, escapes of quotes and backslashes blotted out."""
    window = bytes(data[start : start + size])
    if b"\\" in window:
        run = len(window) - len(window.rstrip(b"\\"))
        if run % 2 and start + len(window) < len(data):
            window = bytes(data[start : start + len(window) + 1])  # an escape is not cut
        window = window.replace(b"\\\\", _ESCAPE).replace(b'\\"', _ESCAPE)
    return window
