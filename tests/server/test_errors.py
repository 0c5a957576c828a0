"""Errors: every code has its status, every envelope the same three keys, Retry-After is honest."""

from __future__ import annotations

import math

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.errors import CODE_OF_STATUS, CODES, STATUS, ServerError, envelope, overloaded

PROMISED = {
    400: {"bad_request", "bad_json", "too_deep"},
    401: {"unauthorized"},
    404: {"not_found"},
    405: {"method_not_allowed"},
    408: {"request_timeout"},
    413: {"body_too_large", "too_many_rows"},
    414: {"uri_too_long"},
    415: {"unsupported_media_type"},
    422: {"invalid_input", "out_of_range"},
    429: {"quota"},
    431: {"headers_too_large"},
    500: {"internal", "model_error"},
    501: {"unsupported"},
    503: {"overloaded", "draining", "model_unavailable"},
    504: {"deadline_exceeded"},
}


def test_every_code_has_the_promised_status() -> None:
    codes_of_status: dict[int, set[str]] = {}
    for code in CODES:
        codes_of_status.setdefault(STATUS[code], set()).add(code)
    assert codes_of_status == PROMISED
    assert set(STATUS) == set(CODES)


@pytest.mark.parametrize("status", PROMISED)
def test_a_status_finds_a_code_of_its_own(status: int) -> None:
    assert STATUS[CODE_OF_STATUS[status]] == status


def test_the_general_code_stands_for_its_status() -> None:
    assert CODE_OF_STATUS[400] == "bad_request"
    assert CODE_OF_STATUS[500] == "internal"
    assert CODE_OF_STATUS[503] == "overloaded"


def test_envelope() -> None:
    error = ServerError("not_found", 'no "such" route')
    assert error.status == 404
    assert str(error) == 'no "such" route'
    assert error.headers == {}
    assert orjson.loads(envelope(error, "abc-1")) == {
        "error": 'no "such" route',
        "code": "not_found",
        "request_id": "abc-1",
    }


@given(st.floats(0, 1e6))
@example(1.0)
@example(2.0)
def test_retry_after_is_whole_seconds_and_never_short_nor_a_second_too_long(seconds: float) -> None:
    error = overloaded(seconds)
    wait = int(error.headers["retry-after"])
    assert wait == max(1, math.ceil(seconds))
    assert error.status == 503
    assert f"in {wait} s" in error.message
