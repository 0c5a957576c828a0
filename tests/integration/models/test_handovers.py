"""Workers hand over to fresh ones while descriptors run out, sockets are half closed, a worker stands still or a file
is tried: no request of a healthy client is lost, and nobody is held."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.integration.conftest import Report, Start
from tests.integration.load.test_slow_clients import KINDS, slow_client
from tests.integration.models.test_box import limit, needs_processors, resize_under_load
from tests.integration.models.test_box import serve as serve_in_a_box
from tests.integration.models.test_reload import ROW, Book, keep, renew
from tests.support.integration.running import STOP_SECONDS, Running, altered, poll
from tests.support.integration.unharmed import unharmed
from tests.support.integration.wire import Answer, read_answer, wires
from tests.support.load.load import peers
from tests.support.models.bad_models import endless

CLIENTS = 8  # on kept-alive connections, and as many with a connection per request
LEFT = 2  # descriptors that a worker may still open
NO_ROOM = "no connection can be accepted"
# A retiring worker that does not end is killed after so long.
IMPATIENT = "from server.processes import arbiter\narbiter.GRACEFUL_SECONDS = 3\n"
TOLD_SLOW = {b"", b"HTTP/1.1 408 Request Timeout"}
HALF_CLOSED = {"nothing": b"", "half a head": ROW[:40], "half a body": ROW[:-5], "a request": ROW, "two": ROW * 2}


async def under_load(server: Running, harm: Callable[[], object]) -> Book:
    """Healthy clients while, in a thread, something is done to the server: what came of their requests."""
    book = Book()
    clients = [asyncio.create_task(ask(server.port, book)) for ask in (keep, renew) for _ in range(CLIENTS)]
    try:
        await asyncio.to_thread(harm)
    finally:
        book.over = True
        await asyncio.gather(*clients)
    return book


def reload(server: Running, workers: set[int]) -> set[int]:
    """Sends SIGHUP and returns once fresh workers alone are left of ``workers``: these."""
    others = set(server.workers()) - workers
    os.kill(server.pid, signal.SIGHUP)
    poll(lambda: not workers & set(server.workers()), "old workers go")
    poll(lambda: len(set(server.workers()) - others) == server.places, "fresh workers are there")
    return set(server.workers()) - others


def leave_descriptors(pid: int, count: int) -> None:
    """Lets a process open so many descriptors more."""
    process = psutil.Process(pid)
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + count, process.rlimit(psutil.RLIMIT_NOFILE)[1]))


@pytest.mark.fault(38, 45)
@pytest.mark.slow
def test_what_a_worker_without_descriptors_cannot_take_others_take(start: Start, report: Report) -> None:
    server = start(WEB_CONCURRENCY="2")
    poor = server.workers()[0]
    with unharmed(server):
        leave_descriptors(poor, LEFT)
        with contextlib.ExitStack() as stack:
            links = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port), 60)) for _ in range(100)]
            for link in links:
                link.sendall(ROW)
            answers = [read_answer(stack.enter_context(link.makefile("rb"))) for link in links]
            held = len(peers(poor, server.port))
    assert {answer.status for answer in answers} == {200}
    assert held <= 3 * LEFT, "it has descriptors: the test shows nothing"
    book = asyncio.run(under_load(server, lambda: reload(server, set(server.workers()))))
    assert book.lost == []
    assert NO_ROOM in server.read_log()
    assert server.read_log().count("\n") < 100
    report(f"a worker without descriptors: it took {held} of 100, a reload lost 0 of {book.answered:,}")


async def half_close(port: int, data: bytes) -> bytes:
    """A client that sends so much and says that it sends no more: all that it is told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        writer.write_eof()
        said = await asyncio.wait_for(reader.read(), STOP_SECONDS)
    writer.close()
    return said


@pytest.mark.fault(11, 45)
@pytest.mark.slow
def test_half_closed_connections_hold_no_reload_and_harm_nobody(start: Start, report: Report) -> None:
    server = start(WEB_CONCURRENCY="2")
    told: Counter[tuple[str, bytes]] = Counter()

    async def half_close_on(book: Book, kind: str) -> None:
        while not book.over:
            said = await half_close(server.port, HALF_CLOSED[kind])
            told[kind, said.partition(b"\r\n")[0]] += 1

    async def go() -> Book:
        harmful = Book()
        clients = [asyncio.create_task(half_close_on(harmful, kind)) for kind in HALF_CLOSED for _ in range(4)]
        book = await under_load(server, lambda: [reload(server, set(server.workers())) for _ in range(2)])
        harmful.over = True
        await asyncio.gather(*clients)
        return book

    book = asyncio.run(go())
    assert book.lost == []
    assert {line for _, line in told} <= {b"", b"HTTP/1.1 200 OK"}, told
    assert {kind for kind, _ in told} == set(HALF_CLOSED)
    assert "Traceback" not in server.read_log()
    report(f"two reloads beside {sum(told.values()):,} half-closed connections: 0 lost of {book.answered:,}")


