"""Owns whether an answer is the right one. Knows nothing of sockets or of who answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

_NO_OTHERS: Mapping[str, Mapping[str, Any]] = {}
TOLERANCE = 1e-5  # of the expected value, or of 1 where that is smaller


def fault(
    expected: Mapping[str, Any], status: int, body: bytes, versions: Mapping[str, Mapping[str, Any]] = _NO_OTHERS
) -> str | None:
    """What is wrong with an answer, in a few words fit for counting; None when it is right.

    Keys beyond the expected ones are allowed: an answer may say more. Where the answer names one of ``versions`` as its
    ``model_version``, what stands there is expected instead.
    """
    if status != 200:
        return f"http {status}{_code(body)}"
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "wrong answer: not JSON"
    if not isinstance(answer, dict):
        return "wrong answer: not an object"
    for key, value in versions.get(str(answer.get("model_version")), expected).items():
        if key not in answer:
            return f"wrong answer: no {key}"
        if not same(value, answer[key]):
            return f"wrong answer: {key}"
    return None


def same(expected: object, got: object) -> bool:
    """Equal in type, length, order and keys; numbers with a fraction to ``TOLERANCE``."""
    if isinstance(expected, list):
        return (
            isinstance(got, list)
            and len(got) == len(expected)
            and all(same(a, b) for a, b in zip(expected, got, strict=True))
        )
    if isinstance(expected, dict):
        return (
            isinstance(got, dict)
            and got.keys() == expected.keys()
            and all(same(value, got[key]) for key, value in expected.items())
        )
    if isinstance(expected, float):
        is_number = isinstance(got, int | float) and not isinstance(got, bool)
        return is_number and abs(expected - got) <= TOLERANCE * max(abs(expected), 1.0)  # type: ignore[operator]
    return type(expected) is type(got) and expected == got


def _code(body: bytes) -> str:
    """The stable error code of an envelope ``{"error": ..., "code": ...}``, with a space before it; else nothing."""
    try:
        code = orjson.loads(body)["code"]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
    return f" {code}" if isinstance(code, str) else ""
