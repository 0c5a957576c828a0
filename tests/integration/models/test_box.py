"""A box that grows and shrinks while the server runs: as many workers as it has room for, and no request lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.integration.conftest import Report, Start
from tests.integration.models.test_reload import Book, keep, renew
from tests.support.integration.running import Running, altered, poll

MIB = 1 << 20
CLIENTS = 4  # on kept-alive connections, and as many with a connection per request
IN_A_BOX = """
import pathlib, sys
from server.processes import box
box.ROOT, box.LOOK_SECONDS = pathlib.Path(sys.argv[1]), 0.1
"""
needs_processors = pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two processors to plan for")


def limit(folder: Path, cpus: float, memory_mib: int) -> None:
    """Sets the limits, each file at once, as the kernel does."""
    for name, text in (("cpu.max", f"{cpus * 100_000:.0f} 100000\n"), ("memory.max", f"{memory_mib * MIB}\n")):
        (folder / f"{name}.new").write_text(text)
        (folder / f"{name}.new").rename(folder / name)


def serve(start: Start, box: Path, **settings: str) -> Running:
    return start(*altered(IN_A_BOX, str(box)), **settings)


def told(server: Running) -> tuple[float, int]:
    """The processors and the workers that the server says it has."""
    scale = server.ask("GET", "/scale").json()
    return scale["cpus"], scale["workers"]


async def resize_under_load(server: Running, box: Path, sizes: Sequence[tuple[float, int, int]]) -> Book:
    """Gives the box these sizes, each once the one before has as many workers, all fresh."""
    book = Book()
    clients = [asyncio.create_task(ask(server.port, book)) for ask in (keep, renew) for _ in range(CLIENTS)]
    for cpus, memory_mib, workers in sizes:
        before, answered = set(server.workers()), book.answered
        limit(box, cpus, memory_mib)

        def is_done(before: set[int] = before, workers: int = workers, answered: int = answered) -> bool:
            now = set(server.workers())
            return len(now) == workers and not now & before and book.answered > answered

        await asyncio.to_thread(poll, is_done, f"{workers} fresh workers serve")
    book.over = True
    await asyncio.gather(*clients)
    return book


@needs_processors
def test_workers_follow_the_box_and_no_request_is_lost(start: Start, tmp_path: Path, report: Report) -> None:
    limit(tmp_path, 1, 1024)
    server = serve(start, tmp_path)
    assert len(server.workers()) == 1
    book = asyncio.run(resize_under_load(server, tmp_path, [(2, 1024, 2), (0.5, 1024, 1)]))
    assert book.lost == []
    poll(lambda: told(server) == (0.5, 1), "GET /scale tells of the box as it is now")
    assert "the box has now 2 processors and 1024 MB: 2 workers" in server.read_log()
    report(f"a box of 1, 2 and 0.5 processors under load: 0 lost of {book.answered:,}")


@needs_processors
@pytest.mark.slow
def test_many_sizes_lose_no_request(start: Start, tmp_path: Path, report: Report) -> None:
    limit(tmp_path, 1, 1024)
    server = serve(start, tmp_path)
    sizes = [(2, 1024, 2), (2, 512, 1), (2, 2048, 2), (1, 2048, 1), (1.5, 2048, 1)] * 4
    book = asyncio.run(resize_under_load(server, tmp_path, sizes))
    assert book.lost == []
    report(f"20 sizes of a box under load: 0 lost of {book.answered:,}")


@needs_processors
@pytest.mark.slow
def test_a_number_that_a_person_set_stays(start: Start, tmp_path: Path) -> None:
    limit(tmp_path, 1, 1024)
    server = serve(start, tmp_path, WEB_CONCURRENCY="2")
    before = set(server.workers())
    limit(tmp_path, 0.5, 512)
    poll(lambda: not before & set(server.workers()), "fresh workers know the box")
    poll(lambda: told(server) == (0.5, 2), "as many as were asked for")
