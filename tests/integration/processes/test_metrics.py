"""The metrics of two workers are the sums of both."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from prometheus_client.parser import text_string_to_metric_families

from tests.integration.conftest import Start
from tests.support.integration.running import Running, poll
from tests.support.integration.wire import Wire, request, wires
from tests.support.load.load import peers
from tests.support.server.doors import Client, get

CONNECTIONS = 40
ROW = [5.1, 3.5, 1.4, 0.2]
GOOD = request("/predict", {"features": ROW})
MANY = request("/models/iris/predict", {"features": [ROW] * 7})
BAD = request("/predict", {"features": ["x"]})
NONE = request("/models/tulip/predict", {"features": ROW})


def read_metrics(server: Running, **wanted: str) -> dict[str, float]:
    """Samples of which no label is other than wanted, summed by name, 0 for what has not happened.

    The parser gives every counter a ``_total``.
    """
    totals: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(server.ask("GET", "/metrics").body.decode()):
        for sample in family.samples:
            if all(sample.labels.get(name, value) == value for name, value in wanted.items()):
                name = sample.name.removesuffix("_total")
                totals[name] += sample.value
    return totals


async def ask_both_workers(server: Running) -> int:
    """Sends the four requests on every one of many connections; gives how many workers held some of them."""

    async def ask(wire: Wire) -> None:
        statuses = [(await wire.ask(data)).status for data in (GOOD, MANY, BAD, NONE)]
        assert statuses == [200, 200, 422, 404]

    async with wires(server.port, CONNECTIONS) as opened:
        await asyncio.gather(*map(ask, opened))
        return sum(bool(peers(worker, server.port)) for worker in server.workers())


def test_a_stop_does_not_wait_for_who_watches(start: Start) -> None:
    server = start(WEB_CONCURRENCY="1")
    client = Client(server.port)
    assert client.send(get("/live")).read(head_only=True).headers["content-type"] == "text/event-stream"
    poll(lambda: b"\ndata: {" in client.socket.recv(1 << 16), "a sample comes")
    server.process.terminate()
    assert server.process.wait(5) == 0
    client.close()


def test_metrics_over_two_workers_are_the_requests_sent(start: Start) -> None:
    server = start(WEB_CONCURRENCY="2")
    rounds = serving = 0
    while serving < 2 and rounds < 20:
        rounds += 1
        serving = max(serving, asyncio.run(ask_both_workers(server)))
    assert serving == 2, "one worker took every connection"
    each = rounds * CONNECTIONS
    for _ in range(6):  # whichever worker answers
        totals = read_metrics(server, model="iris", reason="invalid_input")
        assert totals["nv_inference_request_success"] == 2 * each
        assert totals["nv_inference_count"] == 8 * each
        assert totals["nv_inference_request_failure"] == each
        assert totals["nv_inference_pending_request_count"] == 0
        assert totals["dynonnx_batch_rows_sum"] == 8 * each
        assert totals["dynonnx_batch_rows_count"] == totals["nv_inference_exec_count"] <= 2 * each
        assert totals["dynonnx_workers"] == 2
    assert read_metrics(server, code="invalid_input")["dynonnx_errors"] == each
    assert read_metrics(server, code="not_found")["dynonnx_errors"] == each
    assert read_metrics(server, model="churn")["nv_inference_request_success"] == 0
