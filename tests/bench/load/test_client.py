"""The connection: answers in any legal shape come whole, broken ones are named, closed ones are let go."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bench.errors import BenchError
from bench.load.client import Address, BrokenAnswer, Connection

REQUEST = b"POST /predict HTTP/1.1\r\n\r\n"


@contextmanager
def peer(*connections: list[bytes | None]) -> Iterator[Address]:
    """A server that, on each connection, reads one request per element and sends it; None closes instead."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_speak, args=(listener, connections))
        thread.start()
        yield Address("127.0.0.1", listener.getsockname()[1])
        thread.join(10)
        assert not thread.is_alive()


def _speak(listener: socket.socket, connections: tuple[list[bytes | None], ...]) -> None:
    for answers in connections:
        caller, _ = listener.accept()
        with caller:
            for answer in answers:
                if not caller.recv(65536) or answer is None:
                    break
                for byte in (answer[at : at + 7] for at in range(0, len(answer), 7)):
                    caller.sendall(byte)


def test_an_answer_of_known_length_comes_whole_and_the_connection_stays() -> None:
    one = b"HTTP/1.1 200 OK\r\nX-Thing: A b\r\nContent-Length: 5\r\n\r\nhello"
    two = b"HTTP/1.1 404 Not Found\r\ncontent-length:0\r\n\r\n"
    with peer([one, two]) as target, Connection(target) as connection:
        first, second = connection.exchange(REQUEST), connection.exchange(REQUEST)
    assert (first.status, first.body, first.header("x-thing")) == (200, b"hello", "A b")
    assert (second.status, second.body, second.header("x-thing")) == (404, b"", None)


def test_chunks_are_joined() -> None:
    said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n, world!!!\r\n0\r\n\r\n"
    with peer([said]) as target, Connection(target) as connection:
        assert connection.exchange(REQUEST).body == b"hello, world!!!"


def test_a_peer_that_says_close_is_left_and_met_anew() -> None:
    last = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na"
    with peer([last], [last]) as target, Connection(target) as connection:
        assert connection.exchange(REQUEST).body == b"a"
        assert connection.exchange(REQUEST).body == b"a"


def test_a_connection_closed_while_idle_is_let_go_before_the_next_request() -> None:
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    with peer([fine], [fine]) as target, Connection(target) as connection:
        connection.exchange(REQUEST)
        kept = connection._socket
        assert kept is not None
        kept.settimeout(10)
        assert kept.recv(1, socket.MSG_PEEK) == b""  # waits for the peer's goodbye
        connection.drop_if_closed()
        assert connection.exchange(REQUEST).body == b"a"


def test_an_open_idle_connection_is_kept() -> None:
    fine = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na"
    with peer([fine, fine]) as target, Connection(target) as connection:
        connection.exchange(REQUEST)
        connection.drop_if_closed()
        assert connection.exchange(REQUEST).body == b"a"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nConte", "closed inside an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhel", "closed inside an answer"),
        (b"SSH-2.0-x\r\n\r\n", "not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "neither a length nor chunks"),
    ],
)
def test_what_is_not_an_answer_is_named(said: bytes | None, why: str) -> None:
    with peer([said]) as target, Connection(target) as connection, pytest.raises(BrokenAnswer, match=why):
        connection.exchange(REQUEST)


def test_silence_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Address("127.0.0.1", listener.getsockname()[1])
        with Connection(target, timeout_s=0.05) as connection, pytest.raises(TimeoutError):
            connection.exchange(REQUEST)


@pytest.mark.parametrize(
    ("url", "target", "authority"),
    [
        ("http://127.0.0.1:8000", Address("127.0.0.1", 8000), "127.0.0.1:8000"),
        ("https://app.example/", Address("app.example", 443, tls=True), "app.example"),
        ("http://[::1]:80/base/", Address("::1", 80, prefix="/base"), "[::1]"),
    ],
)
def test_urls(url: str, target: Address, authority: str) -> None:
    assert Address.parse(url) == target
    assert target.authority == authority
    assert f"POST {target.prefix}/predict HTTP/1.1".encode() in target.request("POST", "/predict", b"{}")


@pytest.mark.parametrize("url", ["", "localhost:8000", "ftp://x", "http://"])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(BenchError, match="http://name:port"):
        Address.parse(url)