@pytest.mark.fault(42, 45)
@pytest.mark.slow
def test_a_worker_that_stands_still_with_connections_holds_no_reload(start: Start, report: Report) -> None:
    server = start(*altered(IMPATIENT), WEB_CONCURRENCY="2")
    workers = set(server.workers())
    frozen = min(workers)

    async def go() -> tuple[Book, list[Answer | BaseException], set[int]]:
        async with wires(server.port, 24) as opened:
            assert {(await wire.ask(ROW)).status for wire in opened} == {200}
            held = peers(frozen, server.port)
            os.kill(frozen, signal.SIGSTOP)
            asked = [asyncio.create_task(wire.ask(ROW)) for wire in opened]
            book = await under_load(server, lambda: reload(server, workers))
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            lost = {
                wire.local_port
                for wire, outcome in zip(opened, outcomes, strict=True)
                if not isinstance(outcome, Answer) or outcome.status != 200
            }
            assert lost <= held
            return book, outcomes, held

    book, outcomes, held = asyncio.run(go())
    assert book.lost == []
    assert held, "it held no connection: the test shows nothing"
    assert all(isinstance(outcome, Answer | ConnectionError) for outcome in outcomes), outcomes
    report(f"a reload beside a worker that stands still with {len(held)} connections: 0 lost of {book.answered:,}")


@needs_processors
@pytest.mark.fault(9, 45)
@pytest.mark.slow
def test_a_box_changes_while_a_hundred_slow_clients_hold_connections(
    start: Start, tmp_path: Path, report: Report
) -> None:
    limit(tmp_path, 1, 1024)
    server = serve_in_a_box(start, tmp_path)

    async def go() -> tuple[Book, list[tuple[str, bytes, float]]]:
        slow = [asyncio.create_task(slow_client(server.port, KINDS[number % len(KINDS)])) for number in range(100)]
        book = await resize_under_load(server, tmp_path, [(2, 1024, 2), (0.5, 1024, 1), (2, 1024, 2)])
        return book, await asyncio.gather(*slow)

    book, ends = asyncio.run(go())
    assert book.lost == []
    assert {line for _, line, _ in ends} <= TOLD_SLOW, Counter(line for _, line, _ in ends)
    assert "Traceback" not in server.read_log()
    longest = max(seconds for *_, seconds in ends)
    report(
        f"a box of 1, 2, 0.5 and 2 processors beside 100 slow clients: 0 lost of {book.answered:,}, the last slow one"
        f" let go after {longest:.1f} s"
    )


@needs_processors
@pytest.mark.fault(38)
@pytest.mark.slow
def test_an_arbiter_without_descriptors_keeps_its_plan_and_tries_a_new_file_later(
    start: Start, models: Path, tmp_path: Path
) -> None:
    """Read as having no limit, a box of one processor would get a worker for each of the machine."""
    box, folder = tmp_path / "box", tmp_path / "models"
    box.mkdir()
    limit(box, 1, 1024)
    shutil.copytree(models / "iris", folder / "iris")
    server = serve_in_a_box(start, box, DYNONNX_MODELS=str(folder), DYNONNX_DEFAULT_MODEL="iris")
    arbiter = psutil.Process(server.pid)
    before = arbiter.rlimit(psutil.RLIMIT_NOFILE)
    with unharmed(server):
        leave_descriptors(server.pid, 0)
        shutil.copytree(models / "diabetes", folder / "diabetes")
        time.sleep(3.0)  # thirty looks at the box, and some at the folder
    assert "the box has now" not in server.read_log()
    assert "Traceback" not in server.read_log()
    arbiter.rlimit(psutil.RLIMIT_NOFILE, before)
    poll(lambda: server.ask("GET", "/v2/models/diabetes/ready").status == 200, "the new model serves")
    assert len(server.workers()) == 1


@pytest.mark.fault(45, 54)
@pytest.mark.slow
def test_reloads_wait_for_no_file_that_is_tried(start: Start, models: Path, tmp_path: Path, report: Report) -> None:
    folder = tmp_path / "models"
    shutil.copytree(models / "iris", folder / "iris")
    server = start(DYNONNX_MODELS=str(folder), DYNONNX_DEFAULT_MODEL="iris", WEB_CONCURRENCY="2")
    workers = set(server.workers())
    (folder / "endless.onnx").write_bytes(endless())
    poll(lambda: len(server.workers()) == 3, "the file is being tried")

    def reload_twice() -> None:
        fresh = reload(server, workers)
        reload(server, fresh)

    book = asyncio.run(under_load(server, reload_twice))
    assert book.lost == []
    waiting = len(server.workers()) == 3
    poll(lambda: "endless.onnx: its trial" in server.read_log(), "the file is refused")
    poll(lambda: len(server.workers()) == 2, "no trial is left")
    assert "Traceback" not in server.read_log()
    with unharmed(server):
        pass
    report(f"two reloads {'while' if waiting else 'as'} a file was tried: 0 lost of {book.answered:,}")
