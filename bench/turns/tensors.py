"""Measures v2 with binary tensors of 1,000 x 50 float32 beside the bare run: ``python -m bench.turns.tensors``.

Processor time of the server per request over that of ``session.run`` alone, in turns; every answer is compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson

from bench.baselines.fastapi_onnx import open_session
from bench.baselines.lanes import dynonnx
from bench.baselines.systems import Running, serving
from bench.errors import BenchError, ServerFailed
from bench.load.cases import Case
from bench.load.client import Address, Connection
from bench.load.models import WIDE_FEATURES, WIDE_ROWS, Subject
from bench.machine import cores
from bench.machine.processes import end_all
from bench.turns.closed_loop import cpu_seconds

TREES, DEPTH = 100, 10
REQUESTS = 40  # of a turn


def subjects(folder: Path) -> Iterator[Subject]:
    """A forest, whose run is what a request costs, and a linear model, where nearly all is the way there and back."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    table = rows()
    for name, estimator in (
        ("forest", RandomForestRegressor(TREES, max_depth=DEPTH, random_state=0)),
        ("linear", LinearRegression()),
    ):
        estimator.fit(table, table @ np.linspace(-1.0, 1.0, WIDE_FEATURES))
        graph = to_onnx(estimator, initial_types=[("X", FloatTensorType([None, WIDE_FEATURES]))])
        artefact = folder / f"{name}.onnx"
        artefact.write_bytes(graph.SerializeToString())
        (output,) = [each.name for each in graph.graph.output]
        said = open_session(artefact).run(None, {"X": table[:1]})[0].tolist()
        golden = Case("/predict", orjson.dumps({"features": table[:1].tolist()}), {"outputs": {output: said}})
        yield Subject(name, name, artefact, artefact, [golden], output)


def rows() -> Any:
    """What every request brings."""
    return np.random.default_rng(0).normal(size=(WIDE_ROWS, WIDE_FEATURES)).astype(np.float32)


def request_of(model: str, table: Any) -> tuple[bytes, tuple[tuple[str, str], ...]]:
    """The body of an infer request, and its header."""
    data = table.tobytes()
    described = {"name": "X", "shape": table.shape, "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}
    json = orjson.dumps({"inputs": [described], "parameters": {"binary_data_output": True}})
    return json + data, (("Inference-Header-Content-Length", str(len(json))),)


def asker(model: str, url: str, table: Any, wanted: Any) -> Callable[[], None]:
    """A function that asks once. Raises BenchError where the answer is not what the bare run gives, to the bit."""
    target = Address.parse(url)
    connection = Connection(target)
    body, headers = request_of(model, table)
    whole = target.request("POST", f"/v2/models/{model}/infer", body, headers)

    def ask() -> None:
        answer = connection.exchange(whole)
        at = int(answer.header("inference-header-content-length") or 0)
        if answer.status != 200 or answer.body[at:] != wanted.tobytes():
            raise BenchError(f"a wrong answer of {model}: {answer.status} {answer.body[:200]!r}")

    return ask


def measure(subject: Subject, running: Running, turns: int) -> tuple[float, float, float]:
    """Microseconds of processor time, bare and served, and the median of the turns' own ratios."""
    if running.child is None:
        raise ServerFailed("the server runs elsewhere.", "")
    table, session = rows(), open_session(subject.artefact)
    pid = running.child.pid
    ask = asker(subject.name, running.url, table, session.run(None, {"X": table})[0])
    ask()
    pairs = []
    for _ in range(turns):
        before = cpu_seconds(pid) or 0.0
        for _ in range(REQUESTS):
            ask()
        served = (cpu_seconds(pid) or 0.0) - before
        began = time.process_time()
        for _ in range(REQUESTS):
            session.run(None, {"X": table})
        pairs.append((time.process_time() - began, served))
    bare, served = (median(pair[at] for pair in pairs) / REQUESTS * 1e6 for at in (0, 1))
    return bare, served, median(served / bare for bare, served in pairs)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 failed or wrong answers."""
    parser = argparse.ArgumentParser(prog="python -m bench.turns.tensors", description=__doc__)
    parser.add_argument("--turns", type=int, default=15, help="turns of each, of which the median counts (15)")
    turns: int = parser.parse_args(arguments).turns
    own = cores.split(cores.available())
    try:
        with tempfile.TemporaryDirectory() as place:
            for subject in subjects(Path(place)):
                with serving(dynonnx([subject], Path(place)), subject.cases[0], Path(place), own.server) as running:
                    bare, served, ratio = measure(subject, running, turns)
                print(f"{subject.name:<8} bare run {bare:8.0f} us, served {served:8.0f} us, {ratio:.2f}x")
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    finally:
        end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
