"""Counts the processor time that open pages take of a worker, idle and beside wrk at 32 connections, and prints it.

A page is one reader of `GET /live`. Needs the example models and wrk.
"""

from __future__ import annotations

import argparse
import contextlib
import selectors
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.support.integration.running import ROOT, Running, poll, running

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


def taken_milliseconds(file: Path, seconds: float) -> float:
    """Of the processor in a second, by beats and open pages."""
    before, began = _taken_seconds(file), time.monotonic()
    time.sleep(seconds)
    return (_taken_seconds(file) - before) / (time.monotonic() - began) * 1e3


def _taken_seconds(file: Path) -> float:
    """What the server has counted so far; it writes this anew each second."""
    text = ""
    while not text:
        text = file.read_text()
    return float(text.split()[0])


@contextlib.contextmanager
def asked(server: Running, script: Path) -> Iterator[None]:
    """While wrk asks as much as it can."""
    address = f"http://127.0.0.1:{server.port}/predict"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", "-d3600", "-s", str(script), address]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as wrk:
        try:
            time.sleep(SETTLE_SECONDS)
            yield
        finally:
            wrk.terminate()


def main() -> None:
    """Prints what the stream takes of an idle and of a busy worker, without pages and with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        script, file = Path(place, "ask.lua"), Path(place, "taken")
        script.write_text(SCRIPT)
        command = (sys.executable, "-m", "tests.campaigns.watching.counted", str(file))
        with running(SETTINGS, Path(place, "log"), command) as server:
            poll(file.exists, "the server has counted")
            for count in [0, given.pages] * given.turns:
                with open_pages(server.port, count):
                    idle = taken_milliseconds(file, given.seconds)
                    with asked(server, script):
                        busy = taken_milliseconds(file, given.seconds)
                print(f"{count} pages: {idle:.2f} ms of the processor a second, beside wrk {busy:.2f} ms")


if __name__ == "__main__":
    main()
