"""Owns one turn of open-loop load on a system, and rounds of turns. Knows nothing of how load is made."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bench.baselines.serving import Running
from bench.baselines.systems import BASELINES
from bench.load.cases import Case, load_model, make_cases, write_cases
from bench.load.client import Address, BrokenAnswer, Connection
from bench.load.generator import Generator, Phase, seconds_of, send
from bench.load.models import EXAMPLES, Rows, rows_for
from bench.load.samples import Samples
from bench.machine.processes import Cores
from bench.machine.watch import Usage, watching
from bench.record.figures import Figures, machine_limit, over, series
from bench.record.results import DIRECT, ROUTED, Results, Turn

_LOCUST_START_S = 1.5
_TOTALS = [rb"(?m)^%b(?:\{[^}]*\})? ([0-9.e+]+)" % name for name in (b"nv_inference_count", b"nv_inference_exec_count")]


class Progress(Protocol):
    """Tells of progress: a line, and how many seconds the step will take, 0 where nobody knows."""

    def __call__(self, line: str, seconds: float = 0.0) -> None: ...


Note = Callable[[str], None]  # marks the moment at which something happens in a turn


@dataclass(frozen=True, slots=True)
class Bench:
    """What every scenario needs. ``cases_file`` holds ``cases`` for the generator; ``say`` tells of progress."""

    results: Results
    folder: Path
    generator: Generator
    say: Progress
    cases: list[Case] = field(default_factory=list)
    cases_file: Path = Path()
    pickles: Path = Path()
    model: Any = None
    rows: Rows = field(default_factory=list)
    warm_up_s: float = 1.0

    def with_rows(self, rows_each: int) -> Bench:
        """The same bench asking with ``rows_each`` rows in a request."""
        enough = self.rows * (3 * rows_each // len(self.rows) + 1)
        return self.asking(make_cases(self.model, enough, rows_each=rows_each), f"cases-{rows_each}.json")

    def with_all_models(self) -> Bench:
        """The same bench asking all example models in turn, by their own routes."""
        by_model = [
            make_cases(load_model(self.pickles / f"{name}.pkl"), rows_for(name)[:50], f"/models/{name}/predict")
            for name in EXAMPLES
        ]
        return self.asking([case for cases in zip(*by_model, strict=True) for case in cases], "cases-models.json")

    def with_version(self, version: str, model: Any) -> Bench:
        """The same bench, which also takes ``model``'s answers from whoever says it is ``version``."""
        pairs = zip(self.cases, make_cases(model, self.rows), strict=True)
        cases = [replace(case, versions={version: other.expected}) for case, other in pairs]
        return self.asking(cases, "cases-swap.json")

    def asking(self, cases: list[Case], file: str) -> Bench:
        """The same bench with these cases, written to ``file`` in its folder for the generator."""
        write_cases(cases, self.folder / file)
        return replace(self, cases=cases, cases_file=self.folder / file)

    def turn(self, running: Running, scenario: str, phase: Phase, *, direct: bool = False) -> Figures:
        """Drive one system at one rate, after a warm-up at the same rate; the turn goes into the results.

        ``direct`` leaves out the router, where one stands in front.
        """
        past = ", past the router" if direct and running.router is not None else ""
        self.say(f"{scenario}: {running.system.name} at {phase.rate:,.0f}/s{past}", self.seconds_of([phase]))
        return self.drive(running, running.url if direct else running.asked_url, scenario, [phase]).figures

    def seconds_of(self, phases: Sequence[Phase]) -> float:
        """How long a turn of these phases takes: Locust's start, the warm-up, the phases."""
        return _LOCUST_START_S + self.warm_up_s + seconds_of(phases)

    def drive(
        self,
        running: Running,
        url: str,
        scenario: str,
        phases: Sequence[Phase],
        meanwhile: Callable[[Note], None] | None = None,
    ) -> Turn:
        """Send the phases to ``url`` as one turn, after a warm-up. ``meanwhile`` may note what it does."""
        events: list[tuple[float, str]] = []

        def note(what: str) -> None:
            events.append((time.perf_counter(), what))

        runs, throttled = runs_of(running), _throttled_s(running)
        act = None if meanwhile is None else partial(meanwhile, note)
        with_warm_up = [Phase(phases[0].rate, self.warm_up_s), *phases]
        router = running.router.child.pid if running.router is not None and url != running.url else None
        cores = self.generator.cores
        is_ours = running.server is not None  # else others run it

        def pids() -> list[int]:
            return [dyno.child.pid for dyno in running.all_dynos]

        with watching(pids, router, cores) if is_ours else nullcontext(Usage()) as usage:
            samples = send(url, self.cases_file, with_warm_up, self.folder, self.generator, act)
        begin, seconds = samples.started + self.warm_up_s, seconds_of(phases)
        figures = over(samples, begin, phases)
        if figures.limit is None:
            figures = replace(figures, limit=_limit(samples, usage, cores, begin, begin + seconds))
        turn = Turn(
            scenario,
            running.system.name,
            figures,
            series(samples, begin, seconds),
            memory_mb=max(usage.pss_mb, default=None),
            memory_over_s=[(at - begin, pss) for at, pss in zip(usage.at, usage.pss_mb, strict=True)],
            cpu_part=usage.gained(usage.cpu_s, begin, begin + seconds),
            batch_rows=batch_rows(runs, runs_of(running)),
            throttled_s=None if throttled is None else (_throttled_s(running) or 0.0) - throttled,
            way=DIRECT if url == running.url else ROUTED,
            events=[(at - begin, what) for at, what in events],
        )
        self.results.turns.append(turn)
        return turn


