"""Owns one turn of open-loop load on a system, and rounds of turns. Knows nothing of how load is made."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from bench.baselines.serving import Running
from bench.dyno.router import Router
from bench.load.cases import Case, load_model, make_cases, write_cases
from bench.load.client import Address, BrokenAnswer, Connection
from bench.load.generator import Generator, Phase, seconds_of, send
from bench.load.models import EXAMPLES, Rows, rows_for
from bench.load.samples import Samples
from bench.machine.watch import Usage, watching
from bench.record.figures import Figures, machine_limit, over, series
from bench.record.results import DIRECT, ROUTED, Results, Turn

_LOCUST_START_S = 1.5
_LINE = re.compile(rb"^(nv_inference_count|nv_inference_exec_count)(?:\{[^}]*\})? ([0-9.e+]+)", re.MULTILINE)


class Progress(Protocol):
    """Tells of progress: a line, and how many seconds the step will take, 0 where nobody knows."""

    def __call__(self, line: str, seconds: float = 0.0) -> None: ...


Events = list[tuple[float, str]]  # the moment on the monotonic clock, and what happened


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
        return self._asking(make_cases(self.model, enough, rows_each=rows_each), f"cases-{rows_each}.json")

    def with_all_models(self) -> Bench:
        """The same bench asking all example models in turn, by their own routes."""
        by_model = [
            make_cases(load_model(self.pickles / f"{name}.pkl"), rows_for(name)[:50], f"/models/{name}/predict")
            for name in EXAMPLES
        ]
        return self._asking([case for cases in zip(*by_model, strict=True) for case in cases], "cases-models.json")

    def with_version(self, version: str, model: Any) -> Bench:
        """The same bench, which also takes ``model``'s answers from whoever says it is ``version``."""
        pairs = zip(self.cases, make_cases(model, self.rows), strict=True)
        cases = [replace(case, versions={version: other.expected}) for case, other in pairs]
        return self._asking(cases, "cases-swap.json")

    def _asking(self, cases: list[Case], file: str) -> Bench:
        write_cases(cases, self.folder / file)
        return replace(self, cases=cases, cases_file=self.folder / file)

    def turn(self, running: Running, scenario: str, phase: Phase, *, direct: bool = False) -> Figures:
        """Drive one system at one rate, after a warm-up at the same rate; the turn goes into the results.

        ``direct`` leaves out the router, where one stands in front.
        """
        past = ", past the router" if direct and running.router is not None else ""
        self.say(f"{scenario}: {running.system.name} at {phase.rate:,.0f}/s{past}", self.seconds_of([phase]))
        return self.drive(running, running.url if direct else running.door, scenario, [phase]).figures

    def seconds_of(self, phases: Sequence[Phase]) -> float:
        """How long a turn of these phases takes: Locust's start, the warm-up, the phases."""
        return _LOCUST_START_S + self.warm_up_s + seconds_of(phases)

    def drive(
        self,
        running: Running,
        url: str,
        scenario: str,
        phases: Sequence[Phase],
        meanwhile: Callable[[Events], None] | None = None,
    ) -> Turn:
        """Send the phases to ``url`` as one turn, after a warm-up. ``meanwhile`` may note events as it acts."""
        events: Events = []
        runs, throttled = _runs(running), _throttled_s(running)
        act = None if meanwhile is None else partial(meanwhile, events)
        with_warm_up = [Phase(phases[0].rate, self.warm_up_s), *phases]
        router = running.router if url != running.url else None
        with _watching(running, router, self.generator) as usage:
            samples = send(url, self.cases_file, with_warm_up, self.folder, self.generator, act)
        begin, seconds = samples.started + self.warm_up_s, seconds_of(phases)
        figures = over(samples, begin, phases)
        if figures.limit is None:
            figures = replace(figures, limit=_limit(samples, usage, self.generator, begin, begin + seconds))
        turn = Turn(
            scenario,
            running.system.name,
            figures,
            series(samples, begin, seconds),
            memory_mb=max(usage.pss_mb, default=None),
            memory_over_s=[(at - begin, pss) for at, pss in zip(usage.at, usage.pss_mb, strict=True)],
            cpu_part=usage.gained(usage.cpu_s, begin, begin + seconds),
            batch_rows=batch_rows(runs, _runs(running)),
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


def runs_of(url: str) -> tuple[float, float] | None:
    """Rows predicted and runs of the model since the start, over all models; None where the server does not tell."""
    address = Address.parse(url)
    try:
        with Connection(address, timeout_s=5.0) as connection:
            answer = connection.exchange(address.request("GET", "/metrics"))
    except (OSError, BrokenAnswer):
        return None
    return read_metrics(answer.body) if answer.status == 200 else None


def read_metrics(text: bytes) -> tuple[float, float] | None:
    """The two totals in a Prometheus text; None where either is missing."""
    totals: dict[bytes, float] = {}
    for name, value in _LINE.findall(text):
        totals[name] = totals.get(name, 0.0) + float(value)
    if len(totals) < 2:
        return None
    return totals[b"nv_inference_count"], totals[b"nv_inference_exec_count"]


def batch_rows(before: tuple[float, float] | None, after: tuple[float, float] | None) -> float | None:
    """Mean rows of a run between two looks; None where either is missing or nothing ran."""
    if before is None or after is None or after[1] <= before[1]:
        return None
    return (after[0] - before[0]) / (after[1] - before[1])


@contextmanager
def _watching(running: Running, router: Router | None, generator: Generator) -> Iterator[Usage]:
    """What the dynos, the router and the cores do meanwhile; stays empty for a server that others run."""
    pids = [dyno.child.pid for dyno in running.all_dynos if dyno.server is not None]
    if not pids:
        yield Usage()
        return
    with watching(pids, None if router is None else router.child.pid, generator.cores) as usage:
        yield usage


def _limit(samples: Samples, usage: Usage, generator: Generator, begin: float, end: float) -> str | None:
    """Whether the machine, and not the server, set the limit between two moments."""
    cores = generator.cores
    idle, server_idle = usage.gained(usage.generator_idle_s, begin, end), usage.gained(usage.server_idle_s, begin, end)
    served = usage.gained(usage.cpu_s, begin, end)
    full = others = None
    if idle is not None:
        spun = sum(log.spun_part(begin, end) for log in samples.generators)
        full = 1.0 - (idle + spun) / len(cores.generator)
    if server_idle is not None and served is not None:
        others = 1.0 - (server_idle + served) / len(cores.server)
    waited = usage.gained(usage.router_waited_s, begin, end)
    return machine_limit(full, others, usage.gained(usage.router_s, begin, end), waited)


def _runs(running: Running) -> tuple[float, float] | None:
    """Rows and runs over all dynos of a system; None where one does not tell."""
    by_dyno = [runs_of(dyno.url) for dyno in running.all_dynos]
    told = [runs for runs in by_dyno if runs is not None]
    return (sum(rows for rows, _ in told), sum(runs for _, runs in told)) if len(told) == len(by_dyno) else None


def _throttled_s(running: Running) -> float | None:
    """How long the quotas of all dynos have held them back so far; None where the kernel does not count."""
    by_dyno = [replica.dyno.group.readings().throttled_s for replica in running.all_dynos if replica.dyno is not None]
    told = [seconds for seconds in by_dyno if seconds is not None]
    return sum(told) if told else None
