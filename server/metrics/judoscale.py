"""Owns what Judoscale is told of this dyno, by the protocol of its own clients, and who posts it. Knows no ASGI.

A report is a POST of JSON to JUDOSCALE_URL/v3/reports each ten seconds. A metric is [Unix time, value, what, queue]:
"qt" is how many milliseconds a request waited before it was worked on, "up" how much was used, in percent. A thread of
its own posts it, one at a time; one that does not come through is dropped, as the next tells what is then.
"""

from __future__ import annotations

import os
import platform
import socket
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson

from server import __version__
from server.logs import log
from server.metrics.sampling import Load

EVERY_BEATS = 10  # seconds between two reports, as its clients have them
TIMEOUT_SECONDS = 5.0  # for each step of a report
MILLISECONDS = 1000

Metric = tuple[int, int, str, None]


def metrics_of(loads: Sequence[Load], utilisation: float, now: float) -> list[Metric]:
    """The metrics of these seconds, the last of which ends ``now`` (Unix time).

    A second's queue time is the mean one at the router, and what the work that waits here takes; none without requests.
    """
    metrics: list[Metric] = []
    for ago, load in zip(range(len(loads) - 1, -1, -1), loads, strict=True):
        waited = load.router + load.queue / max(1, load.workers)
        if load.answered or load.queue:
            metrics.append((int(now) - ago, round(waited * MILLISECONDS), "qt", None))
    return [*metrics, (int(now), round(100 * utilisation), "up", None)]


def report_of(metrics: Sequence[Metric], container: str, pid: int) -> bytes:
    """A report as Judoscale takes it. ``container``: the dyno's name."""
    report: dict[str, Any] = {
        "container": container,
        "pid": pid,
        "config": {"report_interval_seconds": EVERY_BEATS},
        "adapters": {"dynonnx": {"adapter_version": __version__, "runtime_version": platform.python_version()}},
        "metrics": metrics,
        "metadata": {},
    }
    return orjson.dumps(report)


class Judoscale:
    """Posts reports below ``url``, which is a secret."""

    def __init__(self, url: str, container: str | None) -> None:
        """``container``: None for the machine's name."""
        parts = urlsplit(url)
        self._is_safe = parts.scheme == "https"
        self._address = parts.hostname or "", parts.port
        self._path = f"{parts.path.rstrip('/')}/v3/reports"
        self._container = container or socket.gethostname()
        self._beats = 0
        self._thread: threading.Thread | None = None
        self._fails = False  # the last report did; said once

    def beat(self, loads: Sequence[Load], utilisation: float, now: float) -> None:
        """Called once a second with the last seconds' loads; starts a report when one is due, and returns at once."""
        self._beats += 1
        if self._beats % EVERY_BEATS or (self._thread is not None and self._thread.is_alive()):
            return
        report = report_of(metrics_of(loads[-EVERY_BEATS:], utilisation, now), self._container, os.getpid())
        self._thread = threading.Thread(target=self._tell, args=(report,), name="judoscale", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # no more threads: the next may get one
            self._thread = None

    def _tell(self, report: bytes) -> None:
        try:
            status = self._post(report)
            why = None if 200 <= status < 300 else f"it answered {status}"
        except Exception as error:  # noqa: BLE001  whatever goes wrong there is no matter of ours
            why = type(error).__name__  # its text may hold the address
        if why is not None and not self._fails:
            log.warning("Judoscale does not take reports (%s); it is tried again every %d s", why, EVERY_BEATS)
        elif why is None and self._fails:
            log.info("Judoscale takes reports again")
        self._fails = why is not None

    def _post(self, report: bytes) -> int:
        from http.client import HTTPConnection, HTTPSConnection  # with ssl, which nobody else needs

        make = HTTPSConnection if self._is_safe else HTTPConnection
        connection = make(*self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("POST", self._path, report, {"Content-Type": "application/json"})
            return connection.getresponse().status
        finally:
            connection.close()
