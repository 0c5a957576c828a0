"""The memory of a server over many requests is level; that of one with a leak is not."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import altered, poll
from tests.support.integration.unharmed import unharmed
from tests.support.integration.wire import request
from tests.support.load.soak import Ask, Trend, ask_all, descriptors_of, soak, threads_of, trend

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/smaps_rollup").exists() or sys.platform != "linux", reason="reads /proc, which is Linux's"
)

WARM_UP = 20_000
LONG_WARM_UP = 60_000  # the heap settles until then; over few requests that would look like a leak
MODELS = 4
MOST_BYTES = 5.0  # a request
MOST_GROWTH = 5 << 20
ROW = [5.1, 3.5, 1.4, 0.2]
V2 = {"inputs": [{"name": "X", "datatype": "FP64", "shape": [1, 4], "data": ROW}]}
# What honest clients send, and what others do: one in four.
ASKS = [
    *[Ask(request("/predict", {"features": ROW}), 200)] * 6,
    *[Ask(request("/models/iris/predict", {"features": [ROW] * 5}), 200)] * 2,
    Ask(request("/v2/models/iris/infer", V2), 200),
    Ask(request("/predict", {"features": ["x"]}), 422),
    Ask(request("/predict", b'{"features":'), 400),
    Ask(request("/models/nobody/predict", {"features": ROW}), 404),
]

LEAKY = """
from server.batching.batcher import Batcher
submit, kept = Batcher.submit, []

def keep(self, *arguments):
    kept.append(bytes(32))
    return submit(self, *arguments)

Batcher.submit = keep
"""


def is_level(found: Trend) -> bool:
    """Whether this is the memory of a server without a leak."""
    return found.growth <= MOST_GROWTH and found.most <= MOST_BYTES


def test_a_leak_is_told_from_noise() -> None:
    noise = [(number * 7919 % 13) * 4096 for number in range(61)]
    assert is_level(trend(1000, [50_000_000 + wobble for wobble in noise]))
    assert not is_level(trend(1000, [50_000_000 + wobble + 20 * 1000 * at for at, wobble in enumerate(noise)]))


@pytest.mark.slow
@pytest.mark.parametrize(("requests", "warm_up"), [(100_000, LONG_WARM_UP), (1_000_000, WARM_UP)])
def test_memory_is_level_over_many_requests(start: Start, report: Report, requests: int, warm_up: int) -> None:
    server = start(WEB_CONCURRENCY="1")  # the kernel would not warm two up evenly
    before = descriptors_of(server)
    with unharmed(server):
        asyncio.run(ask_all(server.port, ASKS, warm_up))
        found = soak(server, ASKS, requests)
    poll(lambda: all(count <= before[pid] for pid, count in descriptors_of(server).items()), "all is closed", 5)
    assert threads_of(server) <= 2 + MODELS, "a thread a process, and one for each model"
    report(
        f"{requests} requests: memory {found.growth / 1024:+.0f} KiB, {found.slope:+.2f} bytes a request, "
        f"at most {found.most:+.2f}"
    )
    assert is_level(found)
    assert "Traceback" not in server.read_log()


@pytest.mark.slow
def test_a_server_with_a_leak_is_found_out(start: Start, report: Report) -> None:
    """The control: 32 bytes a prediction."""
    server = start(*altered(LEAKY), WEB_CONCURRENCY="1")
    asyncio.run(ask_all(server.port, ASKS, WARM_UP))
    found = soak(server, ASKS, 100_000)
    report(f"a leak of 32 bytes a prediction: {found.slope:+.2f} bytes a request, at most {found.most:+.2f}")
    assert not is_level(found)
