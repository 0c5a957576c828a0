"""A stop loses no accepted request, whichever process gets the signal, and however often."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.originals import Original
from tests.support.integration.running import STOP_SECONDS, Running, poll
from tests.support.integration.wire import Answer, CutOff, read_answer, request, wires
from tests.support.load.load import Load
from tests.support.models.bad_models import endless

CONNECTIONS = 24
QUEUE_MS = "20000"  # on a busy machine the large requests wait for longer than a second, which is not what is tested
ROW = [5.1, 3.5, 1.4, 0.2]
TWICE_SECONDS = 0.05  # between two signals: the first has been acted on, the work is not yet done


@pytest.fixture(scope="module")
def bodies(originals: dict[str, Original]) -> list[bytes]:
    """Short requests, and some of a run that is still on when the signal comes."""
    cancer = originals["breast-cancer"].table.to_numpy().tolist() * 4
    short = request("/predict", {"features": ROW})
    return [short, request("/models/breast-cancer/predict", {"features": cancer})]


async def stop_under_load(server: Running, bodies: list[bytes], whom: str) -> tuple[Load, float, float]:
    """The load's book, when the signal was sent, and the seconds until the last process was gone."""
    load = Load(bodies)
    await load.connect(server.port, CONNECTIONS)
    asking = asyncio.create_task(load.run())
    await load.until_answered(200)
    signalled = time.monotonic()
    if whom == "the arbiter":
        os.kill(server.pid, signal.SIGTERM)
    else:
        server.signal_all(signal.SIGTERM)
    if whom == "all, twice":
        await asyncio.sleep(TWICE_SECONDS)
        server.signal_all(signal.SIGTERM)
    await asyncio.to_thread(server.process.wait, STOP_SECONDS)
    stopped = time.monotonic() - signalled
    load.stop()
    await asking
    return load, signalled, stopped


def check_nothing_accepted_was_lost(load: Load, signalled: float) -> tuple[int, int]:
    """How many requests were in flight at the signal, and how many that were sent later met a closed connection."""
    accepted = [entry for entry in load.book if entry.sent < signalled]
    lost = [entry for entry in accepted if not isinstance(entry.outcome, Answer)]
    assert not lost, f"{len(lost)} accepted requests were lost: {[entry.outcome for entry in lost[:3]]}"
    other = {
        entry.outcome.body for entry in accepted if isinstance(entry.outcome, Answer) and entry.outcome.status != 200
    }
    assert not other, list(other)[:3]
    assert not [entry for entry in load.book if isinstance(entry.outcome, CutOff)]
    in_flight = sum(entry.ended > signalled for entry in accepted)
    assert in_flight > CONNECTIONS / 2, "hardly anything was in flight: the test shows nothing"
    return in_flight, sum(not isinstance(entry.outcome, Answer) for entry in load.book)


@pytest.mark.fault(43)
@pytest.mark.parametrize("whom", ["the arbiter", pytest.param("all", marks=pytest.mark.slow), "all, twice"])
def test_sigterm_under_load_loses_nothing_accepted(
    start: Start, bodies: list[bytes], report: Report, whom: str
) -> None:
    server = start(WEB_CONCURRENCY="2", DYNONNX_QUEUE_MS=QUEUE_MS)
    load, signalled, stopped = asyncio.run(stop_under_load(server, bodies, whom))
    assert server.process.returncode == 0, server.read_log()
    assert stopped < STOP_SECONDS
    assert "Traceback" not in server.read_log()
    in_flight, refused = check_nothing_accepted_was_lost(load, signalled)
    report(f"SIGTERM to {whom}: 0 of {in_flight} in flight lost, {refused} later ones refused, gone in {stopped:.2f} s")


def test_requests_on_new_connections_are_accepted_once_they_are_sent(start: Start) -> None:
    """Even those that no worker has taken from the kernel yet."""
    server = start(WEB_CONCURRENCY="2")
    data = request("/predict", {"features": ROW})
    with ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 10)) for _ in range(100)]
        for link in links:
            link.sendall(data)
        server.signal_all(signal.SIGTERM)
        answers = [read_answer(stack.enter_context(link.makefile("rb"))) for link in links]
    assert {answer.status for answer in answers} == {200}
    assert server.process.wait(STOP_SECONDS) == 0


