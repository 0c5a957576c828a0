"""SIGHUP serves the present folder; no request is lost, and a worker killed meanwhile is replaced."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import Running, poll
from tests.support.integration.wire import Answer, Wire, request

WORKERS = 2
KEPT, FRESH = 16, 16  # clients on kept-alive connections, and clients with a connection per request
ROW = request("/predict", {"features": [5.1, 3.5, 1.4, 0.2]})


@dataclass
class Book:
    """What came of the requests of all clients."""

    answered: int = 0
    lost: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)
    over: bool = False

    def note(self, answer: Answer) -> None:
        if answer.status == 200:
            self.answered += 1
            self.versions.add(answer.json()["model_version"])
        else:
            self.lost.append(f"{answer.status} {answer.body!r}")


async def keep(port: int, book: Book) -> None:
    """Asks on one connection, and opens another only when told that it closes."""
    wire = await Wire.open(port)
    while not book.over:
        try:
            answer = await wire.ask(ROW)
        except ConnectionError as error:
            book.lost.append(f"kept: {error!r}")
            wire = await Wire.open(port)
            continue
        book.note(answer)
        if answer.headers.get("connection") == "close":
            await wire.close()
            wire = await Wire.open(port)
    await wire.close()


async def renew(port: int, book: Book) -> None:
    """Asks on a connection of its own each time."""
    while not book.over:
        wire = await Wire.open(port)
        try:
            book.note(await wire.ask(ROW))
        except ConnectionError as error:
            book.lost.append(f"fresh: {error!r}")
        await wire.close()


def reload(server: Running) -> None:
    """Sends SIGHUP and waits until none of the workers from before is left."""
    before = set(server.workers())
    os.kill(server.pid, signal.SIGHUP)
    poll(lambda: not before & set(server.workers()), "old workers go")


async def reload_under_load(server: Running, reloads: int, requests: int = 0) -> Book:
    """So many reloads and, if they are over before, as many more until so many requests have been answered."""
    book = Book()
    clients = [asyncio.create_task(keep(server.port, book)) for _ in range(KEPT)]
    clients += [asyncio.create_task(renew(server.port, book)) for _ in range(FRESH)]
    done = 0
    while done < reloads or book.answered < requests:
        await asyncio.to_thread(reload, server)
        done += 1
    book.over = True
    await asyncio.gather(*clients)
    return book


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A repository with iris alone."""
    shutil.copytree(models / "iris", tmp_path / "models" / "iris")
    return tmp_path / "models"


def serve(start: Start, folder: Path) -> Running:
    return start(DYNONNX_MODELS=str(folder), DYNONNX_DEFAULT_MODEL="iris", WEB_CONCURRENCY=str(WORKERS))


@pytest.mark.fault(45)
def test_reloads_under_load_lose_no_request(start: Start, folder: Path, report: Report) -> None:
    server = serve(start, folder)
    book = asyncio.run(reload_under_load(server, 3))
    assert book.lost == []
    assert book.answered > 1000
    report(f"3 reloads under load: 0 lost of {book.answered:,}, half on kept-alive, half on new connections")


@pytest.mark.fault(45)
@pytest.mark.slow
def test_thirty_reloads_under_load_lose_no_request(start: Start, folder: Path, report: Report) -> None:
    server = serve(start, folder)
    book = asyncio.run(reload_under_load(server, 30, requests=40_000))  # half of them on new connections
    assert book.lost == []
    report(f"30 reloads under load: 0 lost of {book.answered:,}")


def test_a_new_version_serves_after_a_reload(start: Start, folder: Path) -> None:
    server = serve(start, folder)
    shutil.copytree(folder / "iris" / "1", folder / "iris" / "2")
    reload(server)
    assert server.ask("POST", "/predict", b'{"features":[5.1,3.5,1.4,0.2]}').json()["model_version"] == "2"
    assert server.ask("GET", "/models/iris").json()["versions"] == ["2", "1"]
    assert "reloaded: new iris 2; 2 versions serve" in server.read_log()


def test_two_files_of_one_name_leave_it_as_it_is(start: Start, folder: Path) -> None:
    server = serve(start, folder)
    (folder / "iris.onnx").write_bytes(b"ambiguous")
    poll(lambda: "model refused: iris.onnx and iris/ both hold" in server.read_log(), "the refusal is logged")
    (row,) = server.ask("GET", "/models").json()["models"]
    assert row["ready"]
    assert "remove one" in row["reason"]
    reload(server)
    assert server.ask("POST", "/predict", b'{"features":[5.1,3.5,1.4,0.2]}').status == 200


def test_a_worker_killed_during_a_reload_is_replaced_at_once(start: Start, folder: Path) -> None:
    server = serve(start, folder)
    before = set(server.workers())
    os.kill(server.pid, signal.SIGHUP)
    poll(lambda: len(set(server.workers()) - before) == 2, "fresh workers")
    victim = next(iter(set(server.workers()) - before))
    os.kill(victim, signal.SIGKILL)
    poll(lambda: len(set(server.workers()) - before - {victim}) == 2, "the killed one is replaced")


@pytest.mark.fault(44)
def test_sigterm_during_a_reload_ends_the_server(start: Start, folder: Path) -> None:
    server = serve(start, folder)
    before = set(server.workers())
    os.kill(server.pid, signal.SIGHUP)
    poll(lambda: len(set(server.workers()) - before) >= 1, "a fresh worker")
    assert server.stop() == 0
