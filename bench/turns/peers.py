"""Owns ``peers``: dynonnx, baselines and the servers of others in closed loops on one core, in one interleaved run.

A server that does not start, or whose answer is wrong at its start or under load, is named and not timed. While one is
asked all others are stopped: some of them use the core though nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from signal import SIGCONT, SIGSTOP

from bench.baselines.serving import Running, serving
from bench.errors import BenchError
from bench.load import models, wrk
from bench.load.models import ModelUnderTest
from bench.peers.systems import PEERS
from bench.record.targets import FASTAPI_ONNX, FRONT
from bench.turns.bench import Bench
from bench.turns.closed_loop import Pairing, closed_loop
from bench.turns.micro import MicroOptions, pairings_of

START_LIMIT_S = 150.0  # Ray Serve is many processes, which have one core to start on


def compare(bench: Bench, options: MicroOptions, pickles: Path, repository: Path, environments: Path) -> None:
    """All models, each with servers of its own."""
    results = bench.results
    if wrk.executable() is None:
        results.notes.append(wrk.MISSING)
        return
    results.notes += [why for peer in PEERS if (why := peer.missing(environments))]
    for model in [models.example(FRONT, pickles, repository), *models.compared(bench.folder / "made")]:
        results.titles[model.name] = model.title
        rounds(bench, model.name, pairings(model, bench.folder / model.name, environments), options)


def pairings(model: ModelUnderTest, folder: Path, environments: Path) -> list[Pairing]:
    """dynonnx, FastAPI with ONNX Runtime, nginx, and each peer that is installed."""
    installed = [peer for peer in PEERS if peer.missing(environments) is None]
    theirs = [
        Pairing(peer.name, peer.start(model, folder, environments / peer.name), peer.cases(model)) for peer in installed
    ]
    return [*pairings_of(model, folder, (FASTAPI_ONNX,)), *theirs]


def rounds(bench: Bench, scenario: str, every: Sequence[Pairing], options: MicroOptions) -> None:
    """Every system after the other, round after round, so that what disturbs the machine disturbs all alike."""
    with ExitStack() as stack:
        running = dict(_started(bench, scenario, every, stack))
        for number in range(1, options.rounds + 1):
            bench.say(f"{scenario}: round {number} of {options.rounds}")
            for count, pairing in product(options.connections, every):
                if pairing.name in running and not _turn(bench, scenario, pairing, running, count, number, options):
                    del running[pairing.name]


def _started(bench: Bench, scenario: str, every: Sequence[Pairing], stack: ExitStack) -> Iterator[tuple[str, Running]]:
    """Those that answer rightly, stopped until they are asked."""
    for pairing in every:
        bench.say(f"{scenario}: starting {pairing.name}")
        folder, cores = bench.folder / scenario, bench.generator.cores.server
        started = serving(pairing.system, pairing.cases[0], folder, cores, limit_s=START_LIMIT_S)
        try:
            running = stack.enter_context(started)
        except BenchError as error:
            bench.results.notes.append(f"{scenario}: not timed: {str(error).splitlines()[0]}")
            continue
        stack.callback(running.child.signal, SIGCONT)  # before it is ended
        running.child.signal(SIGSTOP)
        yield pairing.name, running


def _turn(
    bench: Bench,
    scenario: str,
    pairing: Pairing,
    every: dict[str, Running],
    connections: int,
    number: int,
    options: MicroOptions,
) -> bool:
    """Whether it answered rightly; where not, nothing of it is kept but the reason."""
    running, results, key = every[pairing.name], bench.results, (scenario, pairing.name)
    with _awake(running):
        args = (scenario, pairing.name, pairing.cases, connections, options.seconds, number)
        peak = closed_loop(bench, running, *args)
    if not peak.faults:
        return True
    said = ", ".join(f"{fault} ({count})" for fault, count in peak.faults.items())
    results.notes.append(f"{scenario}: {pairing.name} is not timed: with {connections} connections {said}")
    results.peaks[:] = [peak for peak in results.peaks if (peak.scenario, peak.system) != key]
    return False


@contextmanager
def _awake(running: Running) -> Iterator[None]:
    running.child.signal(SIGCONT)
    try:
        yield
    finally:
        running.child.signal(SIGSTOP)
