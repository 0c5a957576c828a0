"""Goodput from half of what can be served to ten times as much, with a server without limits as the control.

A server that spends rho of a full request on a refusal can serve (1 - k rho) / (1 - rho) of its peak at k times it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Report
from tests.support.integration.running import ROOT, Running, running
from tests.support.integration.wire import request
from tests.support.load.open_loop import MOST_WIRES, OpenLoop, Outcome, p99
from tests.support.server.models import plain

DEADLINE_SECONDS = 0.5
LIMITS = {"DYNONNX_DEADLINE_MS": "500", "DYNONNX_QUEUE_MS": "200"}
NO_LIMITS = {"DYNONNX_DEADLINE_MS": "600000", "DYNONNX_QUEUE_MS": "600000"}
LEAST = {2: 0.95, 5: 0.85, 10: 0.65}  # of the peak, at so many times it
SECONDS, PEAK_SECONDS = 5.0, 1.5
ROW = request("/models/brick/predict", {"features": [[1.0, 2.0, 3.0]]})


@contextlib.contextmanager
def brick(folder: Path, limits: dict[str, str]) -> Iterator[Running]:
    """Serves a model whose every run has one row."""
    (folder / "models").mkdir()
    (folder / "models" / "brick.onnx").write_bytes(plain().data)
    settings = {"DYNONNX_MODELS": str(folder / "models"), "WEB_CONCURRENCY": "1", "DYNONNX_MAX_BATCH_ROWS": "1"}
    settings["DYNONNX_CACHE_MODELS"] = "brick=off"  # all ask the same here, and are not to share a row
    command = (sys.executable, str(ROOT / "tests/support/load/brick.py"))
    with running(settings | limits, folder / "server.log", command) as server:
        yield server


@contextlib.asynccontextmanager
async def load(server: Running) -> AsyncIterator[OpenLoop]:
    """Load for a server whose model has learned what a run costs."""
    loop = OpenLoop(server.port, ROW)
    await loop.peak(PEAK_SECONDS)
    yield loop
    await loop.close()


async def beside_peak(loop: OpenLoop, times: float) -> tuple[Outcome, float]:
    """A stretch of load at so many times the peak, and the peak then: the lower of the one before and the one after."""
    before = await loop.peak(PEAK_SECONDS)
    outcome = await loop.run(times * before, SECONDS)
    return outcome, min(before, await loop.peak(PEAK_SECONDS))


def shortcomings(times: float, outcome: Outcome, peak: float) -> list[str]:
    """What a stretch of load shows that must not be."""
    found = []
    share = outcome.goodput(DEADLINE_SECONDS) / peak
    if share < LEAST.get(int(times), 0.0):
        found.append(f"{times}x: goodput is {share:.2f} of the peak")
    if outcome.other:
        found.append(f"{times}x: {len(outcome.other)} neither answered nor refused: {outcome.other[:2]}")
    if p99(outcome.good) > DEADLINE_SECONDS:
        found.append(f"{times}x: p99 of what was served is {p99(outcome.good):.2f} s")
    return found


@pytest.mark.fault(34)
@pytest.mark.slow
def test_more_than_can_be_served_is_refused_and_the_rest_served_in_time(tmp_path: Path, report: Report) -> None:
    async def go(server: Running) -> list[str]:
        found: list[str] = []
        async with load(server) as loop:
            for times in (0.5, 1.0, 2.0, 5.0, 10.0):
                outcome, peak = await beside_peak(loop, times)
                found += shortcomings(times, outcome, peak)
                report(
                    f"{times}x of {peak:.0f}/s: goodput {outcome.goodput(DEADLINE_SECONDS) / peak:.2f} of the peak,"
                    f" p99 served {p99(outcome.good) * 1e3:.0f} ms, refused {p99(outcome.refused) * 1e3:.0f} ms"
                )
        return found

    with brick(tmp_path, LIMITS) as server:
        assert asyncio.run(go(server)) == []
        text = server.ask("GET", "/metrics").body.decode()
        assert 'nv_inference_request_failure{model="brick",version="1",reason="overloaded"}' in text


@pytest.mark.fault(34)
@pytest.mark.slow
def test_a_burst_is_served_in_time_or_refused(tmp_path: Path, report: Report) -> None:
    async def go(server: Running) -> Outcome:
        async with load(server) as loop:
            await loop.peak(PEAK_SECONDS, MOST_WIRES)  # all connections are open
            return await loop.run(MOST_WIRES / 0.01, 0.01)

    with brick(tmp_path, LIMITS) as server:
        outcome = asyncio.run(go(server))
    report(f"{MOST_WIRES} requests in 10 ms: {len(outcome.good)} served, p99 {p99(outcome.good) * 1e3:.0f} ms")
    assert len(outcome.good) + len(outcome.refused) == MOST_WIRES, outcome.other[:2]
    assert outcome.good
    assert outcome.refused
    assert p99(outcome.good) <= DEADLINE_SECONDS


@pytest.mark.fault(34)
@pytest.mark.slow
def test_without_limits_the_same_load_is_served_too_late(tmp_path: Path) -> None:
    """The control: a campaign that this server passed would show nothing."""

    async def go(server: Running) -> list[str]:
        async with load(server) as loop:
            return shortcomings(5.0, *await beside_peak(loop, 5.0))

    with brick(tmp_path, NO_LIMITS) as server:
        assert any("goodput" in shortcoming for shortcoming in asyncio.run(go(server)))


@pytest.mark.fault(36)
@pytest.mark.slow
def test_after_a_storm_of_retries_all_is_as_before_within_five_seconds(tmp_path: Path, report: Report) -> None:
    async def go(server: Running) -> tuple[Outcome, Outcome]:
        async with load(server) as loop:
            peak = await loop.peak(PEAK_SECONDS)
            before = await loop.run(0.5 * peak, SECONDS)
            await loop.run(10.0 * peak, 10.0, retries=3)
            await loop.run(0.5 * peak, 5.0)
            return before, await loop.run(0.5 * peak, SECONDS)

    with brick(tmp_path, LIMITS) as server:
        before, after = asyncio.run(go(server))
    report(f"p99 before and after a storm: {p99(before.good) * 1e3:.0f} and {p99(after.good) * 1e3:.0f} ms")
    assert not after.refused
    assert not after.other
    assert p99(after.good) <= max(2 * p99(before.good), 0.1)
