"""Accepting beside others: even shares, nothing lost, and nobody waits for a worker that does not come."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import cast

import pytest
import uvloop

from server.processes.accepting import LEAST_TAKEN, STAY_SECONDS, Acceptor, Stay, backlog, begin, due, waiting_at


class Share(asyncio.Protocol):
    """Counts the connections of one worker, and tells each that it is there."""

    def __init__(self, open_connections: list[asyncio.BaseTransport]) -> None:
        self._open = open_connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._open.append(transport)
        cast(asyncio.WriteTransport, transport).write(b"!")


Clients = Callable[[int], list[socket.socket]]


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as made:
        yield made


@pytest.fixture
def clients(listener: socket.socket) -> Iterator[Clients]:
    """Makes so many clients, which wait in the backlog."""
    with ExitStack() as stack:
        yield lambda number: [
            stack.enter_context(socket.create_connection(listener.getsockname())) for _ in range(number)
        ]


def told(count: int) -> None:
    """Whom nobody asks how many connections there will be."""


@pytest.mark.parametrize(
    ("own", "others", "waiting", "taken"),
    [
        (0, [], 5, 5),
        (0, [0], 1, 1),
        (0, [0], 128, 64),
        (64, [0], 64, 0),
        (0, [0, 0, 0], 7, 1),
        (1, [0], 1, 0),
        (1, [0], 5, 2),
        (5, [4], 1, 0),
        (36, [32], 1, 1),
        (37, [32], 1, 0),
        (10, [0, 5], 3, 0),
        (0, [10], 2, 2),
    ],
)
def test_a_worker_takes_what_makes_up_its_share(own: int, others: list[float], waiting: int, taken: int) -> None:
    assert due(own, others, waiting) == taken


def test_the_kernel_tells_how_many_wait(listener: socket.socket, clients: Clients) -> None:
    clients(7)
    assert waiting_at(listener) in (7, 1)  # 1 where it does not tell
    first, second = socket.socketpair()
    with first, second:
        assert waiting_at(first) == 1


def test_a_burst_is_taken_in_few_turns_and_evenly(listener: socket.socket, clients: Clients) -> None:
    """No worker leaves the other what is its own share: nobody rests."""

    async def act() -> None:
        shares: list[list[asyncio.BaseTransport]] = [[], []]
        second = listener.dup()
        burst = clients(40)
        acceptors = [beside(listener, *shares), beside(second, *shares[::-1])]
        for acceptor in acceptors:
            acceptor.start()
        await answered(burst)
        assert max(map(len, shares)) <= 23
        for acceptor in acceptors:
            await acceptor.stop()
        second.close()

    run(act())


def run(act: Coroutine[None, None, None]) -> None:
    uvloop.run(asyncio.wait_for(act, 60))


async def answered(some: list[socket.socket]) -> None:
    """Until each has been accepted; then it leaves, and its transport with it."""
    loop = asyncio.get_running_loop()
    for client in some:
        client.setblocking(False)
        assert await loop.sock_recv(client, 1) == b"!"
    for client in some:
        client.close()


def beside(listener: socket.socket, mine: list[asyncio.BaseTransport], other: list[asyncio.BaseTransport]) -> Acceptor:
    return Acceptor([listener], lambda: Share(mine), lambda: len(mine), told, lambda: [len(other)])


def test_workers_get_even_shares(listener: socket.socket, clients: Clients) -> None:
    async def act() -> None:
        shares: list[list[asyncio.BaseTransport]] = [[], []]
        second = listener.dup()  # the same backlog
        acceptors = [beside(listener, *shares), beside(second, *shares[::-1])]
        for acceptor in acceptors:
            acceptor.start()
        await answered(clients(40))
        assert max(map(len, shares)) <= 23  # 1.3 times an even share and less
        for acceptor in acceptors:
            await acceptor.stop()
        second.close()

    run(act())


@pytest.mark.parametrize("others", [[0.0], []], ids=["idle", "none"])
def test_what_nobody_takes_is_accepted(others: list[float], listener: socket.socket, clients: Clients) -> None:
    """Another has fewer connections and does not come, or there is no other."""

    async def act() -> None:
        mine: list[asyncio.BaseTransport] = []
        acceptor = Acceptor([listener], lambda: Share(mine), lambda: 5 + len(mine), told, lambda: others)
        acceptor.start()
        await answered(clients(5))
        assert len(mine) == 5
        await acceptor.stop()

    run(act())


def test_connections_that_do_not_stay_are_taken_at_once(
    listener: socket.socket, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two workers that leave each other every second one do nothing for most of the time."""

    async def act() -> None:
        mine: list[asyncio.BaseTransport] = []
        acceptor = Acceptor([listener], lambda: Share(mine), lambda: 5, told, lambda: [0.0])
        monkeypatch.setattr(acceptor._stay, "judge", lambda count: False)
        monkeypatch.setattr(acceptor, "_rest", None)
        acceptor.start()
        await answered(clients(20))
        await acceptor.stop()

    run(act())


