"""Nobody waits long beside the heaviest requests, legal or not, alone or in crowds: /health is asked all the while."""

from __future__ import annotations

import gzip
import http.client
import time
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pytest
from onnx import helper

from tests.integration.conftest import Report
from tests.support.integration.running import Running, running
from tests.support.load.constant import p99_ms
from tests.support.load.crowd import Crowd, asking
from tests.support.server.models import FLOAT, classifier, onnx_file

SIZE = 1 << 24
PATIENCE_SECONDS = 1.0  # a shared machine may stall; the figures are reported
ROW = b"[5.1,3.5,1.4,0.2]"
SAME = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,%d],"data":[%b]}]}'
BINARY = b',"parameters":{"binary_data_output":true}}'
WIDE = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,1],"data":[1.5]}]}'
BEST = WIDE[:-1] + b',"outputs":[{"name":"Y","parameters":{"classification":5}}]}'
OUTPUTS = 1_000_000
COUNT = SIZE // 2 - 100
PREDICT, INVOCATIONS, INFER = "/predict", "/invocations", "/v2/models/same/infer"
WIDE_INFER = "/v2/models/wide/infer"
CSV = {"content-type": "text/csv"}
GZIP = {"content-encoding": "gzip"}
ONE, MANY = Crowd(1, 0.0), Crowd(20, 2.0)


class Heavy(NamedTuple):
    """Requests of one kind, the statuses that they may have, and how many ask at once."""

    path: str
    body: bytes
    statuses: set[int]
    headers: Mapping[str, str] = {}
    crowd: Crowd = ONE


def nested(rows: int, width: int) -> bytes:
    """A v2 request of so many rows, each a list."""
    row = b"[" + b",".join([b"1"] * width) + b"]"
    return SAME.replace(b"[1,%d]", b"[%d,%d]") % (rows, width, b",".join([row] * rows))


def keys(depth: int, count: int) -> bytes:
    """Objects within objects, so many times."""
    return b'{"features":[' + b",".join([b'{"a":' * depth + b"1" + b"}" * depth] * count) + b"]}"


