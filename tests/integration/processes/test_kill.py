"""A worker that is killed loses its own requests only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time

import orjson
import psutil
import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.originals import Original
from tests.support.integration.running import Running, poll
from tests.support.integration.unharmed import unharmed
from tests.support.integration.wire import Answer, request
from tests.support.load.load import Load, peers

LEAST_CONNECTIONS = 6  # of each worker
REPLACED_SECONDS = 2.0


@pytest.fixture(scope="module")
def bodies(originals: dict[str, Original]) -> list[bytes]:
    """Short requests, and some of a run long enough to be caught in the middle of."""
    cancer = originals["breast-cancer"].table.to_numpy().tolist()
    short = request("/predict", {"features": [5.1, 3.5, 1.4, 0.2]})
    return [short, short, request("/models/breast-cancer/predict", {"features": cancer})]


async def connect_to_both(load: Load, server: Running, workers: list[int]) -> None:
    """Opens connections until each worker holds some: which one accepts is up to the kernel."""
    for _ in range(40):
        await load.connect(server.port, LEAST_CONNECTIONS)
        if all(len(peers(worker, server.port)) >= LEAST_CONNECTIONS for worker in workers):
            return
    raise AssertionError(f"one of {workers} accepts nothing")


async def kill_under_load(server: Running, bodies: list[bytes]) -> tuple[Load, set[int], float, float]:
    """The load's book, the client ports the killed worker held, when it was killed, how long until another stood."""
    load = Load(bodies)
    victim, survivor = server.workers()
    await connect_to_both(load, server, [victim, survivor])
    held = peers(victim, server.port)
    asking = asyncio.create_task(load.run())
    await load.until_answered(300)
    killed = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    replaced = await asyncio.to_thread(poll, lambda: len(set(server.workers()) - {victim}) == 2, "two workers live")
    await load.until_answered(600)
    load.stop()
    await asking
    return load, held, killed, replaced


@pytest.mark.fault(42)
def test_kill_9_of_one_of_two_workers_under_load(start: Start, bodies: list[bytes], report: Report) -> None:
    server = start(WEB_CONCURRENCY="2")
    before = server.workers()
    load, held, killed, replaced = asyncio.run(kill_under_load(server, bodies))
    lost = [entry for entry in load.book if not isinstance(entry.outcome, Answer)]
    assert lost, "nothing was in flight: the test shows nothing"
    assert {entry.local_port for entry in lost} <= held
    # Each connection had one request in hand when its worker died.
    assert len(lost) == len({entry.local_port for entry in lost})
    answers = [entry.outcome for entry in load.book if isinstance(entry.outcome, Answer)]
    assert {answer.status for answer in answers} == {200}
    others = [entry for entry in load.book if entry.local_port not in held and entry.sent > killed]
    assert len(others) > 50
    report(f"kill -9 of one of two workers: {len(lost)} of {len(load.book)} lost, replaced after {replaced:.2f} s")
    check_that_both_serve(server, before)


def check_that_both_serve(server: Running, before: list[int]) -> None:
    """The arbiter is the same, one worker too, and the new one answers as the old ones did."""
    assert server.process.poll() is None
    workers = server.workers()
    assert len(workers) == 2
    assert len(set(workers) & set(before)) == 1

    async def ask_each() -> None:
        load = Load([request("/predict", {"features": [5.1, 3.5, 1.4, 0.2]})])
        await connect_to_both(load, server, workers)
        answers = [orjson.loads((await wire.ask(load.bodies[0])).body) for wire in load.wires]
        assert all(answer == answers[0] for answer in answers)
        await load.close()

    asyncio.run(ask_each())


@pytest.mark.fault(42)
@pytest.mark.slow
def test_fifty_kills_leave_a_whole_server(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    for _ in range(50):
        with unharmed(server, kills=1):
            victim = server.workers()[0]
            os.kill(victim, signal.SIGKILL)
            poll(
                lambda gone=victim: gone not in server.workers() and len(server.workers()) == 2,  # type: ignore[misc]
                "the worker is replaced",
                REPLACED_SECONDS,
            )
    assert psutil.Process(server.pid).num_fds() < 60


def test_workers_of_an_arbiter_that_is_killed_end_and_leave_the_port(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    workers = [psutil.Process(worker) for worker in server.workers()]
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait()
    poll(lambda: not any(map(lives, workers)), "no worker is left")
    with socket.create_server(("127.0.0.1", server.port)):
        pass


def lives(process: psutil.Process) -> bool:
    """Whether a process runs: nobody may be there to reap it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