def test_whether_connections_stay_is_told_by_those_taken_lately() -> None:
    stay, now = Stay(), 100.0
    for count in range(LEAST_TAKEN):
        assert stay.judge(count), "nothing is known yet"
        stay.take(now, count)
    assert stay.judge(LEAST_TAKEN), "all are there"
    assert stay.judge(LEAST_TAKEN // 2)
    assert not stay.judge(LEAST_TAKEN // 2 - 1)

    for count in (1, 2, 1):  # the next window: what was told of the last one holds until this one tells
        now += STAY_SECONDS
        stay.take(now, count)
        assert not stay.judge(count)
        for _ in range(LEAST_TAKEN):
            stay.take(now, count)
        assert not stay.judge(count)

    now += STAY_SECONDS
    stay.take(now, 500)
    for count in range(500, 500 + LEAST_TAKEN):
        stay.take(now, count)
    assert stay.judge(500 + LEAST_TAKEN), "others that stay have come"
    assert not stay.judge(501), "and they have left"


@pytest.mark.parametrize("pause", [STAY_SECONDS, 2 * STAY_SECONDS])
def test_a_few_that_do_not_stay_are_soon_forgotten(pause: float) -> None:
    stay, now = Stay(), 100.0
    for _ in range(LEAST_TAKEN + 1):
        stay.take(now, 0)
    assert not stay.judge(0)
    for _ in range(2):  # few are taken, or none for long
        now += pause
        stay.take(now, 0)
    assert stay.judge(1)


def test_what_waits_stays_in_the_backlog_when_it_stops(listener: socket.socket, clients: Clients) -> None:
    async def act() -> None:
        acceptor = Acceptor([listener], lambda: Share([]), lambda: 1, told, lambda: [0.0])
        acceptor.start()
        (client,) = clients(1)
        await acceptor.stop()
        accepted, address = listener.accept()
        accepted.close()
        assert address == client.getsockname()

    run(act())


def test_a_system_that_is_full_is_asked_again(
    listener: socket.socket, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        """A listener whose first attempt fails."""

        attempts = 0

        def fileno(self) -> int:
            return listener.fileno()

        def getsockopt(self, level: int, option: int, length: int) -> bytes:
            raise OSError(92, "Protocol not available")

        def setblocking(self, flag: bool) -> None:
            listener.setblocking(flag)

        def accept(self) -> tuple[socket.socket, object]:
            Full.attempts += 1
            if Full.attempts == 1:
                raise OSError(24, "Too many open files")
            return listener.accept()

    async def act() -> None:
        mine: list[asyncio.BaseTransport] = []
        acceptor = Acceptor([Full()], lambda: Share(mine), lambda: 0, told, list)  # type: ignore[list-item]
        acceptor.start()
        await answered(clients(2))
        assert len(mine) == 2
        await acceptor.stop()

    run(act())


@pytest.mark.parametrize("waiting", [0, 1, 5])
def test_every_connection_in_the_backlog_is_accepted_and_none_is_waited_for(waiting: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        clients = [socket.create_connection(listener.getsockname()) for _ in range(waiting)]
        accepted = backlog(listener)
        assert {connection.getpeername() for connection in accepted} == {client.getsockname() for client in clients}
        for connection in (*accepted, *clients):
            connection.close()


def test_a_stop_takes_what_the_system_has_descriptors_for() -> None:
    """And goes on: those who are served already get their answers."""
    first, second = (socket.socketpair() for _ in range(2))
    outcomes: Iterator[socket.socket | Exception] = iter(
        [first[0], ConnectionAbortedError(), second[0], OSError(24, "Too many open files")]
    )

    class Full:
        """A listener behind which more waits than there are descriptors."""

        def setblocking(self, flag: bool) -> None:
            pass

        def accept(self) -> tuple[socket.socket, object]:
            if isinstance(outcome := next(outcomes), Exception):
                raise outcome
            return outcome, None

    assert backlog(Full()) == [first[0], second[0]]  # type: ignore[arg-type]
    for end in (*first, *second):
        end.close()


def test_a_client_that_has_gone_is_let_go() -> None:
    async def act() -> None:
        client = socket.socket()
        client.close()
        await begin(client, asyncio.Protocol)

    run(act())
