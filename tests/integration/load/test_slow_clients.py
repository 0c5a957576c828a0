"""Hundreds of clients that send or take next to nothing are let go, and clients beside them do not notice."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import Running, poll
from tests.support.integration.unharmed import unharmed
from tests.support.integration.wire import Answer, request
from tests.support.load.constant import Constant, p99_ms
from tests.support.load.load import peers

SLOW_CLIENTS, SLOW_READERS = 500, 100
PER_SECOND = 200
CALM_SECONDS = 5.0
LET_GO_SECONDS = 20.0  # 10 s, the sweep, and a machine that is busy
ROW = [5.1, 3.5, 1.4, 0.2]
HEAD = b"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
SENT_AT_ONCE = {"nothing": b"", "half a head": HEAD, "half a body": HEAD + b"\r\n" + b" " * 500}
SENT_BY_BYTES = {"a head by bytes": HEAD + b"X-Long: " + b"x" * 100, "a body by bytes": HEAD + b"\r\n" + b" " * 100}
KINDS = [*SENT_AT_ONCE, *SENT_BY_BYTES]


async def slow_client(port: int, kind: str) -> tuple[str, bytes, float]:
    """A client that is slow in one way: the way, the first line it was told, and the seconds until it was let go."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()

    async def trickle() -> None:
        for byte in SENT_BY_BYTES.get(kind, b""):
            writer.write(bytes([byte]))
            await asyncio.sleep(1.0)

    writer.write(SENT_AT_ONCE.get(kind, b""))
    trickling = asyncio.create_task(trickle())
    said = b""
    with contextlib.suppress(ConnectionError):
        said = await reader.read()
    trickling.cancel()
    writer.close()
    return kind, said.partition(b"\r\n")[0], time.monotonic() - began


def check(_: int, answer: Answer) -> str | None:
    return None if answer.json()["prediction"] == "setosa" else f"wrong: {answer.body!r}"


async def beside_good_clients(server: Running, harm: Callable[[], Awaitable[None]]) -> tuple[Constant, int]:
    """Good clients before and during the harm: their load, and how many of their requests came before."""
    load = Constant(server.port, PER_SECOND, lambda _: request("/predict", {"features": ROW}), check)
    asking = asyncio.create_task(load.run())
    await asyncio.sleep(CALM_SECONDS)
    calm = len(load.seconds)
    try:
        await harm()
    finally:
        load.stopped = True
        await asking
    return load, calm


def check_unharmed(load: Constant, calm: int, report: Report, what: str) -> None:
    assert load.lost == []
    assert len(load.seconds) > calm > 0, "nothing was asked: the test shows nothing"
    report(
        f"{what}: 0 of {len(load.seconds) - calm:,} good requests lost, p99 {p99_ms(load.seconds[calm:]):.1f} ms,"
        f" before {p99_ms(load.seconds[:calm]):.1f} ms"
    )


@pytest.mark.fault(9)
@pytest.mark.slow
def test_five_hundred_slow_senders_are_let_go_and_harm_nobody(start: Start, report: Report) -> None:
    server = start(WEB_CONCURRENCY="1")
    ends: list[tuple[str, bytes, float]] = []

    async def harm() -> None:
        clients = (slow_client(server.port, KINDS[number % len(KINDS)]) for number in range(SLOW_CLIENTS))
        ends.extend(await asyncio.gather(*clients))

    with unharmed(server):
        load, calm = asyncio.run(beside_good_clients(server, harm))
    longest = max(seconds for _, _, seconds in ends)
    check_unharmed(load, calm, report, f"{SLOW_CLIENTS} slow senders, the last let go after {longest:.1f} s")
    told = {kind: Counter(line for other, line, _ in ends if other == kind) for kind in KINDS}
    assert told["nothing"] == {b"": SLOW_CLIENTS // len(KINDS)}
    for kind in KINDS[1:]:
        # A byte that comes after the end resets the connection, and the system drops what the client has not read yet.
        unread = told[kind].pop(b"", 0) if kind in SENT_BY_BYTES else 0
        assert told[kind] == {b"HTTP/1.1 408 Request Timeout": SLOW_CLIENTS // len(KINDS) - unread}
        assert unread < SLOW_CLIENTS // len(KINDS) / 2
    assert longest < LET_GO_SECONDS


def slow_reader(port: int, data: bytes) -> socket.socket:
    """A client with the least room for what it is sent, which asks for much and takes nothing."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", port))
    link.sendall(data)
    return link


@pytest.mark.fault(10)
@pytest.mark.slow
def test_a_hundred_clients_that_take_nothing_are_let_go_and_harm_nobody(start: Start, report: Report) -> None:
    server = start(WEB_CONCURRENCY="1")
    (worker,) = server.workers()
    much = request("/predict", {"features": [ROW] * 3000, "probabilities": True})

    async def harm() -> None:
        with contextlib.ExitStack() as stack:
            links = [stack.enter_context(slow_reader(server.port, much)) for _ in range(SLOW_READERS)]
            ports = {link.getsockname()[1] for link in links}
            await asyncio.to_thread(poll, lambda: ports <= peers(worker, server.port), "all are taken")
            await asyncio.to_thread(
                poll, lambda: not ports & peers(worker, server.port), "every one of them is let go", LET_GO_SECONDS
            )

    with unharmed(server):
        load, calm = asyncio.run(beside_good_clients(server, harm))
    check_unharmed(load, calm, report, f"{SLOW_READERS} clients that take nothing")
