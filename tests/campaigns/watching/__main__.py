"""Measures the processor time that a worker takes for a request with open pages and without, in turns, and prints it.

wrk asks over 32 connections meanwhile; a page is one reader of `GET /live`. Needs the example models and wrk.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import selectors
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.integration.running import ROOT, Running, poll

CONNECTIONS = 32
SCRIPT = """\
wrk.method, wrk.body = "POST", '{"features":[5.1,3.5,1.4,0.2]}'
wrk.headers["content-type"] = "application/json"
"""
SETTINGS = {
    "DYNONNX_MODELS": str(ROOT / "examples" / "models"),
    "DYNONNX_DEFAULT_MODEL": "iris",
    "WEB_CONCURRENCY": "1",
    "DYNONNX_HOST": "127.0.0.1",
}
SETTLE_SECONDS = 1.5  # until the worker has let go of pages that were closed


class Pages:
    """So many open pages, which read all that comes and keep none of it."""

    def __init__(self, port: int, count: int) -> None:
        self.told: set[socket.socket] = set()  # pages that have got something
        self._ends = threading.Event()
        self._selector = selectors.DefaultSelector()
        for _ in range(count):
            page = socket.create_connection(("127.0.0.1", port))
            page.sendall(b"GET /live HTTP/1.1\r\nHost: here\r\n\r\n")
            self._selector.register(page, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._ends.is_set():
            for key, _ in self._selector.select(0.1):
                assert isinstance(key.fileobj, socket.socket)
                if key.fileobj.recv(1 << 16):
                    self.told.add(key.fileobj)

    def close(self) -> None:
        """Closes them all."""
        self._ends.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()


@contextlib.contextmanager
def open_pages(port: int, count: int) -> Iterator[None]:
    """While so many pages are open, each of which has got its history; nothing of opening or closing is left to do."""
    pages = Pages(port, count)
    try:
        poll(lambda: len(pages.told) == count, "every page is told something")
        time.sleep(SETTLE_SECONDS)
        yield
    finally:
        pages.close()


def idle_milliseconds(server: Running, seconds: int) -> float:
    """Of the worker's processor time in a second in which nobody asks anything."""
    (worker,) = server.workers()
    before = _processor_seconds(worker)
    time.sleep(seconds)
    return (_processor_seconds(worker) - before) / seconds * 1e3


def microseconds_a_request(server: Running, script: Path, seconds: int) -> float:
    """Of the worker's processor time, over one turn of wrk."""
    (worker,) = server.workers()
    before = _processor_seconds(worker)
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}",
        "-s",
        str(script),
        f"http://127.0.0.1:{server.port}/predict",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said, said
    requests = re.search(r"(\d+) requests in", said)
    assert requests is not None, said
    return (_processor_seconds(worker) - before) / int(requests[1]) * 1e6


def _processor_seconds(pid: int) -> float:
    """All threads' time on a processor, to the nanosecond."""
    return sum(int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9


def compare(server: Running, script: Path, pages: int, turns: int, seconds: int) -> Iterator[tuple[float, float]]:
    """Microseconds a request without and with open pages, turn by turn, each order as often as the other."""
    for turn in range(turns):
        took = {}
        for count in (0, pages) if turn % 2 else (pages, 0):
            with open_pages(server.port, count):
                took[count] = microseconds_a_request(server, script, seconds)
        print(f"without {took[0]:.2f} us, with {pages} pages {took[pages]:.2f} us")
        yield took[0], took[pages]


def main() -> None:
    """Prints each turn, the medians, and what the pages cost an idle worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--turns", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        script = Path(place, "ask.lua")
        script.write_text(SCRIPT)
        server = Running(SETTINGS, Path(place, "log"))
        try:
            server.wait_until_live()
            microseconds_a_request(server, script, given.seconds)  # until it has learned what a row costs
            both = [*compare(server, script, given.pages, given.turns, given.seconds)]
            for count in (0, given.pages):
                with open_pages(server.port, count):
                    print(f"idle, {count} pages: {idle_milliseconds(server, 2 * given.seconds):.2f} ms a second")
        finally:
            server.process.terminate()
            server.process.wait(30)
    without, with_pages = (statistics.median(turn[at] for turn in both) for at in (0, 1))
    ratio = statistics.median(turn[1] / turn[0] for turn in both)
    print(f"medians {without:.2f} and {with_pages:.2f} us, of the ratios {ratio:.4f}")


if __name__ == "__main__":
    main()
