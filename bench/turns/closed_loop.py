"""Owns one turn of closed-loop load: a server under wrk for a while, some answers checked meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Self

from bench.baselines.serving import Running
from bench.errors import ServerFailed
from bench.load import wrk
from bench.load.cases import Case
from bench.load.client import Address, BrokenAnswer, Connection
from bench.machine.watch import cpu_seconds, idle_s
from bench.record.results import PEAK, Peak
from bench.turns.bench import Bench, batch_rows, runs_of

CHECKS = 12  # answers that are compared with the right ones in a turn


def peaks(bench: Bench, systems: Sequence[Running], seconds: float = 4.0) -> None:
    """How many requests per second busy connections get; says so where wrk is not installed. Never by the router."""
    if wrk.executable() is None:
        bench.results.notes.append(wrk.MISSING)
        return
    if any(running.replicas for running in systems):
        bench.results.notes.append("peaks are of one dyno: they do not pass the router")
    for running in systems:
        bench.say(f"peak: {running.system.name} by wrk", seconds)
        closed_loop(bench, running, PEAK, running.system.name, bench.cases, bench.generator.connections, seconds)


def closed_loop(
    bench: Bench,
    running: Running,
    scenario: str,
    name: str,
    cases: Sequence[Case],
    connections: int,
    seconds: float,
    number: int = 1,
) -> Peak:
    """Keep ``connections`` busy, as ``name``, in round ``number``; the turn goes into the results.

    Raises LoadFailed where wrk fails, ServerFailed where the server died.
    """
    script = bench.folder / f"{scenario}-{name}.lua"
    if not script.exists():
        wrk.write_script(cases, script)
    child, cores = running.child, bench.generator.cores
    before, cpu, idle, began = runs_of(running), cpu_seconds(child.pid), idle_s(cores.server), time.monotonic()
    with Checks(cases, running.url) as checks:
        counters = wrk.run(script, running.url, connections, cores.generator, lambda: checks.spread(seconds))
        spent = None if cpu is None else (cpu_seconds(child.pid) or 0.0) - cpu
        rested, lasted = (idle_s(cores.server) or 0.0) - (idle or 0.0), time.monotonic() - began
        checks.ask_anew()  # accepted after all that wrk left behind, so that the next turn is alone
    after = runs_of(running)
    if child.status() is not None:
        raise ServerFailed(f"{running.system.name} died under load.", child.log_tail())
    taken = None if idle is None else lasted * len(cores.server) - rested  # by whatever ran there
    requests, took_s = counters["requests"] + checks.asked - 1, counters["us"] / 1e6
    peak = Peak(
        scenario=scenario,
        system=name,
        connections=connections,
        round=number,
        requests=requests,
        rate=requests / took_s,
        p50_us=float(counters["p50"]),
        p99_us=float(counters["p99"]),
        cpu_us=spent / requests * 1e6 if spent is not None and requests else None,
        busy=None if spent is None else spent / took_s,
        batch_rows=batch_rows(before, after),
        others=None if taken is None or spent is None else max(0.0, taken - spent) / took_s,
        checked=checks.asked,
        faults=dict(checks.faults) | {f"wrk: {error}": counters[error] for error in wrk.ERRORS if counters[error]},
    )
    bench.results.peaks.append(peak)
    return peak


class Checks:
    """A connection of its own that asks now and then and compares the answers.

    It asks first before there is load: libuv accepts one connection a turn of its loop, a long wait at a busy server.
    """

    def __init__(self, cases: Sequence[Case], url: str) -> None:
        self._cases = cases
        self._address = Address.parse(url)
        self._connection = Connection(self._address)
        self.asked = 0
        self.faults: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.ask()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def spread(self, seconds: float) -> None:
        """Ask ``CHECKS`` times over ``seconds``, less often where answers are slow."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, seconds / CHECKS))
            self.ask()

    def ask_anew(self) -> None:
        """As `ask`, on a new connection."""
        self._connection.close()
        self.ask()

    def ask(self) -> None:
        """One request more, checked."""
        case = self._cases[self.asked * 7 % len(self._cases)]
        self.asked += 1
        try:
            answer = self._connection.exchange(self._address.request("POST", case.path, case.body))
        except (OSError, BrokenAnswer) as error:
            self.faults[f"{type(error).__name__}: {error}"] += 1
            return
        wrong = case.fault(answer.status, answer.body)
        if wrong is not None:
            self.faults[wrong] += 1
