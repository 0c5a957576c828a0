"""A version whose runs do not end is quarantined, whatever its clients do, and costs no other."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.runs.quarantine import STRIKES
from server.batching.runs.watchdog import MOST_IN_VAIN
from tests.support.server.rig import SLOW, Curve, Gated, NumbersEntry, Rig, in_loop, until


class Endless(Gated):
    """A runtime whose every run goes on until it is stopped."""

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        self.runs.append((outputs[0], feed["X"][:, 0].tolist()))
        while not self.stopped:
            self.gate.wait(0.0001)
        raise RuntimeError("terminated")


@pytest.mark.fault(52)
@in_loop
async def test_an_endless_version_is_quarantined_under_steady_traffic_and_costs_its_neighbour_nothing() -> None:
    """Each request has waited for the run before, so that its own run is stopped long before a whole deadline."""
    runtime = Endless()
    runtime.gate.clear()
    rig, neighbour = Rig(Curve(SLOW), runtime, row_independent=False), Rig(Curve(0.0))
    asked = 0
    while rig.record.reason is None:
        asked += 1
        assert asked < 200
        for other in (rig, neighbour):
            other.submit(NumbersEntry(asked, deadline=rig.time + 1.0))
            other.time += 0.0625
        await until(lambda: rig.batcher.is_running)
        await rig.until_looked()
    assert len(rig.runtime.runs) <= MOST_IN_VAIN + STRIKES + 1
    await until(lambda: not rig.batcher.is_running)
    refused = NumbersEntry(1)
    rig.submit(refused)
    assert await refused.code() == "model_unavailable"
    assert (len(neighbour.runtime.runs), neighbour.record.reason) == (asked, None)
