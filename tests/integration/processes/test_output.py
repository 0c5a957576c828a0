"""A server whose log nobody takes serves on: standard output stalled, left by its reader, full or closed."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Report, Start
from tests.integration.processes.test_metrics import read_metrics
from tests.support.integration.running import STOP_SECONDS, Running, poll
from tests.support.integration.unharmed import unharmed
from tests.support.integration.wire import Wire, request, wires
from tests.support.server.models import classifier, table_lookup

CONNECTIONS = 20
FAILS = request("/models/table/predict", {"features": [[10**6]]})  # beyond the table: the model fails, a line is logged
SAYS = "the model failed on a request"
DROPPED = "dynonnx_log_lines_dropped"


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """A model that answers, and one that fails on demand."""
    for name, made in (("iris", classifier()), ("table", table_lookup())):
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        (tmp_path / "models" / name / "1" / "model.onnx").write_bytes(made.data)
    return str(tmp_path / "models")


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """Reader and writer of a pipe that is full of dots."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    try:
        while True:
            os.write(writer, b"." * 4095 + b"\n")
    except BlockingIOError:
        os.set_blocking(writer, True)
    yield reader, writer
    for descriptor in (reader, writer):
        os.close(descriptor)


async def fail_often(port: int, count: int) -> None:
    """Has the model fail so many times, over some connections."""

    async def ask(wire: Wire) -> None:
        for _ in range(count // CONNECTIONS):
            assert (await wire.ask(FAILS)).status == 500

    async with wires(port, CONNECTIONS) as opened:
        await asyncio.gather(*map(ask, opened))


def read_all(reader: int) -> list[str]:
    """The lines that are in a pipe."""
    os.set_blocking(reader, False)
    text = b""
    try:
        while piece := os.read(reader, 1 << 20):
            text += piece
    except BlockingIOError:
        pass
    return [line for line in text.decode().splitlines() if line.strip(".")]


@pytest.mark.fault(40)
@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_log_that_nobody_reads_stops_nothing(
    start: Start, folder: str, full_pipe: tuple[int, int], report: Report, count: int
) -> None:
    reader, writer = full_pipe
    server = start(out=writer, DYNONNX_MODELS=folder, DYNONNX_DEFAULT_MODEL="iris", WEB_CONCURRENCY="2")
    with unharmed(server, kills=1):  # the arbiter says so, and is not stopped by that either
        os.kill(server.workers()[0], signal.SIGKILL)
    with unharmed(server):
        asyncio.run(fail_often(server.port, count))
    lost = read_metrics(server, reason="unwritable")[DROPPED]
    lines: list[str] = []

    def told() -> int:
        """How many failures the lines tell of."""
        lines.extend(read_all(reader))
        held = [int(match[1]) for line in lines if (match := re.search(rf"and (\d+) more like this: {SAYS}", line))]
        return sum(held) + sum(SAYS in line for line in lines) - len(held)

    poll(lambda: told() + lost == count, "every failure is told, or counted as lost")
    report(f"stdout stalled, {count} failing requests: {len(lines)} lines once it is read, {lost:.0f} dropped")
    assert len(lines) < 500, "a client must not be able to flood the log"
    assert server.stop() == 0


@pytest.mark.fault(40)
@pytest.mark.slow
def test_a_server_that_cannot_write_its_log_stops_in_time(start: Start, full_pipe: tuple[int, int]) -> None:
    server = start(out=full_pipe[1], WEB_CONCURRENCY="2")
    server.signal_all(signal.SIGTERM)
    assert server.process.wait(STOP_SECONDS) == 0


def check_serves_and_counts(server: Running) -> None:
    """It serves although the model's failures cannot be written, and counts every line."""
    with unharmed(server):
        asyncio.run(fail_often(server.port, 200))
        counts = {reason: read_metrics(server, reason=reason)[DROPPED] for reason in ("unwritable", "repeated")}
    assert counts["unwritable"] >= 10
    assert sum(counts.values()) >= 200
    assert server.stop() == 0


@pytest.mark.fault(40)
@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_stops_nothing(start: Start, folder: str) -> None:
    with Path("/dev/full").open("wb", 0) as full:
        check_serves_and_counts(start(out=full.fileno(), DYNONNX_MODELS=folder, DYNONNX_DEFAULT_MODEL="iris"))


@pytest.mark.fault(40)
@pytest.mark.slow
def test_a_reader_that_ends_stops_nothing(start: Start, folder: str) -> None:
    reader, writer = os.pipe()
    server = start(out=writer, DYNONNX_MODELS=folder, DYNONNX_DEFAULT_MODEL="iris")
    os.close(reader)
    os.close(writer)
    check_serves_and_counts(server)


@pytest.mark.fault(40)
def test_a_closed_standard_output_stops_nothing_and_no_client_gets_the_log(start: Start, folder: str) -> None:
    command = ("sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-m", "server")
    server = start(*command, DYNONNX_MODELS=folder, DYNONNX_DEFAULT_MODEL="iris")
    if Path("/proc/self/fd").exists():
        for pid in (server.pid, *server.workers()):
            assert {Path(f"/proc/{pid}/fd/{number}").readlink() for number in range(3)} == {Path(os.devnull)}
    check_serves_and_counts(server)


@pytest.mark.slow
def test_another_program_on_the_same_output_is_left_alone(start: Start) -> None:
    """What the server changes of its pipe must not reach the shell that started it."""
    reader, writer = os.pipe()
    server = start(out=writer, WEB_CONCURRENCY="1")
    if Path("/proc/self/fd").exists():
        assert os.get_blocking(writer)
    assert any("serves" in line for line in read_all(reader))
    assert server.stop() == 0
    for descriptor in (reader, writer):
        os.close(descriptor)