def text(unit: bytes) -> bytes:
    """One feature as long as a body may be."""
    return b'{"features":["%b"]}' % (unit * ((SIZE - 100) // len(unit)))


# Made when they are asked: together they are some 200 MB.
HEAVY: dict[str, Callable[[], Heavy]] = {
    "10,000 rows": lambda: Heavy(PREDICT, b'{"features":[' + b",".join([ROW] * 10_000) + b"]}", {200}),
    "16 KB of rows, 20 connections": lambda: Heavy(
        PREDICT, b'{"features":[' + b",".join([ROW] * 900) + b"]}", {200, 503}, crowd=MANY
    ),
    "white space": lambda: Heavy(PREDICT, b'{"features":' + b" " * (SIZE - 100) + ROW + b"}", {200}),
    "empty rows": lambda: Heavy(PREDICT, b'{"features":[' + b"[]," * (SIZE // 3 - 10) + b"[]]}", {413}),
    "deep keys": lambda: Heavy(PREDICT, keys(900, SIZE // 5402 - 1), {400, 413, 422}),
    "too deep keys": lambda: Heavy(PREDICT, keys((SIZE - 100) // 6, 1), {400, 413}),
    "many keys": lambda: Heavy(
        PREDICT, b'{"features":{%b}}' % b",".join(b'"k%d":1' % at for at in range(1_200_000)), {413}
    ),
    "a text": lambda: Heavy(PREDICT, text(b"x"), {413, 422}),
    "a text of escapes": lambda: Heavy(PREDICT, text(b"\\n"), {413, 422}),
    "a text of two bytes each": lambda: Heavy(PREDICT, text("é".encode()), {413, 422}),
    "commas": lambda: Heavy(INVOCATIONS, b"," * SIZE, {422}, CSV),
    "lines": lambda: Heavy(INVOCATIONS, b"a\n" + b"\n" * (SIZE - 2), {413, 422}, CSV),
    "8 M numbers there and back": lambda: Heavy(INFER, SAME % (COUNT, b"1," * (COUNT - 1) + b"1"), {200, 503}),
    "8 M numbers there, back as binary": lambda: Heavy(
        INFER, (SAME % (COUNT, b"1," * (COUNT - 1) + b"1"))[:-1] + BINARY, {200, 503}
    ),
    "lists of 4,096 numbers": lambda: Heavy(INFER, nested(2000, 4096), {200, 503}),
    "lists of 2 numbers": lambda: Heavy(INFER, nested(2_700_000, 2), {200, 413, 503}),
    "the last a string": lambda: Heavy(INFER, SAME % (COUNT, b"1," * (COUNT - 1) + b'"x"'), {400, 503}),
    "packed": lambda: Heavy(INFER, gzip.compress(SAME % (COUNT, b"1," * (COUNT - 1) + b'"x"')), {413, 503}, GZIP),
    "a million outputs, 20 connections": lambda: Heavy(WIDE_INFER, WIDE, {200, 503}, crowd=MANY),
    "a million outputs in binary, 20 connections": lambda: Heavy(
        WIDE_INFER, WIDE[:-1] + BINARY, {200, 503}, crowd=MANY
    ),
    "a million outputs of a row, 20 connections": lambda: Heavy(
        "/models/wide/predict", b'{"features":[1.5]}', {200, 503}, crowd=MANY
    ),
    "a million outputs by door one, 20 connections": lambda: Heavy(WIDE_INFER + "?cold", WIDE, {200, 503}, crowd=MANY),
    "the best of a million classes, 20 connections": lambda: Heavy(WIDE_INFER, BEST, {200, 503}, crowd=MANY),
}


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with one worker, and models that answer much."""
    folder = tmp_path_factory.mktemp("heavy")
    same = onnx_file([helper.make_node("Neg", ["X"], ["Y"])], [("X", FLOAT, ["N", "M"])], [("Y", FLOAT, ["N", "M"])])
    wide = onnx_file(
        [helper.make_node("MatMul", ["X", "W"], ["Y"])],
        [("X", FLOAT, ["N", 1])],
        [("Y", FLOAT, ["N", OUTPUTS])],
        {"W": np.linspace(-1.0, 1.0, OUTPUTS, dtype=np.float32).reshape(1, -1)},
    )
    for name, data in (("iris", classifier().data), ("same", same), ("wide", wide)):
        (folder / "models" / name / "1").mkdir(parents=True)
        (folder / "models" / name / "1" / "model.onnx").write_bytes(data)
    settings = {"DYNONNX_MODELS": str(folder / "models"), "DYNONNX_DEFAULT_MODEL": "iris", "WEB_CONCURRENCY": "1"}
    with running(settings, folder / "server.log") as server:
        yield server


def ask_health(connection: http.client.HTTPConnection) -> float:
    """Seconds until /health has answered."""
    began = time.perf_counter()
    connection.request("GET", "/health")
    response = connection.getresponse()
    assert (response.status, response.read()) == (200, b'{"status":"ok"}')
    return time.perf_counter() - began


@pytest.mark.slow
@pytest.mark.parametrize("what", HEAVY)
def test_health_does_not_wait_for_the_heaviest_requests(heavy: Running, report: Report, what: str) -> None:
    path, body, statuses, headers, crowd = HEAVY[what]()
    waits: list[float] = []
    connection = http.client.HTTPConnection("127.0.0.1", heavy.port, timeout=10.0)
    began = time.perf_counter()
    with asking(heavy.port, crowd, path, body, headers) as asked:
        while not asked.done():
            waits.append(ask_health(connection))
            time.sleep(0.003)
    connection.close()
    answered = asked.result()
    assert set(answered) <= statuses
    assert max(waits) < PATIENCE_SECONDS
    worst = f"p99 {p99_ms(waits):.0f} ms, at most {max(waits) * 1e3:.0f} ms"
    report(f"{what}: {dict(answered)} in {time.perf_counter() - began:.1f} s; /health {worst}")
