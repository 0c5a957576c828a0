"""The address that the server binds."""

from __future__ import annotations

import socket

import pytest

from server.processes.address import bind_address, default_host


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("0.0.0.0", "0.0.0.0:8000"),
        ("localhost", "localhost:8000"),
        ("::", "[::]:8000"),
        ("[::]", "[::]:8000"),
        ("::1", "[::1]:8000"),
    ],
)
def test_an_ipv6_address_has_brackets_whether_a_person_writes_them_or_not(host: str, address: str) -> None:
    assert bind_address(host, 8000) == address


def test_the_default_is_ipv4_where_there_is_no_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_ipv6(family: int, kind: int) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr("server.processes.address.socket.socket", no_ipv6)
    assert default_host() == "0.0.0.0"
