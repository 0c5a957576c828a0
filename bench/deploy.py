"""Owns the deploy scenario: a dyno replaced behind the router while requests keep coming. Knows nothing of reports."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.arrivals import Phase
from bench.client import Connection, Target
from bench.contenders import Contender, Dynos, Running, clean_environment, free_port, serving
from bench.errors import BenchError, ServerFailed
from bench.measure import Bench, Events
from bench.processes import Child

_STOP_LIMIT_S = 30.0  # Heroku's R12: then SIGKILL
_ROUTER_START_S = 20.0


@dataclass(frozen=True, slots=True)
class Router:
    """A running stand-in router. ``counts`` is written when it ends."""

    child: Child
    url: str
    dynos: Path
    counts: Path

    def send_to(self, *running: Running) -> None:
        """From now on these dynos, and no other, get new requests."""
        self.dynos.write_text("\n".join(str(Target.parse(each.url).port) for each in running), "ascii")
        self.child.signal(signal.SIGHUP)


@contextmanager
def routing(folder: Path, cores: frozenset[int]) -> Iterator[Router]:
    """A router with no dyno yet, on the generator's cores. Raises ServerFailed where it does not start."""
    port, dynos, counts = free_port(), folder / "router.dynos", folder / "router.json"
    dynos.write_text("", "ascii")
    command = [
        sys.executable,
        "-m",
        "bench.router",
        "--port",
        str(port),
        "--dynos",
        str(dynos),
        "--counts",
        str(counts),
    ]
    with Child(command, folder / "router.log", clean_environment(), cores) as child:
        url = f"http://127.0.0.1:{port}"
        _await_port(child, url)
        yield Router(child, url, dynos, counts)


def deploy(bench: Bench, contender: Contender, dynos: Dynos | None, phase: Phase) -> None:
    """A third into the phase the old dyno gets SIGTERM and a new one starts, as on Heroku without preboot."""
    bench.say(f"deploy: {contender.name} at {phase.rate:,.0f}/s")
    with ExitStack() as stack:
        old = stack.enter_context(_one(bench, contender, dynos, "old"))
        router = stack.enter_context(routing(bench.folder, bench.generator.cores.generator))
        router.send_to(old)
        going = _child(old)

        def replace(events: Events) -> None:
            time.sleep(bench.warm_up_s + phase.seconds / 3)
            events.append((time.perf_counter(), "restart"))
            router.send_to()
            going.signal(signal.SIGTERM)
            new = stack.enter_context(_one(bench, contender, dynos, "new"))
            router.send_to(new)
            events.append((time.perf_counter(), "new dyno up"))
            if going.wait(_STOP_LIMIT_S) is None:
                events.append((time.perf_counter(), "R12: old dyno killed"))

        turn = bench.drive(old, router.url, "deploy", [phase], replace)
        bench.results.turns.append(turn)
        router.child.stop()
        _note_codes(bench, contender.name, json.loads(router.counts.read_text("ascii")))


@contextmanager
def _one(bench: Bench, contender: Contender, dynos: Dynos | None, name: str) -> Iterator[Running]:
    with ExitStack() as stack:
        dyno = None if dynos is None else stack.enter_context(dynos(f"{contender.name}-{name}"))
        yield stack.enter_context(serving(contender, bench.cases[0], bench.folder, bench.generator.cores.server, dyno))


def _child(running: Running) -> Child:
    if running.child is None:
        raise BenchError("only a server that the suite has started can be deployed anew")
    return running.child


def _note_codes(bench: Bench, name: str, counts: dict[str, int]) -> None:
    said = ", ".join(f"{code} {number}" for code, number in sorted(counts.items()))
    bench.results.notes.append(f"router, deploy of {name}: {said or 'no H-code'}")


def _await_port(child: Child, url: str) -> None:
    """Until the router accepts; it answers nothing while it has no dyno."""
    deadline = time.monotonic() + _ROUTER_START_S
    while time.monotonic() < deadline and child.status() is None:
        with Connection(Target.parse(url), timeout_s=1.0) as connection:
            try:
                connection.open()
            except OSError:
                time.sleep(0.02)
                continue
        return
    raise ServerFailed("the stand-in router did not start.", child.log_tail())
