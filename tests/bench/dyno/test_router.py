"""The stand-in router: headers as Heroku adds them, held requests, pooled connections, failures by their codes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from bench.dyno.router import Router, Timing

QUICK = Timing(connect=0.5, first_byte=0.2, rolling=0.3, quarantine=0.05, hold=0.3, idle=90.0)
REQUEST = b"POST /predict HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nVia: me\r\nContent-Length: 2\r\n\r\n{}"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Dyno:
    """A server that keeps what it got and speaks as told; ``connections`` counts how often it was connected to."""

    def __init__(self, *answers: bytes | None, delay: float = 0.0) -> None:
        self.answers, self.delay = list(answers), delay
        self.got: list[bytes] = []
        self.connections = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers and (head := await reader.read(65536)):
            self.got.append(head)
            answer = self.answers.pop(0)
            await asyncio.sleep(self.delay)
            if answer is None:
                break
            writer.write(answer)
            await writer.drain()
            if b"Connection: close" in answer or b"Content-Length: 99" in answer:
                break
        writer.close()


async def ask(router: Router, *requests: bytes) -> list[bytes]:
    """The answers to requests sent one after the other over one connection to the router."""
    server = await asyncio.start_server(router.converse, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        answers = []
        for request in requests:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            answers.append(head + await reader.readexactly(int(length[1])))
        writer.close()
        await writer.wait_closed()
        await router.close()
    return answers


async def with_dyno(dyno: Dyno, *requests: bytes) -> tuple[list[bytes], Router]:
    server = await asyncio.start_server(dyno.talk, "127.0.0.1", 0)
    async with server:
        router = Router(QUICK)
        router.set_ports([server.sockets[0].getsockname()[1]])
        return await ask(router, *requests), router


def test_headers_are_those_of_herokus_router() -> None:
    dyno = Dyno(FINE)
    answers, _ = asyncio.run(with_dyno(dyno, REQUEST))
    assert answers == [FINE]
    (got,) = dyno.got
    assert b"\r\nX-Forwarded-For: 6.6.6.6, 127.0.0.1\r\n" in got  # the real peer on the right
    assert b"\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\n" in got
    assert re.search(rb"\r\nX-Request-Start: \d{13}\r\n", got)
    assert re.search(rb"\r\nX-Request-Id: [0-9a-f-]{36}\r\n", got)
    assert got.count(b"Via: ") == 1
    assert got.endswith(b"\r\n\r\n{}")


def test_connections_to_a_dyno_are_kept() -> None:
    dyno = Dyno(FINE, FINE, FINE)
    answers, router = asyncio.run(with_dyno(dyno, REQUEST, REQUEST, REQUEST))
    assert answers == [FINE] * 3
    assert dyno.connections == 1
    assert not router.counts


def test_a_dyno_that_says_close_is_met_anew_and_the_caller_does_not_hear_of_it() -> None:
    last = FINE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    dyno = Dyno(last, last)
    answers, router = asyncio.run(with_dyno(dyno, REQUEST, REQUEST))
    assert answers == [FINE, FINE]
    assert dyno.connections == 2
    assert not router.counts


@pytest.mark.parametrize(
    ("answer", "delay", "code"),
    [
        (FINE, 1.0, "H12"),
        (None, 0.0, "H13"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf", 0.0, "H18"),
        (b"HTTP/1.1 200 OK\r\n", 0.0, "H15"),
    ],
)
def test_what_goes_wrong_has_herokus_code(answer: bytes | None, delay: float, code: str) -> None:
    (said,), router = asyncio.run(with_dyno(Dyno(answer, FINE, delay=delay), REQUEST))
    assert said.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert code.encode() in said
    assert router.counts == {code: 1}


def test_requests_wait_for_a_dyno_that_is_starting() -> None:
    async def late() -> list[bytes]:
        dyno, router = Dyno(FINE), Router(QUICK)
        server = await asyncio.start_server(dyno.talk, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            asyncio.get_running_loop().call_later(0.1, router.set_ports, [port])
            return await ask(router, REQUEST)

    assert asyncio.run(late()) == [FINE]


def test_without_any_dyno_the_wait_ends() -> None:
    async def never() -> tuple[list[bytes], Router]:
        router = Router(QUICK)
        return await ask(router, REQUEST), router

    (said,), router = asyncio.run(never())
    assert b"H20" in said
    assert router.counts == {"H20": 1}


def test_a_dyno_that_refuses_is_left_alone_for_another() -> None:
    async def one_dead() -> tuple[list[bytes], Router]:
        dyno = Dyno(*[FINE] * 20)
        server = await asyncio.start_server(dyno.talk, "127.0.0.1", 0)
        closed = await asyncio.start_server(dyno.talk, "127.0.0.1", 0)
        dead = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        async with server:
            router = Router(QUICK)
            router.set_ports([dead, server.sockets[0].getsockname()[1]])
            return await ask(router, *[REQUEST] * 20), router

    answers, router = asyncio.run(one_dead())
    assert answers == [FINE] * 20
    assert set(router.counts) <= {"H21"}
