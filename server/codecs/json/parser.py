"""Owns reading JSON at once, strictly, and how it is refused. Knows no protocol and no rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from server.errors import ServerError

# Words in orjson's errors for JSON beyond its limit of 1,024 levels, and for truncated JSON of some 600 levels.
TOO_DEEP_WORDS = ("depth limit", "allocate memory")
PARSER_DEPTH = 1024
# Without these, nothing but brackets is left of a list of numbers: it has neither texts nor booleans nor null.
NUMERALS = b"0123456789+-.eE, \t\r\n"
SHOWN = 64  # bytes from where the parser stopped that a refusal may need


class BadJson(ServerError):
    """``bad_json``. ``found``: some bytes from where the parser stopped."""

    def __init__(self, message: str, found: bytes = b"") -> None:
        super().__init__("bad_json", message)
        self.found = found


class Allowance(NamedTuple):
    """What a body may have at most, as ``rows`` rows of its model need. ``members``: of objects."""

    values: int
    containers: int
    members: int
    rows: int

    def check(self, values: int, containers: int, members: int) -> None:
        """Raises ServerError ``too_many_rows``."""
        if values > self.values or containers > self.containers or members > self.members:
            raise ServerError("too_many_rows", f"the body has more values than the {self.rows} rows allowed can have")


def parse(body: bytes | bytearray | memoryview) -> Any:
    """Parses strict JSON. Raises ServerError: ``bad_json``, naming the position; ``too_deep``."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body:
            raise BadJson("the body is empty; expected JSON") from None
        raise refusal(error, error.pos, error.doc[error.pos : error.pos + SHOWN].encode()) from None  # as characters


def refusal(error: orjson.JSONDecodeError, at: int, found: bytes) -> ServerError:
    """The refusal of what the parser refuses at a character, where the bytes ``found`` are."""
    if any(word in error.msg for word in TOO_DEEP_WORDS):
        return ServerError("too_deep", "the JSON is nested too deep")
    reason = error.msg.split(":")[0].split(" at ")[0]  # up to where it quotes the body or a position
    hint = "; JSON has no NaN, send null" if found.startswith(b"NaN") else ""
    return BadJson(f"the body is not JSON: {reason} at character {at}{hint}", found)
