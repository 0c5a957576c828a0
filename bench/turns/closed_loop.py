"""Owns closed-loop load: a server under wrk for a while, or several at once; some answers checked meanwhile."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bench.baselines.serving import Running
from bench.baselines.systems import System
from bench.errors import ServerFailed
from bench.load import wrk
from bench.load.cases import Case
from bench.load.client import Address, BrokenAnswer, Connection
from bench.machine.watch import cpu_seconds, idle_s
from bench.record.results import PEAK, Peak
from bench.turns.bench import Bench, batch_rows, runs_of

CHECKS = 12  # answers that are compared with the right ones in a turn


class Pairing(NamedTuple):
    """A system and the requests it gets, under the name that the table shows."""

    name: str
    system: System
    cases: Sequence[Case]


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
    script = bench.folder / f"{scenario}-{name.replace('/', '')}.lua"
    if not script.exists():
        wrk.write_script(cases, script)
    child, cores = running.child, bench.generator.cores
    before, cpu, idle, began = runs_of(running), cpu_seconds(child.pid), idle_s(cores.server), time.monotonic()
    with Connection(address := Address.parse(running.url)) as connection:
        checks = Checks(cases, address, connection)
        checks.ask()
        counters = wrk.run(script, running.url, connections, cores.generator, lambda: checks.spread(seconds))
        spent = None if cpu is None else (cpu_seconds(child.pid) or 0.0) - cpu
        rested, lasted = (idle_s(cores.server) or 0.0) - (idle or 0.0), time.monotonic() - began
        connection.close()
        checks.ask()  # on a connection accepted after all that wrk left behind, so that the next turn is alone
    after = runs_of(running)
    if child.status() is not None:
        raise ServerFailed(f"{running.system.name} died under load.", child.log_tail())
    beside = bool(cores.server & cores.generator)  # then the load is among what ran there
    taken = None if idle is None or beside else lasted * len(cores.server) - rested
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


def side_by_side(
    bench: Bench,
    running: Mapping[str, Running],
    scenario: str,
    cases: Sequence[Case],
    connections: int,
    seconds: float,
    number: int,
) -> None:
    """One turn of several servers by name, all at once on one core: what disturbs one meets each.

    Of such turns processor time counts; the rates are what the kernel's scheduler gives. Raises as `closed_loop` does.
    """
    with ThreadPoolExecutor(len(running)) as pool:
        turns = [
            pool.submit(closed_loop, bench, each, scenario, name, cases, connections, seconds, number)
            for name, each in running.items()
        ]
    peaks = bench.results.peaks
    for turn in turns:
        peak = turn.result()
        peaks[peaks.index(peak)] = replace(peak, others=None)  # they were each other's


@dataclass(slots=True)
class Checks:
    """Asks on a connection of its own now and then and compares the answers.

    It asks first before there is load: libuv accepts one connection a turn of its loop, a long wait at a busy server.
    """

    cases: Sequence[Case]
    address: Address
    connection: Connection
    asked: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def spread(self, seconds: float) -> None:
        """Ask ``CHECKS`` times over ``seconds``, less often where answers are slow."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, seconds / CHECKS))
            self.ask()

    def ask(self) -> None:
        """One request more, checked."""
        case = self.cases[self.asked * 7 % len(self.cases)]
        self.asked += 1
        try:
            answer = self.connection.exchange(
                self.address.request("POST", case.path, case.body, (*case.headers.items(),))
            )
            fault = case.fault(answer.status, answer.body)
        except (OSError, BrokenAnswer) as error:
            fault = f"{type(error).__name__}: {error}"
        if fault is not None:
            self.faults[fault] += 1
