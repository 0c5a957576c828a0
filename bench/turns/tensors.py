"""Owns the scenario ``tensors``: v2 with binary tensors of 1,000 x 50 float32 beside the bare run.

Processor time of the server per request over that of ``session.run`` alone, in rounds; every answer is compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import orjson

from bench.baselines.apps import open_session
from bench.baselines.serving import OURS, Running, dynonnx, repository_of, serving
from bench.errors import BenchError
from bench.load.client import Address, Connection
from bench.load.models import ModelUnderTest, tensor_models, tensor_rows
from bench.machine.watch import cpu_seconds
from bench.record.results import Peak
from bench.record.targets import BARE_RUN, TENSORS
from bench.turns.bench import Bench

REQUESTS = 40  # of a round
ROUNDS_FACTOR = 3  # a round is short: 15 rounds where the other scenarios have 5


def tensor_rounds(bench: Bench, rounds: int) -> None:
    """Both models, each on a server of its own."""
    place = bench.folder / TENSORS
    for model in tensor_models(place):
        scenario = f"{TENSORS} {model.name}"
        bench.results.titles[scenario] = (
            f"{scenario}: a binary tensor of 1,000 x 50 float32, CPU us beside the bare run"
        )
        bench.say(f"{scenario}: {rounds * ROUNDS_FACTOR} rounds")
        system = dynonnx(repository_of([model], place), model.name)
        with serving(system, model.cases[0], place, bench.generator.cores.server) as running:
            measure(bench, scenario, model, running, rounds * ROUNDS_FACTOR)


def measure(bench: Bench, scenario: str, model: ModelUnderTest, running: Running, rounds: int) -> None:
    """Requests to the server and bare runs in this process, by turns. Raises BenchError for a wrong answer."""
    rows, session, pid = tensor_rows(), open_session(model.artefact), running.child.pid
    ask = checked_request(model.name, running.url, rows, session.run(None, {"X": rows})[0])
    ask()
    for number in range(1, rounds + 1):
        began, before = time.perf_counter(), cpu_seconds(pid) or 0.0
        for _ in range(REQUESTS):
            ask()
        served = _peak(scenario, OURS, number, (cpu_seconds(pid) or 0.0) - before, time.perf_counter() - began)
        began, before = time.perf_counter(), time.process_time()
        for _ in range(REQUESTS):
            session.run(None, {"X": rows})
        bare = _peak(scenario, BARE_RUN, number, time.process_time() - before, time.perf_counter() - began)
        bench.results.peaks += [served, bare]


def checked_request(model: str, url: str, rows: Any, right: Any) -> Callable[[], None]:
    """A function that asks once. Raises BenchError where the answer is not what the bare run gives, to the bit."""
    address = Address.parse(url)
    connection = Connection(address)
    data = rows.tobytes()
    described = {"name": "X", "shape": rows.shape, "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}
    json = orjson.dumps({"inputs": [described], "parameters": {"binary_data_output": True}})
    headers = (("Inference-Header-Content-Length", str(len(json))),)
    request = address.request("POST", f"/v2/models/{model}/infer", json + data, headers)

    def ask() -> None:
        answer = connection.exchange(request)
        at = int(answer.header("inference-header-content-length") or 0)
        if answer.status != 200 or answer.body[at:] != right.tobytes():
            raise BenchError(f"a wrong answer of {model}: {answer.status} {answer.body[:200]!r}")

    return ask


def _peak(scenario: str, name: str, number: int, cpu_s: float, took_s: float) -> Peak:
    """One busy connection, as a closed loop is; every answer was compared."""
    each_us = took_s / REQUESTS * 1e6
    checked = REQUESTS if name == OURS else 0
    return Peak(
        scenario, name, 1, number, REQUESTS, REQUESTS / took_s, each_us, each_us, cpu_s / REQUESTS * 1e6,
        busy=cpu_s / took_s, batch_rows=None, others=None, checked=checked, faults={},
    )  # fmt: skip
