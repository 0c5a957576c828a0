"""Owns a real server process of a test: its port, its environment, its log, its end. Knows nothing of models."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from tests.support.integration.wire import Answer

ROOT = Path(__file__).parents[3]
START_SECONDS = 120.0  # of patience with a busy machine: only what hangs is waited for so long
STOP_SECONDS = 25.0  # the promise of the server itself
ASK_SECONDS = 60.0
POLL_SECONDS = 0.02
PORTS = (20_000, 32_000)
SERVER = (sys.executable, "-m", "server")
SERVE = "import sys; sys.argv[1:] = []; from server.__main__ import main; sys.exit(main())"


def altered(code: str, *arguments: str) -> tuple[str, ...]:
    """The command of a server that first runs this code, which finds the arguments in ``sys.argv[1:]``."""
    return sys.executable, "-c", f"{code}\n{SERVE}", *arguments


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a server: ours without any setting of its own, then ``settings``."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DYNONNX_", "WEB_CONCURRENCY")) and name not in ("PORT", "PYTHONPATH")
    }
    return {**ours, "PYTHONPATH": str(ROOT), **settings}


def run_to_end(settings: Mapping[str, str], command: Sequence[str] = SERVER) -> tuple[int, str]:
    """Starts a server that must end by itself: its exit status, and all that it wrote."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment(settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def free_port() -> int:
    """A free port below the ephemeral range, so that no client gets it before the server."""
    while True:
        port = random.randrange(*PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def poll(reached: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> float:
    """Asks until ``reached`` says yes and gives how long that took. Raises AssertionError naming ``what``."""
    began = time.monotonic()
    while not reached():
        waited = time.monotonic() - began
        assert waited < seconds, f"after {waited:.1f} s still not: {what}"
        time.sleep(POLL_SECONDS)
    return time.monotonic() - began


class Running:
    """One server, started in a process group of its own."""

    def __init__(
        self, settings: Mapping[str, str], log: Path, command: Sequence[str] = SERVER, *, out: int | None = None
    ) -> None:
        """``out``: a descriptor that it writes to instead of ``log``."""
        self.port = free_port()
        self.log = log
        self.places = int(settings.get("WEB_CONCURRENCY", "1"))
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment({"PORT": str(self.port), **settings}),
                stdout=file if out is None else out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The arbiter's."""
        return self.process.pid

    def workers(self) -> list[int]:
        """The worker processes that live now."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children()
            return sorted(child.pid for child in children if child.status() != psutil.STATUS_ZOMBIE)
        return []

    def read_log(self) -> str:
        """All it wrote so far."""
        return self.log.read_text("utf-8", "replace")

    def wait_until_live(self) -> None:
        """Until ``/health`` answers and every worker stands; ready or not is another matter."""
        poll(self._answers, f"the server answers; it wrote:\n{self.read_log()}")
        self.wait_until_full()

    def wait_until_full(self) -> None:
        """Until every place has a worker: the first one answers before, and a killed one leaves its place empty."""
        poll(lambda: len(self.workers()) >= self.places, "every worker is there")

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the server ended with {self.process.returncode}:\n{self.read_log()}"
        with contextlib.suppress(ConnectionError):
            return self.ask("GET", "/health").status == 200
        return False

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        host: str = "127.0.0.1",
        seconds: float = ASK_SECONDS,
    ) -> Answer:
        """One request on a connection of its own. ``seconds``: the longest silence of the server."""
        connection = http.client.HTTPConnection(host, self.port, timeout=seconds)
        try:
            sent = dict(headers or {})
            if body is not None:
                sent.setdefault("content-type", "application/json")
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, headers, response.read())
        finally:
            connection.close()

    def signal_all(self, number: signal.Signals) -> None:
        """Sends a signal to every process of the server, as a terminal or a dyno does."""
        os.killpg(self.pid, number)

    def stop(self) -> int:
        """Ends it and gives its exit status; by force, and with an error, where it does not end by itself."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.signal_all(signal.SIGKILL)
            self.process.wait()
            raise AssertionError(f"the server did not stop within {STOP_SECONDS} s:\n{self.read_log()}") from None


@contextlib.contextmanager
def running(
    settings: Mapping[str, str], log: Path, command: Sequence[str] = SERVER, *, out: int | None = None
) -> Iterator[Running]:
    """A server that answers; it is ended in any case."""
    server = Running(settings, log, command, out=out)
    try:
        server.wait_until_live()
        yield server
    finally:
        server.stop()
