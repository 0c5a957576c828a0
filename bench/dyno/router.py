"""Owns the stand-in router: HAProxy in front of dynos, and Heroku's codes from its log. Knows nothing of load.

HAProxy does what Heroku's router does to a request: random choice, pooled connections, headers, time limits
(``haproxy.cfg``). Requests that find no dyno up are held by ``hold.lua``, as Heroku holds them for a starting one.
"""

from __future__ import annotations

import shutil
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from string import Template

from bench.dyno.dyno import HEROKU
from bench.errors import BenchError, ServerFailed
from bench.machine.processes import Child, clean_environment, free_port, wait_until

SAID: str = HEROKU["router"]["said"]
MISSING = "HAProxy is not installed (Debian: apt install haproxy): no router in front, no deploy"
_START_S = 20.0
_FINISH_S = 4.0
_NO_PORT = 1  # of a dyno that is not there yet: nobody is sent to it
_FILES = Path(__file__).parent
_PATH = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin"  # sbin is often on no user's


@dataclass(frozen=True, slots=True)
class Router:
    """A running HAProxy. ``control_port`` is that of its runtime interface."""

    child: Child
    url: str
    control_port: int
    log: Path

    def hold(self, number: int = 1) -> None:
        """From now on this dyno gets no new request: they wait, unless another dyno is up."""
        self._tell(f"set server dynos/web.{number} state maint")

    def send_to(self, port: int, number: int = 1) -> None:
        """From now on dyno ``number`` is the one on ``port``; requests that were held go there."""
        server = f"set server dynos/web.{number}"
        self._tell(f"{server} addr 127.0.0.1 port {port}; {server} state ready")

    def end(self) -> Counter[str]:
        """End it; what went wrong until then, by Heroku's codes."""
        self.child.signal(signal.SIGUSR1)  # SIGTERM would end it before its last log lines
        self.child.wait(_FINISH_S)
        return self.codes()

    def codes(self) -> Counter[str]:
        """What went wrong up to now, by Heroku's codes."""
        return codes_in(self.log.read_text("utf-8"))

    def _tell(self, command: str) -> None:
        with socket.create_connection(("127.0.0.1", self.control_port), 5.0) as control:
            control.sendall(f"{command}\n".encode())
            while control.recv(4096):
                pass


def executable() -> str | None:
    """Where HAProxy is, None where it is not installed."""
    return shutil.which("haproxy", path=_PATH)


@contextmanager
def routing(
    folder: Path, name: str, cores: frozenset[int], dyno_ports: Sequence[int], most: int = 0
) -> Iterator[Router]:
    """A router in front of these dynos as long as the block lasts. Raises BenchError, ServerFailed.

    It has room for ``most`` dynos: the numbers behind the given ones get no request before :meth:`Router.send_to`.
    """
    haproxy, port, control_port = executable(), free_port(), free_port()
    if haproxy is None:
        raise BenchError(MISSING)
    log, file = folder / f"router-{name}.log", folder / f"router-{port}.cfg"
    template = Template((_FILES / "haproxy.cfg").read_text("ascii"))
    configuration = template.substitute(port=port, control_port=control_port, files=_FILES)
    places = [*((each, "") for each in dyno_ports), *[(_NO_PORT, " disabled")] * (most - len(dyno_ports))]
    for number, (dyno_port, state) in enumerate(places, 1):
        address = f"127.0.0.1:{dyno_port}"
        configuration += f"    server web.{number} {address} pool-max-conn 100 pool-purge-delay 90s{state}\n"
    file.write_text(configuration, "utf-8")
    with Child([haproxy, "-db", "-f", str(file)], log, clean_environment(), cores) as child:
        router = Router(child, f"http://127.0.0.1:{port}", control_port, log)
        try:  # it need not answer, as it may have no dyno yet
            wait_until(lambda: _accepts(port) or child.status() is not None, _START_S)
            if not _accepts(port):
                raise ServerFailed("the stand-in router did not start.", child.log_tail())
            yield router
        finally:
            router.end()


def codes_in(log: str) -> Counter[str]:
    """What went wrong, by Heroku's codes; what Heroku has no code for keeps HAProxy's letters."""
    counts: Counter[str] = Counter()
    for words in (line.split() for line in log.splitlines()):
        if len(words) != 4 or len(words[0]) != 2 or not words[1].lstrip("-").isdigit():
            continue
        ended, _, retries, held_in_vain = words
        if retries.lstrip("+") != "0":
            counts["H21"] += int(retries.lstrip("+"))  # a dyno that did not connect, and another was tried
        if held_in_vain != "-":
            counts[held_in_vain] += 1
        elif ended != "--":
            counts["H27" if ended.startswith("C") else HEROKU["router"]["codes"].get(ended, f"router {ended}")] += 1
    return counts


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False