def test_open_connections_get_a_last_answer_after_the_signal(start: Start) -> None:
    """Idle ones and such as never asked: their client cannot know that the server is on its way out."""
    server = start(WEB_CONCURRENCY="2")
    data = request("/predict", {"features": ROW})

    async def ask_late() -> list[Answer]:
        async with wires(server.port, 20) as opened:
            for idle in opened[:10]:
                await idle.ask(data)
            os.kill(server.pid, signal.SIGTERM)
            await asyncio.to_thread(poll, lambda: refuses(server.port), "new connections are refused")
            return [await wire.ask(data) for wire in opened]

    answers = asyncio.run(ask_late())
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["connection"] for answer in answers} == {"close"}
    assert server.process.wait(STOP_SECONDS) == 0


@pytest.mark.fault(43)
def test_a_server_on_its_way_out_is_not_ready(start: Start) -> None:
    server = start(WEB_CONCURRENCY="1")
    ready = b"GET /v2/health/ready HTTP/1.1\r\nHost: test\r\n\r\n"

    async def ask_late() -> tuple[Answer, Answer]:
        async with wires(server.port, 1) as (wire,):
            before = await wire.ask(ready)
            os.kill(server.pid, signal.SIGTERM)
            await asyncio.to_thread(poll, lambda: refuses(server.port), "new connections are refused")
            return before, await wire.ask(ready)

    before, after = asyncio.run(ask_late())
    assert before.status == 200
    assert (after.status, after.json()["code"]) == (503, "draining")


def refuses(port: int) -> bool:
    """Whether the port refuses connections."""
    with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
        return False
    return True


def test_an_idle_server_stops(start: Start) -> None:
    assert start(WEB_CONCURRENCY="2").stop() == 0


def test_ctrl_c_says_two_lines(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    said = server.read_log()
    server.signal_all(signal.SIGINT)
    assert server.process.wait(STOP_SECONDS) == 0
    begins, ends = server.read_log().removeprefix(said).splitlines()
    assert begins.endswith("stopping: 2 workers finish what they hold")
    assert "stopped after" in ends


@pytest.mark.fault(44)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_loads_yet_stops_at_once_and_without_a_word(tmp_path: Path, number: signal.Signals) -> None:
    """The model's trial does not end."""
    (tmp_path / "slow.onnx").write_bytes(endless())
    server = Running({"DYNONNX_MODELS": str(tmp_path)}, tmp_path / "server.log")
    try:
        poll(lambda: bool(server.workers()), "the model is being tried")
        trials = [psutil.Process(pid) for pid in server.workers()]
        server.signal_all(number)
        assert server.process.wait(5) in (0, -number)
        assert server.read_log() == ""
        psutil.wait_procs(trials, 5)
        assert not any(trial.is_running() for trial in trials)
    finally:
        server.stop()


def test_no_process_is_left_behind(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    workers = server.workers()
    assert len(workers) == 2
    assert server.stop() == 0
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_storm_of_signals_to_the_whole_group_neither_ends_nor_halts_it(start: Start) -> None:
    numbers = [
        signal.SIGHUP,
        signal.SIGTTIN,
        signal.SIGTTOU,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGWINCH,
        signal.SIGCHLD,
    ]
    server = start(WEB_CONCURRENCY="2")
    for _ in range(2):
        for number in numbers:
            server.signal_all(number)
            assert server.ask("GET", "/health").status == 200
    assert server.stop() == 0
    assert "Traceback" not in server.read_log()


@pytest.mark.fault(43)
@pytest.mark.slow
@pytest.mark.parametrize("whom", ["the arbiter", "all", "all, twice"])
def test_fifty_stops_lose_nothing_accepted(start: Start, bodies: list[bytes], report: Report, whom: str) -> None:
    in_flight = 0
    for _ in range(50):
        server = start(WEB_CONCURRENCY="2", DYNONNX_QUEUE_MS=QUEUE_MS)
        load, signalled, _ = asyncio.run(stop_under_load(server, bodies, whom))
        assert server.process.returncode == 0, server.read_log()
        in_flight += check_nothing_accepted_was_lost(load, signalled)[0]
    report(f"50 times SIGTERM to {whom}: 0 of {in_flight} in flight lost")
