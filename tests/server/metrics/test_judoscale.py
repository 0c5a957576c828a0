"""What Judoscale is told, as its own clients tell it; and that nothing on its side is ever waited for."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from server.metrics.judoscale import EVERY_BEATS, Judoscale, metrics_of, report_of
from server.metrics.sampling import Load

IDLE = Load(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1)
BUSY = IDLE._replace(router=0.02, queue=0.01, answered=50.0)
NOW = 1700000000.6


class StandIn(ThreadingHTTPServer):
    """Takes reports as Judoscale does; answers ``status`` once ``may_answer`` is set."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, status: int) -> None:
        super().__init__(("127.0.0.1", 0), TakesReports)
        self.status = status
        self.reports: list[tuple[str, bytes]] = []
        self.may_answer = threading.Event()
        self.asked = threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/api/secret-token"


class TakesReports(BaseHTTPRequestHandler):
    server: StandIn

    def do_POST(self) -> None:
        self.server.reports.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.server.asked.release()
        self.server.may_answer.wait()
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the base class calls it so
        """Says nothing."""


@contextmanager
def standing_in(status: int = 200, *, answers: bool = True) -> Iterator[StandIn]:
    with StandIn(status) as server:
        if answers:
            server.may_answer.set()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.may_answer.set()
        server.shutdown()


def beat(judoscale: Judoscale, times: int = EVERY_BEATS) -> None:
    for _ in range(times):
        judoscale.beat([BUSY] * 15, 0.4, NOW)


def settle(judoscale: Judoscale) -> None:
    assert judoscale._thread is not None
    judoscale._thread.join(20)


def test_a_second_with_requests_has_its_queue_time_and_the_report_how_much_is_used() -> None:
    loads = [IDLE, BUSY, BUSY._replace(workers=2)]
    assert metrics_of(loads, 0.408, NOW) == [
        (1699999999, 30, "qt", None),
        (1700000000, 25, "qt", None),
        (1700000000, 41, "up", None),
    ]
    assert metrics_of([], 0.0, NOW) == [(1700000000, 0, "up", None)]


def test_a_report_has_the_form_of_its_clients() -> None:
    report = orjson.loads(report_of(metrics_of([BUSY], 1.0, NOW), "web.1", 42))
    assert {*report} == {"container", "pid", "config", "adapters", "metrics", "metadata"}
    assert (report["container"], report["pid"]) == ("web.1", 42)
    assert report["metrics"] == [[1700000000, 30, "qt", None], [1700000000, 100, "up", None]]
    assert {*report["adapters"]["dynonnx"]} == {"adapter_version", "runtime_version"}


def test_a_report_is_posted_each_ten_seconds_with_what_was_since_the_last() -> None:
    with standing_in() as server:
        judoscale = Judoscale(server.url + "/", "web.1")
        beat(judoscale, EVERY_BEATS - 1)
        assert judoscale._thread is None
        beat(judoscale, 1)
        settle(judoscale)
        beat(judoscale)
        settle(judoscale)
    assert [path for path, _ in server.reports] == ["/api/secret-token/v3/reports"] * 2
    metrics = orjson.loads(server.reports[1][1])["metrics"]
    assert len(metrics) == EVERY_BEATS + 1
    assert metrics[0][0] == 1700000000 - EVERY_BEATS + 1


def test_one_that_does_not_answer_is_not_waited_for_and_gets_no_second() -> None:
    with standing_in(answers=False) as server:
        judoscale = Judoscale(server.url, "web.1")
        beat(judoscale)
        assert server.asked.acquire(timeout=20)
        beat(judoscale, 5 * EVERY_BEATS)
        assert judoscale._thread is not None
        assert judoscale._thread.daemon, "the end of the worker does not wait either"
        assert len(server.reports) == 1
        server.may_answer.set()
        settle(judoscale)
        beat(judoscale)
        settle(judoscale)
        assert len(server.reports) == 2


@pytest.mark.parametrize("url", ["refuses", "http://127.0.0.1:1/api/secret-token", "http://no.such.host.invalid/api"])
def test_what_fails_there_is_one_line_without_the_address(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), standing_in(503) as server:
        judoscale = Judoscale(server.url if url == "refuses" else url, None)
        for _ in range(3):
            beat(judoscale)
            settle(judoscale)
        (record,) = [record for record in caplog.records if "Judoscale" in record.message]
        assert "secret-token" not in record.message
        assert "invalid" not in record.message
        if url == "refuses":
            server.status = 200
            beat(judoscale)
            settle(judoscale)
            assert caplog.records[-1].message == "Judoscale takes reports again"
