"""Owns one run from start to record: folder, cases, systems, turns, report. Knows nothing of the command line.

A run that is interrupted keeps what it has measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from bench.baselines.serving import Running, all_serving
from bench.baselines.systems import System
from bench.dyno import router
from bench.errors import BenchError
from bench.load.generator import Generator
from bench.load.models import Rows, rows_for, rows_in
from bench.machine.processes import available, pin, split
from bench.record import results
from bench.record.results import OURS, Results
from bench.report import page
from bench.turns.bench import Bench, Progress, steady_rounds
from bench.turns.climb import climb
from bench.turns.scenarios import RunOptions, Scenario

HOST_LADDER = (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


def open_bench(parent: Path, settings: dict[str, object], command: str, say: Progress, server_cores: int = 1) -> Bench:
    """A bench with a folder of its own and no cases yet; some scenarios bring their own."""
    generator = Generator(split(available(), server_cores))
    pin(os.getpid(), generator.cores.generator)  # what looks at memory shall not take the server's time
    record = results.new(command, settings)
    record.notes.append(generator.cores.said)
    if len(generator.cores.server) < server_cores:
        few = f"this machine has too few cores to serve on {server_cores} and generate on another"
        record.notes.append(few)
    return Bench(record, results.new_folder(parent), generator, say)


def rows_of(model: str, data: Path | None) -> Rows:
    """The rows to ask about."""
    return rows_for(model) if data is None else rows_in(data)


def run(bench: Bench, systems: Sequence[System], scenarios: Iterable[Scenario], options: RunOptions) -> None:
    """Start the systems, take them through the scenarios, and write what was measured."""
    with keeping(bench), ExitStack() as at_end:
        placement, golden = options.placement, bench.cases[0]
        with all_serving(systems, golden, bench.folder, bench.generator.cores, placement) as running:
            at_end.callback(_count_codes, bench.results, running)
            bench.results.start_s.update({each.system.name: each.start_s for each in running})
            _note_place(bench.results, running[0])
            for scenario in scenarios:
                scenario(bench, running, options)


def run_at_host(bench: Bench, running: Running, options: RunOptions, most: float, *, owned: bool) -> None:
    """One steady turn and a climb that does not exceed ``most`` requests/s, at a server that others run."""
    theirs = replace(bench, generator=replace(bench.generator, owned=owned))
    bench.results.settings["url"] = running.url
    bench.results.start_s[running.system.name] = running.start_s
    ladder = [rate for rate in HOST_LADDER if rate <= most]
    with keeping(bench):
        steady_rounds(theirs, [running], options.rate, options.seconds, rounds=1)
        climb(theirs, [running], ladder, seconds=options.seconds / 2, goal_ms=options.goal_ms)


@contextmanager
def keeping(bench: Bench) -> Iterator[None]:
    """Whatever happens in the block, what was measured is written, and the report drawn."""
    try:
        yield
    except KeyboardInterrupt:
        bench.results.interrupted = True
    finally:
        bench.say("writing the report")
        bench.results.write(bench.folder)
        page.write(bench.results, bench.folder)


def newest(parent: Path) -> Path:
    """The newest run below ``parent`` that climbed to a knee of dynonnx. Raises BenchError where there is none."""
    for file in sorted(parent.glob("*/results.json"), reverse=True):
        with suppress(BenchError):  # one of an older format
            if results.read(file).knee_of(OURS) is not None:
                return file
    raise BenchError(f"no run with the steps scenario in {parent}: `python -m bench run` makes one")


def _count_codes(record: Results, systems: Sequence[Running]) -> None:
    """What Heroku would have logged, once dynos and routers have ended."""
    for running in systems:
        for dyno in running.all_dynos:
            record.count(running.system.name, dyno.codes)
        if running.router is not None:
            record.count(running.system.name, running.router.codes())


def _note_place(record: Results, running: Running) -> None:
    if running.router is not None:
        record.notes.append(router.SAID)
        record.settings |= {"router": True, "dynos": len(running.all_dynos)}
    if (dyno := running.dyno) is not None:
        record.notes.extend(dyno.said)
        if not dyno.group.missing:  # else the figures are not those of such a dyno, and the verdict must not say so
            record.settings |= {"size": dyno.size.name, "cores": dyno.cores, "memory_mib": dyno.size.memory_mib}
