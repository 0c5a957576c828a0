"""A real server whose reports a stand-in of Judoscale takes; and one whose reports nobody takes."""

from __future__ import annotations

import orjson
import pytest

from tests.integration.conftest import Start
from tests.server.metrics.test_judoscale import standing_in
from tests.support.integration.running import free_port, poll

pytestmark = pytest.mark.slow  # reports come each ten seconds
ROW = b'{"features":[5.1,3.5,1.4,0.2]}'


def test_each_worker_reports_queue_time_and_utilisation(start: Start) -> None:
    with standing_in() as judoscale:
        server = start(JUDOSCALE_URL=judoscale.url, DYNO="web.1", WEB_CONCURRENCY="2")

        def reported() -> bool:
            assert server.ask("POST", "/predict", ROW, {"x-request-start": "1"}).status == 200
            return len({orjson.loads(report)["pid"] for _, report in judoscale.reports}) == 2

        poll(reported, "both workers report")
        reports = [orjson.loads(report) for _, report in judoscale.reports]
        assert {report["pid"] for report in reports} == set(server.workers())
        assert {report["container"] for report in reports} == {"web.1"}
        metrics = [metric for report in reports for metric in report["metrics"]]
        assert {what for _, _, what, _ in metrics} == {"qt", "up"}
        assert all(0 <= value < 60_000 for _, value, _, _ in metrics)
        assert "secret-token" not in server.read_log() + server.ask("GET", "/metrics").body.decode()


def test_reports_that_nobody_takes_are_one_line_and_hurt_nobody(start: Start) -> None:
    server = start(JUDOSCALE_URL=f"http://127.0.0.1:{free_port()}/api/secret-token", WEB_CONCURRENCY="1")
    poll(lambda: "Judoscale does not take reports" in server.read_log(), "the failure is told", 40)
    assert server.ask("POST", "/predict", ROW).status == 200
    assert server.stop() == 0
    assert server.read_log().count("Judoscale") == 1
    assert "secret-token" not in server.read_log()
