"""JSON under test: what a body is read as, at once or in slices."""

from __future__ import annotations

from typing import Any

import orjson

from server.codecs.json.parser import Allowance, parse
from server.codecs.json.sliced_parser import parse_in_slices
from server.codecs.slices import finish
from server.errors import ServerError

ANY = Allowance(10**9, 10**9, 10**9, 1)


def outcome(body: bytes, window: int | None) -> tuple[str, Any]:
    """The value as JSON, or the refusal."""
    try:
        value = parse(body) if window is None else finish(parse_in_slices(body, ANY, window))
    except ServerError as error:
        return error.code, error.message
    return "value", orjson.dumps(value)
