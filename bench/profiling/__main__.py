"""The command line: ``python -m bench.profiling``. Starts the server, loads it plain, then under a profiler."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import psutil

from bench import cores
from bench.contenders import Running, serving
from bench.errors import BenchError, ServerFailed
from bench.micro.lanes import Lane, dynonnx
from bench.micro.record import Turn
from bench.micro.subjects import EXAMPLES, Subject, example
from bench.micro.turns import Place, drive
from bench.profiling.stages import OTHER, Row, rows, totals
from bench.table import columns
from bench.terminal import guarded
from bench.wrk import found

CONNECTIONS = (1, 32)
TOP = 25
PATIENCE_S = 20.0

# The server as it is, but its worker listens to SIGUSR2.
LAUNCHER = """
import sys
from pathlib import Path
from bench.profiling.collect import install
from server.__main__ import main
from server.worker import Worker

out, serve = Path(sys.argv.pop(1)), Worker._serve

async def profiled(self):
    install(out)
    await serve(self)

Worker._serve = profiled
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Profile:
    """One load, plain and profiled. ``system`` is the part of the processor time that the kernel took, 0 to 1."""

    plain: Turn
    system: float
    rows: list[Row]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 profiled, 1 something failed, 2 usage, 130 interrupted."""
    given = _parser().parse_args(arguments)
    return guarded(lambda: _profile(given))


def _profile(given: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="dynonnx-profile-") as folder:
        subject = example(given.model, given.pickles, given.models)
        place = Place(Path(folder), cores.split(cores.available()), given.seconds)
        cores.pin(os.getpid(), place.cores.generator)
        print(f"{subject.title}; {place.cores.said}")
        for profile in profiles(subject, place, given.connections):
            print(f"\n{render(profile, given.top)}", flush=True)
    return 0


def profiles(subject: Subject, place: Place, connections: Sequence[int]) -> Iterator[Profile]:
    """One after the other, of one server. Raises BenchError where wrk or the server fails."""
    if found() is None:
        raise BenchError("the load comes from wrk, which is not installed (Debian: apt install wrk)")
    launcher, out = place.folder / "launcher.py", place.folder / "profile.json"
    launcher.write_text(LAUNCHER, "utf-8")
    server = replace(dynonnx([subject], place.folder), command=(sys.executable, str(launcher), str(out)))
    lane = Lane(server.name, server, subject.dynonnx_cases)
    with serving(server, lane.cases[0], place.folder, place.cores.server) as running:
        for number in connections:
            yield _load(place, lane, running, number, out)


def _load(place: Place, lane: Lane, running: Running, connections: int, out: Path) -> Profile:
    """The same load twice: what a request costs, then where."""
    assert running.child is not None  # noqa: S101 - started above
    worker = psutil.Process(running.child.pid).children()[0]
    before = worker.cpu_times()
    plain = drive(place, lane.name, lane, running, connections, 1)
    spent = worker.cpu_times()
    user, system = spent.user - before.user, spent.system - before.system
    out.unlink(missing_ok=True)
    worker.send_signal(signal.SIGUSR2)
    profiled = drive(place, lane.name, lane, running, connections, 2)
    worker.send_signal(signal.SIGUSR2)
    for turn in (plain, profiled):
        if turn.faults:
            raise BenchError(f"wrong answers under load, {turn.faults}: this would be no profile")
    return Profile(plain, system / (user + system or 1.0), rows(_await(out, running), profiled.requests))


def _await(out: Path, running: Running) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not out.exists():
        if time.monotonic() > deadline:
            log = running.child.log_tail() if running.child is not None else ""
            raise ServerFailed("the worker left no profile.", log)
        time.sleep(0.05)
    return orjson.loads(out.read_bytes())


def render(profile: Profile, top: int) -> str:
    """Stages, then the dearest rows, in microseconds a request."""
    turn = profile.plain
    cpu = turn.cpu_us or 0.0
    batch = "" if turn.batch_rows is None else f", {turn.batch_rows:.1f} rows a run"
    title = (
        f"{turn.connections} connections: {cpu:.1f} us of processor time a request, "
        f"{profile.system:.0%} of it the kernel's; {turn.rate:,.0f} requests/s{batch}; all without the profiler"
    )
    stages = {stage: us for stage, us in totals(profile.rows).items() if stage != OTHER}
    rest = cpu - sum(stages.values())
    shown = [["stage", "us", "part"], *([stage, f"{us:.2f}", f"{us / cpu:.0%}"] for stage, us in stages.items())]
    if rest > 0:
        shown.append(["event loop, receive, wait", f"{rest:.2f}", f"{rest / cpu:.0%}"])
    else:
        title += (
            "\nThe stages add up to more than that: the machine was busy, and held the server up while it was profiled."
        )
    table = columns(shown)
    dearest = [["us", "calls", "stage", "own time of"]]
    dearest += [[f"{row.us:.2f}", f"{row.calls:.2f}", row.stage, row.name] for row in profile.rows[:top]]
    return f"{title}\n{table}\n\n{columns(dearest, left={2, 3})}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.profiling", description="Where a request's time goes.")
    parser.add_argument("--model", default="iris", choices=list(EXAMPLES), help="example model (default: iris)")
    parser.add_argument("--connections", type=int, nargs="+", default=list(CONNECTIONS), help="(default: 1 32)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load (default: 3)")
    parser.add_argument("--top", type=int, default=TOP, help=f"rows to show (default: {TOP})")
    parser.add_argument("--pickles", type=Path, default=Path("build"), help="folder of the pickles (default: build)")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository (default: models)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