def steady_rounds(bench: Bench, systems: Sequence[Running], rate: float, seconds: float, rounds: int) -> None:
    """The same rate for everyone, in rounds, so that a noisy moment of the machine hits all alike."""
    for _ in range(rounds):
        for running in systems:
            bench.turn(running, "steady", Phase(rate, seconds))


def runs_of(running: Running) -> tuple[float, float] | None:
    """Rows predicted and runs of the model since the start, over all dynos and models; None where one does not tell."""
    if running.system.name in BASELINES:
        return None  # they have no such page
    texts = []
    for dyno in running.all_dynos:
        address = Address.parse(dyno.url)
        try:
            with Connection(address, timeout_s=5.0) as connection:
                answer = connection.exchange(address.request("GET", "/metrics"))
        except (OSError, BrokenAnswer):
            return None
        if answer.status != 200 or read_metrics(answer.body) is None:
            return None
        texts.append(answer.body)
    return read_metrics(b"\n".join(texts))


def read_metrics(text: bytes) -> tuple[float, float] | None:
    """The two totals in a Prometheus text, 0 where nobody has asked yet; None where it does not tell them."""
    rows, runs = ([float(value) for value in re.findall(total, text)] for total in _TOTALS)
    return (sum(rows), sum(runs)) if (rows and runs) or b"# TYPE nv_inference_exec_count " in text else None


def batch_rows(before: tuple[float, float] | None, after: tuple[float, float] | None) -> float | None:
    """Mean rows of a run between two looks; None where either is missing or nothing ran."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


def _limit(samples: Samples, usage: Usage, cores: Cores, begin: float, end: float) -> str | None:
    """Whether the machine, and not the server, set the limit between two moments."""

    def used(group: frozenset[int], idle_s: Sequence[float], other: float | None) -> float | None:
        """The part of some cores that was neither idle nor used by what is told apart; None where not known."""
        idle = usage.gained(idle_s, begin, end)
        return None if idle is None or other is None else 1.0 - (idle + other) / len(group)

    spun = sum(log.spun_part(begin, end) for log in samples.generators)
    return machine_limit(
        full=used(cores.generator, usage.generator_idle_s, spun),
        others=used(cores.server, usage.server_idle_s, usage.gained(usage.cpu_s, begin, end)),
        router=usage.gained(usage.router_s, begin, end),
        waited=usage.gained(usage.router_waited_s, begin, end),
    )


def _throttled_s(running: Running) -> float | None:
    """How long the quotas of all dynos have held them back so far; None where the kernel does not count."""
    by_dyno = [replica.dyno.group.readings().throttled_s for replica in running.all_dynos if replica.dyno is not None]
    told = [seconds for seconds in by_dyno if seconds is not None]
    return sum(told) if told else None
