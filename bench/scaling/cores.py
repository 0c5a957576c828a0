"""Owns ``cores``: a server with one worker a core beside one with a single worker, the load on the same cores.

So every core does the same in either: its worker's part and its part of the load. What a second core brings is told
without a third one for the load. Twice: with all that the cores give, and with a part of a core a worker, by a control
group, so that the load has time left and the workers alone set the rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product

from bench.baselines.serving import Running, serving
from bench.baselines.systems import System, dynonnx, repository_of
from bench.dyno.dyno import dyno, size_named
from bench.load import wrk
from bench.load.cases import Case
from bench.load.generator import Generator
from bench.load.models import ModelUnderTest
from bench.machine.processes import Cores
from bench.machine.shares import Parts, connections_of, gained, largest_share, processor_seconds_of
from bench.machine.watch import looking
from bench.record.results import Results, Target, middle
from bench.turns.bench import Bench
from bench.turns.closed_loop import closed_loop

WHOLE, HELD = "cores", "held"  # scenarios
SIZE = "performance-l"  # of the dyno round what is held: memory for all
MOST_SHARE, LEAST_GAIN, MOST_DEARER = 1.3, 0.9, 1.1  # of a worker's due; of the number of workers; of one alone
_LOOKS = 3  # at who holds which connections, in a turn


@dataclass(frozen=True, slots=True)
class CoresOptions:
    """What is measured: numbers of workers, connections, rounds, seconds of a turn, the part of a core when held."""

    counts: Sequence[int] = (1, 2, 4)
    connections: Sequence[int] = (8, 16, 32, 64, 128)  # doubled, so that two workers meet what one has met
    rounds: int = 3
    seconds: float = 1.0
    part: float = 0.4


@dataclass(frozen=True, slots=True)
class Shares:
    """The largest share of a worker in one turn, of connections and of processor time; 1.0 is what is its due."""

    connections: float | None
    processor: float | None


Turns = dict[tuple[str, int, int], list[Shares]]  # by scenario, workers, connections: a round each


def cores(bench: Bench, model: ModelUnderTest, options: CoresOptions, available: Sequence[int]) -> None:
    """All numbers of workers for which there are cores, round after round; the targets also where it is interrupted."""
    results, turns = bench.results, Turns()
    counts = [count for count in options.counts if count <= len(available)]
    if wrk.executable() is None:
        results.notes.append(wrk.MISSING)
        return
    if left_out := [count for count in options.counts if count not in counts]:
        told = ", ".join(map(str, left_out))
        results.notes.append(f"left out, as this machine has {len(available)} cores: {told} workers")
    try:
        for scenario in (WHOLE, HELD):
            _scenario(bench, scenario, model, replace(options, counts=counts), available, turns)
    finally:
        results.targets = list(targets(results, turns, counts, options.connections))


def _scenario(
    bench: Bench, scenario: str, model: ModelUnderTest, options: CoresOptions, available: Sequence[int], turns: Turns
) -> None:
    part = options.part if scenario == HELD else None
    share = "all of its core" if part is None else f"{part:g} of its core"
    bench.results.titles[scenario] = f"{scenario}: {model.name}, a core a worker, each has {share} beside the load"
    repository = repository_of([model], bench.folder)
    with ExitStack() as stack:
        running: dict[int, Running] = {}
        for count in options.counts:
            system = dynonnx(repository, model.name).with_workers(count)
            bench.say(f"{scenario}: starting {system.name}")
            there = Cores(server := frozenset(available[:count]), server)
            running[count] = _started(stack, bench, system, model.dynonnx_cases[0], there, part and part * count)
        for number in range(1, options.rounds + 1):
            bench.say(f"{scenario}: round {number} of {options.rounds}")
            for connections, count in product(options.connections, options.counts):
                there = Cores(server := frozenset(available[:count]), server)
                beside = replace(bench, generator=Generator(there))
                args = (scenario, running[count].system.name, model.dynonnx_cases, connections, options.seconds, number)
                turns.setdefault((scenario, count, connections), []).append(_turn(beside, running[count], count, *args))


def _started(
    stack: ExitStack, bench: Bench, system: System, golden: Case, there: Cores, share: float | None
) -> Running:
    """The server on its cores; held to a share of the processor where one is given, and that can be had."""
    around = None if share is None else stack.enter_context(dyno(size_named(SIZE), f"cores-{system.name[0]}", share))
    if around is not None:
        bench.results.notes += [f"{system.name}: {why}" for why in around.group.missing]
    return stack.enter_context(serving(system, golden, bench.folder, there.server, around))


def _turn(
    bench: Bench,
    running: Running,
    workers: int,
    scenario: str,
    name: str,
    cases: Sequence[Case],
    connections: int,
    seconds: float,
    number: int,
) -> Shares:
    """One turn of load. Of the looks at connections one that saw all counts: they come and go at its ends."""
    arbiter, looks = running.child.pid, list[Parts]()

    def look() -> bool:
        looks.append(connections_of(arbiter, running.port))
        return True

    before = processor_seconds_of(arbiter)
    with looking(look, seconds / _LOOKS):
        closed_loop(bench, running, scenario, name, cases, connections, seconds, number)
    ran = gained(before, processor_seconds_of(arbiter))
    whole = [parts for parts in looks if sum(parts.values()) >= connections]
    return Shares(largest_share(whole[-1], workers) if whole else None, largest_share(ran, workers))


def targets(
    results: Results,
    turns: Turns,
    counts: Sequence[int],
    asked: Sequence[int],
) -> Iterator[Target]:
    """What several workers are to bring, beside what they brought; the worst round counts where shares are told."""
    several = [count for count in counts if count > 1]
    for scenario, count, connections in product((WHOLE, HELD), several, asked):
        rounds = turns.get((scenario, count, connections), ())
        where = f"{scenario}, {count} workers, {connections} connections"
        many, one = f"{count} workers", "1 worker"
        rate = results.ratio(scenario, connections, many, one, "rate")
        cpu = results.ratio(scenario, connections, one, many, "cpu_us")
        gain = None if cpu is None else cpu * count
        yield Target(f"{where}: requests/s against 1", LEAST_GAIN * count, True, rate, gain)
        if connections // count in asked:
            alone = results.middle(scenario, one, connections // count, "cpu_us")
            beside = results.middle(scenario, many, connections, "cpu_us")
            alike = f"{where}: CPU a request against 1 with {connections // count}"
            yield Target(alike, MOST_DEARER, False, beside / alone if beside and alone else None)
        held = max((each.connections for each in rounds if each.connections is not None), default=None)
        ran = middle(each.processor for each in rounds)
        yield Target(f"{where}: largest share, by connections", MOST_SHARE, False, held, ran)
