"""Owns the error answers: codes, statuses, JSON. Knows nothing of their causes.

Code that refuses a request raises `ServerError`; both doors turn it into the same bytes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

import orjson

Code = Literal[
    "bad_request",
    "bad_json",
    "too_deep",
    "unauthorized",
    "not_found",
    "method_not_allowed",
    "request_timeout",
    "body_too_large",
    "too_many_rows",
    "uri_too_long",
    "unsupported_media_type",
    "invalid_input",
    "out_of_range",
    "quota",
    "headers_too_large",
    "internal",
    "model_error",
    "unsupported",
    "overloaded",
    "draining",
    "model_unavailable",
    "deadline_exceeded",
]
CODES: tuple[Code, ...] = get_args(Code)

STATUS: Mapping[Code, int] = {
    "bad_request": 400,
    "bad_json": 400,
    "too_deep": 400,
    "unauthorized": 401,
    "not_found": 404,
    "method_not_allowed": 405,
    "request_timeout": 408,
    "body_too_large": 413,
    "too_many_rows": 413,
    "uri_too_long": 414,
    "unsupported_media_type": 415,
    "invalid_input": 422,
    "out_of_range": 422,
    "quota": 429,
    "headers_too_large": 431,
    "internal": 500,
    "model_error": 500,
    "unsupported": 501,
    "overloaded": 503,
    "draining": 503,
    "model_unavailable": 503,
    "deadline_exceeded": 504,
}
CODE_OF_STATUS: Mapping[int, Code] = {status: code for code, status in reversed(list(STATUS.items()))}

STOPPING = "this server is stopping; send the request again in a moment"


class ServerError(Exception):
    """The refusal of a request. ``message``: one sentence for the client, without secrets; ``headers``: to add."""

    def __init__(self, code: Code, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.status = STATUS[code]
        self.message = message
        self.headers = headers or {}


def draining() -> ServerError:
    """The error of what is not served because the server stops."""
    return ServerError("draining", STOPPING)


def overloaded(seconds: float) -> ServerError:
    """The error of a full queue. ``seconds``: of work in the queue, rounded up for ``Retry-After``."""
    message, headers = _overload(max(1, math.ceil(seconds)))
    return ServerError("overloaded", message, headers)


@functools.lru_cache(128)  # a server that refuses much must do it cheaply
def _overload(wait: int) -> tuple[str, Mapping[str, str]]:
    message = f"more work waits than this server may queue; try again in {wait} s"
    return message, MappingProxyType({"retry-after": str(wait)})


def envelope(error: ServerError, request_id: str) -> bytes:
    """The JSON body of an error, for every route and both doors."""
    return orjson.dumps({"error": error.message, "code": error.code, "request_id": request_id})
