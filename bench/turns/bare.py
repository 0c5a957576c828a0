"""Owns what a request costs beside the bare run: parts of it without a server, and the scenario ``tensors``.

``tensors`` is v2 with binary tensors of 1,000 x 50 float32: the server's processor time per request over that of
``session.run`` alone, in rounds; every answer is compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from timeit import Timer
from typing import Any

import numpy as np
import onnxruntime as ort
import orjson

from bench.baselines.predictors import DTYPES, feeder, open_session
from bench.baselines.serving import Running, serving
from bench.baselines.systems import OURS, dynonnx, repository_of
from bench.errors import BenchError
from bench.load.client import Address, Connection
from bench.load.models import WIDE, WIDE_ROWS, ModelUnderTest, tensor_models, tensor_rows
from bench.machine.processes import pin
from bench.machine.watch import cpu_seconds
from bench.record.results import BareCosts, Peak
from bench.record.targets import BARE_RUN, TENSORS
from bench.turns.bench import Bench

ROWS = (1, 22, 64)
BLOCKS = 15
BLOCK_S = 0.015
REQUESTS = 40  # of a round of tensors
ROUNDS_FACTOR = 3  # such a round is short: 15 rounds where the other scenarios have 5


def bare_costs(models: Mapping[str, ModelUnderTest], cores: frozenset[int]) -> dict[str, BareCosts]:
    """The costs of every model, by a process of its own on ``cores``."""
    costs_of = {}
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=pin, initargs=(0, cores)) as process:  # 0 is itself
        for name, model in models.items():
            features = [orjson.loads(case.body)["features"] for case in model.cases[: max(ROWS)]]
            rows, counts = (features[0], (WIDE_ROWS,)) if name == WIDE else (features, ROWS)
            costs_of[name] = process.submit(costs, model.artefact, rows, model.cases[0].body, counts).result()
    return costs_of


def costs(artefact: Path, rows: Sequence[Any], body: bytes, counts: Sequence[int]) -> BareCosts:
    """Of runs of ``counts`` rows, and of decoding ``body`` and encoding its answer: medians of blocks of calls."""
    session = open_session(artefact)
    feed, run_us = feeder(session), {}
    for count in counts:
        feeds = feed([rows[at % len(rows)] for at in range(count)])
        run_us[count] = microseconds(partial(session.run, None, feeds))
    features = orjson.loads(body)["features"]
    answer = session.run(None, feed(features if isinstance(features[0], list) else [features]))
    return BareCosts(run_us, microseconds(partial(decode, session, body)), microseconds(partial(encode, answer)))


def decode(session: ort.InferenceSession, body: bytes) -> Any:
    """The least that JSON can cost: parsed, and made an array of the model's dtype, of objects where columns differ."""
    inputs = session.get_inputs()
    dtype = DTYPES.get(inputs[0].type, object) if len(inputs) == 1 else object
    return np.array(orjson.loads(body)["features"], dtype)


def encode(answer: Sequence[Any]) -> bytes:
    """The label or value of each row, and the highest probability where there are any."""
    label, *others = answer
    response = {"prediction": label.reshape(len(label)).tolist()}
    if others:
        response["probability"] = others[0].max(axis=1).tolist()
    return orjson.dumps(response)


def microseconds(call: Callable[[], object]) -> float:
    """Processor time of one call: the median over ``BLOCKS`` blocks of about ``BLOCK_S``."""
    timer = Timer(call, timer=time.process_time)
    timer.timeit(1)
    each = max(1, int(BLOCK_S / max(timer.timeit(1), 1e-6)))
    return median(timer.repeat(BLOCKS, each)) / each * 1e6


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
    sides: tuple[tuple[str, Callable[[], object], Callable[[], float], int], ...] = (
        (OURS, ask, lambda: cpu_seconds(pid) or 0.0, REQUESTS),  # all of whose answers are compared
        (BARE_RUN, partial(session.run, None, {"X": rows}), time.process_time, 0),
    )
    for number, (name, call, cpu_s, checked) in product(range(1, rounds + 1), sides):
        began, before = time.perf_counter(), cpu_s()
        for _ in range(REQUESTS):
            call()
        spent, took_s = cpu_s() - before, time.perf_counter() - began
        each_us = took_s / REQUESTS * 1e6
        peak = Peak(
            scenario, name, 1, number, REQUESTS, REQUESTS / took_s, each_us, each_us, spent / REQUESTS * 1e6,
            busy=spent / took_s, batch_rows=None, others=None, checked=checked, faults={},
        )  # fmt: skip
        bench.results.peaks.append(peak)


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
