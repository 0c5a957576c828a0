"""Versions change and bad files arrive under load: no request is lost, no version mixed, memory is freed."""

from __future__ import annotations

import asyncio
import shutil
import statistics
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from onnx import helper

from tests.integration.conftest import Report, Start
from tests.support.integration.running import Running, poll
from tests.support.integration.wire import Answer, request
from tests.support.load.constant import Constant, p99_ms
from tests.support.models.bad_models import BAD
from tests.support.server.models import INT64, onnx_file

ITEMS = 500_000  # of the table: 4 MB, so that a version that is not let go shows
CALM_SECONDS = 5.0  # before the first swap of a long campaign
FIRST = 5  # the version with which a campaign begins
GROWTH_BYTES = 8 << 20
RETIRED_SECONDS = 30.0


def table(version: int) -> bytes:
    """``Y = table[X]``, which is ``X`` and a million for each version."""
    return onnx_file(
        [helper.make_node("Gather", ["table", "X"], ["Y"])],
        [("X", INT64, ["N", 1])],
        [("Y", INT64, ["N", 1])],
        {"table": np.arange(ITEMS) + version * 1_000_000},
    )


def put(folder: Path, version: int) -> None:
    """A new version, written beside and renamed; the one before the last goes."""
    place = folder / "table" / f".{version}"
    place.mkdir(parents=True)
    (place / "model.onnx").write_bytes(table(version))
    place.rename(folder / "table" / str(version))
    shutil.rmtree(folder / "table" / str(version - 2), ignore_errors=True)


def ask(number: int) -> bytes:
    """A request whose answer tells the number and the version."""
    return request("/models/table/predict", {"features": [number % ITEMS]})


def check(number: int, answer: Answer) -> str | None:
    """The numbers must be those of the version that the answer names."""
    said = answer.json()
    wanted = number % ITEMS + int(said["model_version"]) * 1_000_000
    return None if said["outputs"]["Y"] == [wanted] else f"wrong or mixed: {said} for {number % ITEMS}"


def serves(server: Running, version: int) -> bool:
    """Whether this version is the default of whoever answers."""
    return bool(server.ask("GET", "/models/table").json()["version"] == str(version))


def until_serves(server: Running, version: int) -> None:
    """Waits for it."""
    poll(lambda: serves(server, version), f"version {version} serves", 20.0)


def settle(server: Running) -> tuple[int, int]:
    """Memory (PSS) and descriptors of the arbiter once only its two workers are left."""
    poll(lambda: len(server.workers()) == 2, "the old workers are gone", RETIRED_SECONDS)
    arbiter = psutil.Process(server.pid)
    return arbiter.memory_full_info().pss, arbiter.num_fds()


def start_with(start: Start, folder: Path) -> Running:
    put(folder, 1)
    return start(DYNONNX_MODELS=str(folder), WEB_CONCURRENCY="2")


async def swap_under_load(
    server: Running, folder: Path, swaps: int, per_second: int, calm_seconds: float
) -> tuple[Constant, int]:
    """The load and how many of its requests came before the first swap."""
    load = Constant(server.port, per_second, ask, check)
    asking = asyncio.create_task(load.run())
    await asyncio.sleep(calm_seconds)
    calm = len(load.seconds)
    for version in range(FIRST, FIRST + swaps):
        put(folder, version)
        await asyncio.to_thread(until_serves, server, version)
    load.stopped = True
    await asking
    return load, calm


def campaign(
    start: Start, tmp_path: Path, report: Report, swaps: int, per_second: int, calm_seconds: float = CALM_SECONDS
) -> None:
    """Swaps, and says what came of it."""
    server = start_with(start, tmp_path / "models")
    for version in range(2, FIRST):  # what is allocated once and kept
        put(tmp_path / "models", version)
        until_serves(server, version)
    memory, descriptors = settle(server)
    began = time.monotonic()
    load, calm = asyncio.run(swap_under_load(server, tmp_path / "models", swaps, per_second, calm_seconds))
    took = time.monotonic() - began
    grown, _ = settle(server)
    report(
        f"{swaps} swaps: {len(load.lost)} lost or wrong of {len(load.seconds):,}, {len(load.seconds) / took:,.0f}/s,"
        f" p99 {p99_ms(load.seconds[calm:]):.1f} ms while swapping, {p99_ms(load.seconds[:calm]):.1f} ms before"
        f" (half of the requests were sent {statistics.median(load.late) * 1e3:.1f} ms late);"
        f" arbiter {memory / 1e6:.1f} MB before, {grown / 1e6:.1f} MB after (PSS)"
    )
    assert load.lost == []
    assert load.seconds, "nothing was asked"
    assert grown - memory < GROWTH_BYTES
    poll(lambda: psutil.Process(server.pid).num_fds() <= descriptors, "descriptors are as many as before")
    assert server.read_log().count("error") == 0


@pytest.mark.fault(54)
def test_three_swaps_under_load(start: Start, tmp_path: Path, report: Report) -> None:
    campaign(start, tmp_path, report, 3, 300, calm_seconds=0.5)


@pytest.mark.fault(54)
@pytest.mark.slow
def test_a_hundred_swaps_under_load(start: Start, tmp_path: Path, report: Report) -> None:
    campaign(start, tmp_path, report, 100, 2000)


async def refuse_under_load(server: Running, folder: Path) -> Constant:
    load = Constant(server.port, 1000, ask, check)
    asking = asyncio.create_task(load.run())
    await asyncio.sleep(CALM_SECONDS)
    for number, kind in enumerate(BAD, 2):
        path = folder / "table" / str(number) / "model.onnx"
        path.parent.mkdir(parents=True)
        path.write_bytes(BAD[kind][0]())
    await asyncio.to_thread(poll, lambda: server.read_log().count("model refused") == len(BAD), "all are refused", 90.0)
    load.stopped = True
    await asking
    return load


@pytest.mark.fault(48, 54)
@pytest.mark.slow
def test_every_bad_file_is_refused_under_load(start: Start, tmp_path: Path, report: Report) -> None:
    folder = tmp_path / "models"
    server = start_with(start, folder)
    workers = server.workers()
    load = asyncio.run(refuse_under_load(server, folder))
    lines = [line for line in server.read_log().splitlines() if "model refused" in line]
    assert load.lost == []
    assert len(lines) == len(BAD)
    for number, kind in enumerate(BAD, 2):
        (line,) = (line for line in lines if f"table/{number}/model.onnx" in line)
        assert BAD[kind][1] in line
    assert server.workers() == workers
    report(
        f"{len(BAD)} bad files refused under {len(load.seconds):,} requests, none lost,"
        f" p99 {p99_ms(load.seconds):.1f} ms"
    )
