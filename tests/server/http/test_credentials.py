"""The line with a key: only these very bytes, in the head and nowhere else, are taken for the line that has passed."""

from __future__ import annotations

import pytest

from server.http.credentials import Credentials, credentials_in, without
from server.http.head_cache import MAX_LINE_BYTES
from tests.support.server.doors import ROW, post

LINE = b"Authorization: Bearer secret"
HEADERS = [(b"Host", b"test"), (b"Authorization", b"Bearer secret")]


@pytest.fixture
def passed() -> Credentials:
    found = credentials_in(HEADERS)
    assert found is not None
    return found


def test_a_head_is_what_it_is_without_the_line(passed: Credentials) -> None:
    assert without(passed, post(ROW, "/predict", LINE)) == post(ROW)
    assert without(passed, post(ROW, "/predict", LINE, b"X-A: 1")) == post(ROW, "/predict", b"X-A: 1")


@pytest.mark.parametrize(
    "data",
    [
        post(ROW),
        post(ROW, "/predict", LINE + b"s"),
        post(ROW, "/predict", LINE[:-1]),
        post(ROW, "/predict", LINE + b" "),
        post(ROW, "/predict", b"Authorization: Bearer Secret"),
        post(ROW, "/predict", b"authorization: Bearer secret"),
        post(ROW, "/predict", b"Authorization:  Bearer secret"),
        post(ROW, "/predict", b"X-Authorization: Bearer secret"),
        post(ROW, "/predict", b"Authorization: Bearer other", LINE),
        post(b"\r\n" + LINE + b"\r\n"),
        post(ROW, "/predict", LINE).partition(b"secret")[0],
        b"\r\n" + LINE + b"\r\n",
        b"",
    ],
)
def test_no_other_bytes_are_taken_for_it(passed: Credentials, data: bytes) -> None:
    assert without(passed, data) is None


def test_a_second_line_of_the_kind_stays(passed: Credentials) -> None:
    assert without(passed, post(ROW, "/predict", LINE, LINE)) == post(ROW, "/predict", LINE)


def test_what_is_remembered_is_short() -> None:
    assert credentials_in([(b"Authorization", b"x" * MAX_LINE_BYTES)]) is None
    assert credentials_in(HEADERS[:1]) is None
