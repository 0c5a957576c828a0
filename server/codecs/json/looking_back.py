"""Owns looking back from a place in JSON: past white space, to a key before it. Knows no slices.

However long a key or white space, a look costs no more than its bytes, a few at a time.
"""

from __future__ import annotations

import orjson

from server.codecs.json.parser import BadJson

MAX_KEY_QUOTES, MAX_KEY_BYTES = 1000, 65_536  # within one key around a container that is cut
SPACE = b" \t\r\n"
NEAR_BYTES = 4096  # that are looked at at a time


def key_before(data: memoryview, start: int, end: int) -> str:
    """The key of the value that begins at ``end``; it begins behind ``start``. Raises ServerError ``bad_json``."""
    colon = end_without(data, SPACE, start, end) - 1
    stop = end_without(data, SPACE, start, colon)
    quote = stop - 1
    for _ in range(MAX_KEY_QUOTES):
        quote = _last_quote(data, start, quote)
        if stop - quote > MAX_KEY_BYTES:
            raise BadJson(f"a key has more than {MAX_KEY_BYTES} bytes")
        if (quote - end_without(data, b"\\", start, quote)) % 2 == 0:
            key: str = orjson.loads(data[quote:stop])
            return key
    raise BadJson(f"a key has more than {MAX_KEY_QUOTES} quotes")


def end_without(data: memoryview, passed: bytes, start: int, end: int) -> int:
    """Where the bytes before ``end`` begin that are all among ``passed``; ``start`` if all are."""
    while end > start:
        near = bytes(data[max(start, end - NEAR_BYTES) : end])
        if kept := len(near.rstrip(passed)):
            return end - len(near) + kept
        end -= len(near)
    return end


def _last_quote(data: memoryview, start: int, end: int) -> int:
    """The last quote before ``end``; there is one."""
    while end > start:
        near = bytes(data[max(start, end - NEAR_BYTES) : end])
        if (at := near.rfind(b'"')) >= 0:
            return end - len(near) + at
        end -= len(near)
    return end
