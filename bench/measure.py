"""Owns the order of turns: steady rounds, climbs to the knee, peaks, interleaved. Knows nothing of how load is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from bench import scrape, wrk
from bench.arrivals import Phase, seconds_of
from bench.cases import Case, load_model, make_cases, write_cases
from bench.cgroup import Readings
from bench.contenders import Running
from bench.figures import Figures, over, series
from bench.load import Generator, drive
from bench.results import Knee, Results, Turn
from bench.rows import ROWS, Rows, rows_for
from bench.watch import Usage, Watch

Say = Callable[[str], None]
Events = list[tuple[float, str]]  # the moment on the monotonic clock, and what happened
Turns = Callable[["Bench", Sequence[Running]], None]

HELD_PART = 0.97  # of the asked rate, answered rightly while it was asked


@dataclass(frozen=True, slots=True)
class Bench:
    """What every scenario needs. ``cases_file`` holds ``cases`` for the generator; ``say`` tells of progress."""

    results: Results
    folder: Path
    cases: list[Case]
    cases_file: Path
    generator: Generator
    say: Say
    pickles: Path
    model: Any
    rows: Rows
    warm_up_s: float = 1.0

    def make_cases(self, rows_each: int) -> Bench:
        """The same bench asking with ``rows_each`` rows in a request."""
        enough = self.rows * (3 * rows_each // len(self.rows) + 1)
        made = make_cases(self.model, enough, rows_each=rows_each)
        return self._asking(made, f"cases-{rows_each}.json")

    def make_model_cases(self) -> Bench:
        """The same bench asking all example models in turn, by their own routes."""
        each = [
            make_cases(load_model(self.pickles / f"{name}.pkl"), rows_for(name)[:50], f"/models/{name}/predict")
            for name in ROWS
        ]
        return self._asking([case for four in zip(*each, strict=True) for case in four], "cases-models.json")

    def _asking(self, cases: list[Case], file: str) -> Bench:
        write_cases(cases, self.folder / file)
        return replace(self, cases=cases, cases_file=self.folder / file)

    def turn(self, running: Running, scenario: str, phase: Phase) -> Figures:
        """Drive one contender at one rate, after a warm-up at the same rate; the figures also go into the results."""
        self.say(f"{scenario}: {running.contender.name} at {phase.rate:,.0f}/s")
        turn = self.drive(running, running.url, scenario, [phase])
        self.results.turns.append(turn)
        return turn.figures

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
        runs, readings = scrape.runs(running.url), _readings(running)
        act = None if meanwhile is None else partial(meanwhile, events)
        every = [Phase(phases[0].rate, self.warm_up_s), *phases]
        with _watching(running) as usage:
            samples = drive(url, self.cases_file, every, self.folder, self.generator, act)
        begin, seconds = samples.started + self.warm_up_s, seconds_of(phases)
        return Turn(
            scenario,
            running.contender.name,
            over(samples, begin, phases),
            series(samples, begin, seconds),
            memory_mb=usage.peak_mb,
            memory_over_s=[(at - begin, pss) for at, pss in zip(usage.at, usage.pss_mb, strict=True)],
            cpu_part=usage.cpu_part(begin, begin + seconds),
            batch_rows=scrape.batch_rows(runs, scrape.runs(running.url)),
            throttled_s=_throttled_s(readings, _readings(running)),
            events=[(at - begin, what) for at, what in events],
        )


def steady(bench: Bench, running: Sequence[Running], rate: float, seconds: float, rounds: int) -> None:
    """The same rate for everyone, in rounds, so that a noisy moment of the machine hits all alike."""
    for _ in range(rounds):
        for each in running:
            bench.turn(each, "steady", Phase(rate, seconds))


def climb(
    bench: Bench,
    running: Sequence[Running],
    ladder: Sequence[float],
    seconds: float,
    goal_ms: float,
    halvings: int = 1,
) -> None:
    """Raise the rate step by step until a contender no longer holds it; then close in between the last two rates.

    A rate that is lost by its p99 alone is tried twice: a single pause of the machine would end the climb for good.
    """
    held = _held_steadily(bench.results, goal_ms)
    lost: dict[str, tuple[float, Figures]] = {}
    for rate in ladder:
        for each in running:
            if each.contender.name not in lost:
                _step(bench, each, Phase(rate, seconds), goal_ms, held, lost)
    for _ in range(halvings):
        for each in running:
            high = lost.get(each.contender.name)
            if high is not None:
                rate = _between(held.get(each.contender.name), high[0])
                _step(bench, each, Phase(rate, seconds), goal_ms, held, lost)
    for each in running:
        bench.results.knees.append(_knee(each.contender.name, held, lost, goal_ms))


def _between(low: float | None, high: float) -> float:
    """The rate as many times above ``low`` as below ``high``, in whole tens; half of ``high`` without ``low``."""
    return max(10.0, round(high / 2 if low is None else float((low * high) ** 0.5), -1))


def peaks(bench: Bench, running: Sequence[Running], seconds: int = 4) -> None:
    """How many requests per second busy connections get, by wrk; says so where wrk is not installed."""
    if wrk.found() is None:
        bench.results.notes.append("wrk is not installed: peak rates beyond the generator's are not measured")
        return
    for each in running:
        bench.say(f"peak: {each.contender.name} by wrk")
        rate = wrk.peak(
            each.url, bench.cases, bench.folder, bench.generator.cores, seconds, bench.generator.connections
        )
        bench.results.peaks[each.contender.name] = rate


def why_lost(figures: Figures, goal_ms: float) -> str | None:
    """Why a rate was not held, in a few words; None when it was."""
    if figures.failed:
        name, number = max(figures.errors.items(), key=lambda error: error[1])
        return f"{figures.failed} of {figures.requests} failed, most often: {name} ({number})"
    if figures.rate < HELD_PART * figures.requests / figures.seconds:
        return f"answered only {figures.rate:,.0f}/s"
    if figures.p99_ms is None or figures.p99_ms > goal_ms:
        return f"p99 {figures.p99_ms or float('inf'):,.0f} ms"
    return None


@contextmanager
def _watching(running: Running) -> Iterator[Usage]:
    """What the server uses meanwhile; stays empty for a server that others run."""
    if running.child is None:
        yield Usage()
        return
    with Watch(running.child.pid) as watch:
        yield watch.usage


def _readings(running: Running) -> Readings:
    return Readings() if running.dyno is None else running.dyno.readings()


def _throttled_s(before: Readings, after: Readings) -> float | None:
    if before.throttled_s is None or after.throttled_s is None:
        return None
    return after.throttled_s - before.throttled_s


def _held_steadily(results: Results, goal_ms: float) -> dict[str, float]:
    """The rates that the steady turns have already shown to be held, by contender."""
    turns = [turn for turn in results.turns if turn.scenario == "steady"]
    missed = {turn.contender for turn in turns if why_lost(turn.figures, goal_ms) is not None}
    return {turn.contender: turn.figures.asked_rate for turn in turns if turn.contender not in missed}


def _step(
    bench: Bench,
    running: Running,
    phase: Phase,
    goal_ms: float,
    held: dict[str, float],
    lost: dict[str, tuple[float, Figures]],
) -> None:
    figures = bench.turn(running, "steps", phase)
    if _only_late(figures, goal_ms):
        figures = bench.turn(running, "steps", phase)
    if why_lost(figures, goal_ms) is None:
        held[running.contender.name] = phase.rate
    else:
        lost[running.contender.name] = (phase.rate, figures)


def _only_late(figures: Figures, goal_ms: float) -> bool:
    """Whether everything was answered rightly and in time but for p99: one pause of the machine does that too."""
    within = replace(figures, p99_ms=None if figures.p99_ms is None else min(figures.p99_ms, goal_ms))
    return why_lost(figures, goal_ms) is not None and why_lost(within, goal_ms) is None


def _knee(name: str, held: dict[str, float], lost: dict[str, tuple[float, Figures]], goal_ms: float) -> Knee:
    if name not in lost:
        return Knee(name, held.get(name), None, "the highest rate that was tried", generator_bound=True)
    rate, figures = lost[name]
    if figures.limit is not None:
        return Knee(name, held.get(name), rate, figures.limit, generator_bound=True)
    return Knee(name, held.get(name), rate, why_lost(figures, goal_ms))
