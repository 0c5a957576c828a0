"""Owns ``micro``: closed loops side by side on one core, each scenario with servers of its own, in rounds.

A scenario is a model with every system that serves it; ``bound`` is one dynonnx with two models, ``tensors`` is
dynonnx beside the bare run, ``paths`` one dynonnx and another with keys, asked in every way.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from bench.baselines.serving import serving
from bench.baselines.systems import BASELINES, OURS, baseline, dynonnx, nginx, nginx_executable, repository_of
from bench.load import models, wrk
from bench.load.models import EXAMPLES, HEAVY, ModelUnderTest
from bench.record.targets import (
    BOUND,
    BOUND_CONNECTIONS,
    CROWD,
    FOREST,
    FRONT,
    PATHS,
    TENSORS,
    WIDE,
    WIDE_CROWD,
    targets,
)
from bench.turns import paths
from bench.turns.bare import bare_costs, tensor_rounds
from bench.turns.bench import Bench
from bench.turns.closed_loop import Pairing, closed_loop

MIXED = "churn"  # of texts and numbers
MICRO_SCENARIOS = (*EXAMPLES, HEAVY, WIDE, BOUND, TENSORS, PATHS)


@dataclass(frozen=True, slots=True)
class MicroOptions:
    """What is measured: scenarios, rounds of each turn, seconds of a turn, connections."""

    scenarios: Sequence[str] = MICRO_SCENARIOS
    rounds: int = 5
    seconds: float = 0.7
    connections: Sequence[int] = (1, CROWD, 128)
    wide_connections: Sequence[int] = (1, WIDE_CROWD)


QUICK = MicroOptions(("iris", WIDE, BOUND), 3, 0.5, connections=(1, CROWD), wide_connections=(WIDE_CROWD,))


def micro(bench: Bench, options: MicroOptions, pickles: Path, repository: Path) -> None:
    """All scenarios, then the bare costs; the targets also where it is interrupted."""
    results = bench.results
    try:
        made = _models_for(options.scenarios, pickles, repository, bench.folder / "made")
        for scenario in options.scenarios if wrk.executable() else ():
            folder = bench.folder / scenario
            if scenario == TENSORS:
                tensor_rounds(bench, options.rounds)
            elif scenario == BOUND:
                results.titles[scenario] = f"{BOUND}: dynonnx with both models, one row a request"
                both = _bound_pairings([made[FRONT], made[FOREST]], folder)
                _rounds(bench, scenario, both, (BOUND_CONNECTIONS,), options)
            elif scenario == PATHS:
                results.titles[scenario] = f"{PATHS}: the same rows by every way, one a request; {MIXED} beside them"
                every = paths.pairings({name: made[name] for name in (FRONT, MIXED)}, MIXED, folder)
                _rounds(bench, scenario, every, (1, CROWD), options)
            else:
                results.titles[scenario] = made[scenario].title
                connections = options.wide_connections if scenario == WIDE else options.connections
                _rounds(bench, scenario, pairings_of(made[scenario], folder), connections, options)
        bench.say("bare costs")
        results.bare.update(bare_costs(made, bench.generator.cores.server))
    finally:
        results.targets = targets(results)
        results.notes += [] if wrk.executable() else [wrk.MISSING]
        results.notes += [] if nginx_executable() else ["nginx is not installed (Debian: apt install nginx-light)"]


def _models_for(scenarios: Sequence[str], pickles: Path, repository: Path, folder: Path) -> dict[str, ModelUnderTest]:
    """The models that the scenarios need, by name."""
    needed = {*scenarios} | ({FRONT, FOREST} if BOUND in scenarios else set())
    needed |= {FRONT, MIXED} if PATHS in scenarios else set()
    made = {name: models.example(name, pickles, repository) for name in EXAMPLES if name in needed}
    return made | {name: make(folder) for name, make in ((HEAVY, models.heavy), (WIDE, models.wide)) if name in needed}


def pairings_of(model: ModelUnderTest, folder: Path, baselines: Sequence[str] = tuple(BASELINES)) -> list[Pairing]:
    """dynonnx and baselines with one model; nginx, which only answers, where it is installed and its answer fits.

    ``folder`` is theirs alone: what they need is written there.
    """
    ours = Pairing(OURS, dynonnx(repository_of([model], folder), model.name), model.dynonnx_cases)
    others = [Pairing(name, baseline(name, model.pickle, model.artefact), model.cases) for name in baselines]
    golden, ceiling = model.cases[0], nginx(model.cases[0], folder)
    same = [replace(case, expected=golden.expected) for case in model.cases]
    return [ours, *others, *([Pairing(ceiling.name, ceiling, same)] if ceiling else [])]


def _bound_pairings(both: Sequence[ModelUnderTest], folder: Path) -> list[Pairing]:
    """One server with two models that take turns: what the run costs beside the front."""
    server = dynonnx(repository_of(both, folder), both[0].name)
    cases = [[replace(case, path=f"/models/{model.name}/predict") for case in model.cases] for model in both]
    return [Pairing(model.name, server, asked) for model, asked in zip(both, cases, strict=True)]


def _rounds(
    bench: Bench, scenario: str, pairings: Sequence[Pairing], connections: Sequence[int], options: MicroOptions
) -> None:
    """Every pairing after the other, round after round, so that what disturbs the machine disturbs all alike."""
    servers = {pairing.system.name: (pairing.system, pairing.cases[0]) for pairing in pairings}
    folder, cores = bench.folder / scenario, bench.generator.cores.server
    bench.say(f"{scenario}: starting {', '.join(servers)}")
    with ExitStack() as stack:
        running = {name: stack.enter_context(serving(*server, folder, cores)) for name, server in servers.items()}
        for number in range(1, options.rounds + 1):
            bench.say(f"{scenario}: round {number} of {options.rounds}")
            for count, (name, system, cases) in product(connections, pairings):
                closed_loop(bench, running[system.name], scenario, name, cases, count, options.seconds, number)
