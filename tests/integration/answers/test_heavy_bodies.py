"""Nobody waits long beside the heaviest bodies, legal or not: /health is asked all the while."""

from __future__ import annotations

import gzip
import threading
import time
from pathlib import Path

import pytest
from onnx import helper

from tests.integration.conftest import Report
from tests.support.integration.running import Running, running
from tests.support.load.constant import p99_ms
from tests.support.server.models import FLOAT, classifier, onnx_file

SIZE = 1 << 24
PATIENCE_SECONDS = 1.0  # a shared machine may stall; the figures are reported
ROW = b"[5.1,3.5,1.4,0.2]"
SAME = b'{"inputs":[{"name":"X","datatype":"FP32","shape":[1,%d],"data":[%b]}]}'
COUNT = SIZE // 2 - 100
PREDICT, INVOCATIONS, INFER = "/predict", "/invocations", "/v2/models/same/infer"
CSV = {"content-type": "text/csv"}
GZIP = {"content-encoding": "gzip"}
BODIES: dict[str, tuple[str, bytes, dict[str, str], set[int]]] = {
    "10,000 rows": (PREDICT, b'{"features":[' + b",".join([ROW] * 10_000) + b"]}", {}, {200}),
    "white space": (PREDICT, b'{"features":' + b" " * (SIZE - 100) + ROW + b"}", {}, {200}),
    "empty rows": (PREDICT, b'{"features":[' + b"[]," * (SIZE // 3 - 10) + b"[]]}", {}, {413}),
    "commas": (INVOCATIONS, b"," * SIZE, CSV, {422}),
    "lines": (INVOCATIONS, b"a\n" + b"\n" * (SIZE - 2), CSV, {413, 422}),
    "numbers there and back": (INFER, SAME % (COUNT, b"1," * (COUNT - 1) + b"1"), {}, {200, 503}),
    "the last a string": (INFER, SAME % (COUNT, b"1," * (COUNT - 1) + b'"x"'), {}, {400, 503}),
    "packed": (INFER, gzip.compress(SAME % (COUNT, b"1," * (COUNT - 1) + b'"x"')), GZIP, {413, 503}),
}


def ask_health(server: Running, waits: list[float], ended: threading.Event) -> None:
    """Asks until the end, and writes down how long each answer took."""
    while not ended.is_set():
        began = time.perf_counter()
        assert server.ask("GET", "/health").status == 200
        waits.append(time.perf_counter() - began)
        time.sleep(0.005)


@pytest.mark.slow
def test_health_does_not_wait_for_the_heaviest_bodies(tmp_path: Path, report: Report) -> None:
    same = onnx_file([helper.make_node("Neg", ["X"], ["Y"])], [("X", FLOAT, ["N", "M"])], [("Y", FLOAT, ["N", "M"])])
    for name, data in (("iris", classifier().data), ("same", same)):
        (tmp_path / "models" / name / "1").mkdir(parents=True)
        (tmp_path / "models" / name / "1" / "model.onnx").write_bytes(data)
    settings = {"DYNONNX_MODELS": str(tmp_path / "models"), "DYNONNX_DEFAULT_MODEL": "iris", "WEB_CONCURRENCY": "1"}
    with running(settings, tmp_path / "server.log") as server:
        for name, (path, body, headers, statuses) in BODIES.items():
            waits: list[float] = []
            ended = threading.Event()
            health = threading.Thread(target=ask_health, args=(server, waits, ended))
            health.start()
            try:
                began = time.perf_counter()
                status = server.ask("POST", path, body, headers).status
                seconds = time.perf_counter() - began
            finally:
                ended.set()
                health.join()
            assert status in statuses, name
            assert max(waits) < PATIENCE_SECONDS, name
            worst = f"p99 {p99_ms(waits):.0f} ms, at most {max(waits) * 1e3:.0f} ms"
            report(f"{name}: {status} after {seconds:.2f} s; /health {worst}")
