"""Targets that are no path, and heads without their Upgrade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ServerError
from server.http.targets import head_without_upgrade, origin_form

HOST = (b"Host", b"other")


@pytest.mark.fault(2, 5)
@pytest.mark.parametrize(
    ("target", "path", "authority"),
    [
        (b"http://a", b"/", b"a"),
        (b"http://a/", b"/", b"a"),
        (b"HTTP://a:80/b/c?d=e", b"/b/c?d=e", b"a:80"),
        (b"https://[::1]:8000/b", b"/b", b"[::1]:8000"),
        (b"http://a?b", b"/?b", b"a"),
        (b"http://a/?http://b/", b"/?http://b/", b"a"),
    ],
)
def test_of_a_url_the_authority_counts_not_the_host(target: bytes, path: bytes, authority: bytes) -> None:
    assert origin_form(target, [(b"A", b"b"), HOST]) == (path, [(b"A", b"b"), (b"Host", authority)])


@pytest.mark.fault(5)
@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"a:80",
        b"http:",
        b"http://",
        b"http:///a",
        b"http://u@a/",
        b"ftp://a/",
        b"http://a/#b",
        b"http://a\\b/",
        b"a",
    ],
)
def test_what_is_neither_path_nor_url_is_refused(target: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        origin_form(target, [HOST])
    assert caught.value.code == "bad_request"


@given(st.binary())
def test_any_target_becomes_a_path_or_is_refused(target: bytes) -> None:
    try:
        path, headers = origin_form(target, [HOST])
    except ServerError:
        return
    assert path.startswith(b"/")
    assert [name for name, _ in headers] == [b"Host"]


def test_a_head_is_the_same_without_its_upgrade() -> None:
    headers = [(b"Host", b"x"), (b"Connection", b"Upgrade"), (b"UPGRADE", b"h2c"), (b"A", b""), (b"upgrade", b"b")]
    head = head_without_upgrade(b"POST", b"/a?b", "1.1", headers)
    assert head == b"POST /a?b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nA: \r\n\r\n"
