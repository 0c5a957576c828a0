"""Owns one run from start to record: folder, cases, systems, turns. Knows nothing of the command line.

A run that is interrupted keeps what it has measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.baselines.systems import Running, System, all_serving
from bench.dyno import routing
from bench.dyno.dyno import Dyno
from bench.errors import BenchError
from bench.load.cases import load_model, make_cases, write_cases
from bench.load.generator import Generator
from bench.load.rows import Rows, rows_for, rows_in
from bench.machine import cores
from bench.record import results
from bench.record.findings import OURS
from bench.record.results import Results
from bench.report import page as report
from bench.turns import bench as measure
from bench.turns.bench import Bench, Say
from bench.turns.climb import climb
from bench.turns.scenarios import Plan, Scenario

HOST_LADDER = (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


@dataclass(frozen=True, slots=True)
class Subject:
    """Which model is asked for, and where things are. ``data`` is a CSV file of rows, None for the example's own."""

    model: str
    pickles: Path
    models: Path
    results: Path
    data: Path | None = None


def open_bench(subject: Subject, scenarios: Iterable[str], plan: Plan, command: str, say: Say) -> Bench:
    """A bench with a folder of its own and the right answers at hand."""
    generator = Generator(cores.split(cores.available(), plan.server_cores))
    cores.pin(os.getpid(), generator.cores.generator)  # what looks at memory shall not take the server's time
    settings = {
        "model": subject.model,
        "scenarios": list(scenarios),
        "goal_ms": plan.goal_ms,
        "connections": generator.connections,
    }
    record = results.new(command, settings)
    record.notes.append(generator.cores.said)
    if len(generator.cores.server) < plan.server_cores:
        record.notes.append(f"this machine has too few cores to serve on {plan.server_cores} and generate on another")
    model, rows = load_model(subject.pickles / f"{subject.model}.pkl"), rows_of(subject.model, subject.data)
    made, folder = make_cases(model, rows), results.new_folder(subject.results)
    write_cases(made, folder / "cases.json")
    return Bench(record, folder, made, folder / "cases.json", generator, say, subject.pickles, model, rows)


def rows_of(model: str, data: Path | None) -> Rows:
    """The rows to ask about."""
    return rows_for(model) if data is None else rows_in(data)


def take(bench: Bench, chosen: Sequence[System], scenarios: Iterable[Scenario], plan: Plan) -> None:
    """Start the systems, take them through the scenarios, and write what was measured."""

    every: list[Running] = []

    def turns() -> None:
        with all_serving(chosen, bench.cases[0], bench.folder, bench.generator.cores, plan.where) as running:
            every.extend(running)
            bench.results.start_s.update({each.system.name: each.start_s for each in running})
            _note_place(bench.results, running[0])
            for scenario in scenarios:
                scenario(bench, running, plan)

    _keeping(bench, turns, every)


def take_host(bench: Bench, running: Running, plan: Plan, most: float, *, owned: bool) -> None:
    """One steady turn and a climb that does not exceed ``most`` requests/s, at a server that others run."""
    theirs = replace(bench, generator=replace(bench.generator, owned=owned))
    bench.results.settings["url"] = running.url
    bench.results.start_s[running.system.name] = running.start_s
    ladder = [rate for rate in HOST_LADDER if rate <= most]

    def turns() -> None:
        measure.steady(theirs, [running], plan.rate, plan.seconds, rounds=1)
        climb(theirs, [running], ladder, seconds=plan.seconds / 2, goal_ms=plan.goal_ms)

    _keeping(bench, turns)


def newest(parent: Path) -> Path:
    """The newest run below ``parent`` that climbed to a knee of dynonnx. Raises BenchError where there is none."""
    for file in sorted(parent.glob("*/results.json"), reverse=True):
        if any(knee.system == OURS for knee in results.read(file).knees):
            return file
    raise BenchError(f"no run with the steps scenario in {parent}: `python -m bench run` makes one")


def _keeping(bench: Bench, turns: Callable[[], None], every: Sequence[Running] = ()) -> None:
    try:
        turns()
    except KeyboardInterrupt:
        bench.results.interrupted = True
    finally:
        bench.say("writing the report")
        for each in every:
            _count_codes(bench.results, each)
        bench.results.write(bench.folder)
        report.write(bench.results, bench.folder)


def _count_codes(record: Results, running: Running) -> None:
    """What Heroku would have logged, once dynos and router have ended."""
    for dyno in running.all_dynos:
        record.count(running.system.name, dyno.codes)
    if running.router is not None:
        record.count(running.system.name, running.router.read())


def _note_place(record: Results, running: Running) -> None:
    if running.router is not None:
        record.notes.append(routing.said())
        record.settings |= {"router": True, "dynos": len(running.all_dynos)}
    if running.dyno is not None:
        _note_dyno(record, running.dyno)


def _note_dyno(record: Results, used: Dyno) -> None:
    if not used.group.missing:  # otherwise the figures are not those of such a dyno, and the verdict must not say so
        record.settings |= {"size": used.size.name, "cores": used.cores, "memory_mib": used.size.memory_mib}
    record.notes.extend(used.said)
