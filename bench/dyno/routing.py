"""Owns the stand-in router as a process in front of dynos: which program, where, what it counted. Knows no load.

HAProxy where it is installed, else ``bench.dyno.router``; a deploy always takes ``bench.dyno.router``, which holds requests for a
dyno that starts, as Heroku does.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.dyno import haproxy
from bench.errors import ServerFailed
from bench.load.client import Address, Connection
from bench.machine.processes import Child, clean_environment, free_port

_START_S = 20.0
_FINISH_S = 4.0
_SIMULATED = "random choice, pooled connections idle for 90 s, Heroku's headers, 30 s to the first byte, H-codes"


@dataclass(frozen=True, slots=True)
class Router:
    """A running router. ``dynos`` is the file of ports that ``bench.dyno.router`` reads, None for HAProxy."""

    child: Child
    url: str
    dynos: Path | None
    read: Callable[[], Counter[str]]

    def send_to(self, *ports: int) -> None:
        """From now on these dynos, and no other, get new requests. For ``bench.dyno.router`` alone."""
        if self.dynos is None:
            raise ValueError("HAProxy's dynos are fixed when it starts")
        self.dynos.write_text("\n".join(map(str, ports)), "ascii")
        self.child.signal(signal.SIGHUP)

    def end(self) -> Counter[str]:
        """End it; what went wrong until then, by Heroku's codes."""
        if self.dynos is None:
            _let_finish(self.child)
        self.child.stop()
        return self.read()


def said() -> str:
    """Which router stands in front and what it leaves out, for the report."""
    if haproxy.found() is None:
        return (
            f"router: our own stand-in, as HAProxy is not installed ({_SIMULATED}); it is in Python and passes a few "
            "thousand requests/s. Not simulated: TLS, HTTP/2, several router nodes"
        )
    return f"router: HAProxy ({_SIMULATED}). Not simulated: {haproxy.NOT_SIMULATED}"


@contextmanager
def passing(folder: Path, name: str, cores: frozenset[int], ports: Sequence[int]) -> Iterator[Router]:
    """A router that passes requests to these dynos as long as the block lasts. Raises ServerFailed."""
    if haproxy.found() is None:
        with holding(folder, name, cores, ports) as router:
            yield router
        return
    port, log = free_port(), folder / f"router-{name}.log"
    command = haproxy.command(folder, port, ports)
    with Child(command, log, clean_environment(), cores) as child:
        try:
            yield _met(Router(child, f"http://127.0.0.1:{port}", None, lambda: haproxy.codes(log.read_text("utf-8"))))
        finally:
            _let_finish(child)


@contextmanager
def holding(folder: Path, name: str, cores: frozenset[int], ports: Sequence[int] = ()) -> Iterator[Router]:
    """A router whose dynos may change; with none it holds requests, as for a dyno that starts. Raises ServerFailed."""
    port, dynos, counts = free_port(), folder / f"router-{name}.dynos", folder / f"router-{name}.json"
    dynos.write_text("\n".join(map(str, ports)), "ascii")
    files = ["--dynos", str(dynos), "--counts", str(counts)]
    command = [sys.executable, "-m", "bench.dyno.router", "--port", str(port), *files]
    with Child(command, folder / f"router-{name}.log", clean_environment(), cores) as child:
        url = f"http://127.0.0.1:{port}"
        yield _met(Router(child, url, dynos, lambda: Counter(json.loads(counts.read_text("ascii")))))


def _let_finish(haproxy: Child) -> None:
    """SIGTERM would end it before its last log lines."""
    haproxy.signal(signal.SIGUSR1)
    haproxy.wait(_FINISH_S)


def _met(router: Router) -> Router:
    """Once it accepts; it need not answer, as it may have no dyno yet."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and router.child.status() is None:
        with Connection(Address.parse(router.url), timeout_s=1.0) as connection:
            try:
                connection.open()
            except OSError:
                time.sleep(0.02)
                continue
        return router
    raise ServerFailed("the stand-in router did not start.", router.child.log_tail())
