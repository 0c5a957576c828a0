"""A running worker has loaded no training library, and uses little memory."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import orjson
import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import ROOT, Running, poll

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, which is Linux's")

FORBIDDEN = frozenset(
    {
        "sklearn",
        "skl2onnx",
        "onnx",
        "joblib",
        "pandas",
        "scipy",
        "convert",
        "bench",
        "cloudpickle",
        "dill",
        "skops",
        "torch",
    }
)
SPY = ROOT / "tests/support/integration/spy.py"
MIB = 1 << 20
FIRST_WORKER_MIB = 120  # with the arbiter, each page counted once
FURTHER_WORKER_MIB = 16  # pages of its own: 8 on a quiet machine; on a busy one more threads run at once


def use_every_route(server: Running) -> None:
    """Asks for everything once, so that nothing is left to be imported."""
    for path in ("/", "/docs", "/openapi.json", "/models", "/models/iris", "/metrics", "/health", "/none"):
        server.ask("GET", path)
    for model in server.ask("GET", "/models").json()["models"]:
        row = server.ask("GET", f"/models/{model['name']}").json()["example"]
        for features in (row, [row] * 3, []):
            server.ask("POST", f"/models/{model['name']}/predict", orjson.dumps({"features": features}))


def test_no_module_of_the_training_side_is_in_a_running_worker(start: Start, tmp_path: Path) -> None:
    server = start(sys.executable, str(SPY), str(tmp_path), WEB_CONCURRENCY="1")
    use_every_route(server)
    (worker,) = server.workers()
    os.kill(worker, signal.SIGRTMIN)
    told = tmp_path / str(worker)
    poll(told.exists, "the worker tells its modules")
    modules = set(told.read_text().split("\n"))
    assert {"server.processes.worker", "server.batching.batcher", "onnxruntime", "numpy"} <= modules
    assert not {module for module in modules if module.partition(".")[0] in FORBIDDEN}


def test_no_shared_object_of_the_training_side_is_mapped(served: Running) -> None:
    use_every_route(served)
    for pid in (served.pid, *served.workers()):
        mapped = Path(f"/proc/{pid}/maps").read_text()
        assert "/onnxruntime/" in mapped
        packages = set(re.findall(r"/site-packages/([A-Za-z0-9_]+)/", mapped))
        assert not packages & FORBIDDEN


def read_memory(pid: int) -> dict[str, int]:
    """The rolled-up memory figures of a process, in bytes, as the kernel names them."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(size) * 1024 for name, size in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}


def private(pid: int) -> int:
    memory = read_memory(pid)
    return memory["Private_Clean"] + memory["Private_Dirty"]


def test_memory_of_the_first_and_of_a_further_worker(start: Start, report: Report) -> None:
    with_one = start(WEB_CONCURRENCY="1")
    use_every_route(with_one)
    (worker,) = with_one.workers()
    pss = (read_memory(with_one.pid)["Pss"] + read_memory(worker)["Pss"]) / MIB
    # Proportional shares shrink while other processes of this box use the same libraries; this is its own share alone.
    first = (private(with_one.pid) + read_memory(worker)["Rss"]) / MIB
    with_three = start(WEB_CONCURRENCY="3")
    for _ in range(10):
        use_every_route(with_three)
    further = max(private(pid) for pid in with_three.workers()) / MIB
    report(
        f"memory with four models: arbiter and one worker {first:.1f} MB (PSS {pss:.1f}), "
        f"each further worker {further:.1f} MB"
    )
    assert first <= FIRST_WORKER_MIB
    assert further <= FURTHER_WORKER_MIB


def test_start_to_first_answer(start: Start, report: Report) -> None:
    began = time.monotonic()
    server = start(WEB_CONCURRENCY="1")
    assert server.ask("POST", "/predict", b'{"features":[5.1,3.5,1.4,0.2]}').status == 200
    report(f"start to first answer, four models: {time.monotonic() - began:.2f} s")
