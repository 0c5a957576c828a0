"""The command line: ``python -m bench.turns.micro``. Knows nothing of how a turn is made or what its figures say."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import orjson

from bench.baselines.lanes import Lane, dynonnx, lanes_of, nginx_found
from bench.baselines.systems import Running, serving
from bench.errors import ServerFailed
from bench.load.models import EXAMPLES, HEAVY, WIDE, WIDE_ROWS, Subject, example, heavy, wide
from bench.load.wrk import found
from bench.machine import cores
from bench.machine.processes import Child, clean_environment
from bench.record import results
from bench.record.micro_record import Bare, Record, Say
from bench.record.targets import BOUND, BOUND_CONNECTIONS, CROWD, FOREST, FRONT, WIDE_CROWD, targets
from bench.report import micro_table as table
from bench.report.progress import guarded, progress
from bench.turns.closed_loop import Place, drive

SECTIONS = (*EXAMPLES, HEAVY, WIDE, BOUND)
CONNECTIONS = (1, CROWD, 128)
BARE_ROWS = (1, 22, 64)
BARE_LIMIT_S = 120.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: sections, rounds of each turn, seconds of a turn, connections."""

    sections: Sequence[str] = SECTIONS
    rounds: int = 5
    seconds: float = 0.7
    connections: Sequence[int] = CONNECTIONS
    wide_connections: Sequence[int] = (1, WIDE_CROWD)


QUICK = Plan(("iris", WIDE, BOUND), rounds=3, seconds=0.5, connections=(1, CROWD), wide_connections=(WIDE_CROWD,))


@dataclass(frozen=True, slots=True)
class Section:
    """Lanes that take turns, and with how many connections."""

    name: str
    title: str
    lanes: Sequence[Lane]
    connections: Sequence[int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured (a target missed is no fault), 1 failed or wrong answers, 2 usage, 130 interrupted."""
    given = _parser().parse_args(arguments)
    return guarded(lambda: _measure(given, _plan(given)))


def _measure(given: argparse.Namespace, plan: Plan) -> int:
    say = progress()
    folder = results.new_folder(given.results)
    place = Place(folder, cores.split(cores.available()), plan.seconds)
    cores.pin(os.getpid(), place.cores.generator)  # what checks answers shall not take the server's time
    record = _record(plan, place)
    try:
        subjects = _subjects(given, plan, folder / "made")
        if found() is not None:
            for section in _sections(plan, subjects, folder):
                record.titles[section.name] = section.title
                _take_turns(record, place, section, plan.rounds, say)
        say("bare costs")
        record.bare.update(_bare(list(subjects.values()), place))
    except KeyboardInterrupt:
        record.interrupted = True
    finally:
        record.targets = targets(record)
        written = record.write(folder)
    print(f"{table.render(record)}\n\n{written}")
    if record.interrupted:
        return 130
    return 1 if record.faults else 0


def _subjects(given: argparse.Namespace, plan: Plan, folder: Path) -> dict[str, Subject]:
    """The models that the sections need, by name."""
    wanted = {name for name in plan.sections if name != BOUND} | ({FRONT, FOREST} if BOUND in plan.sections else set())
    made = {name: example(name, given.pickles, given.models) for name in EXAMPLES if name in wanted}
    if HEAVY in wanted:
        made[HEAVY] = heavy(folder)
    if WIDE in wanted:
        made[WIDE] = wide(folder)
    return made


def _sections(plan: Plan, subjects: Mapping[str, Subject], folder: Path) -> list[Section]:
    sections = []
    for name in plan.sections:
        if name == BOUND:
            sections.append(_bound(subjects, folder))
            continue
        subject = subjects[name]
        connections = plan.wide_connections if name == WIDE else plan.connections
        sections.append(Section(name, subject.title, lanes_of(subject, folder / name), connections))
    return sections


def _bound(subjects: Mapping[str, Subject], folder: Path) -> Section:
    """One server with two models that take turns: what the run costs beside the front."""
    both = [subjects[FRONT], subjects[FOREST]]
    server = dynonnx(both, folder / BOUND)
    lanes = [
        Lane(each.name, server, [replace(case, path=f"/models/{each.name}/predict") for case in each.cases])
        for each in both
    ]
    return Section(BOUND, f"{BOUND}: dynonnx with both models, one row a request", lanes, (BOUND_CONNECTIONS,))


def _take_turns(record: Record, place: Place, section: Section, rounds: int, say: Say) -> None:
    """Every lane after the other, round after round, so that what disturbs the machine disturbs all alike."""
    say(f"{section.name}: starting {', '.join(dict.fromkeys(lane.system.name for lane in section.lanes))}")
    with ExitStack() as stack:
        running: dict[str, Running] = {}
        for lane in section.lanes:
            if lane.system.name not in running:
                server = serving(lane.system, lane.cases[0], place.folder / section.name, place.cores.server)
                running[lane.system.name] = stack.enter_context(server)
        for number in range(1, rounds + 1):
            say(f"{section.name}: round {number} of {rounds}")
            for connections in section.connections:
                for lane in section.lanes:
                    server_of_lane = running[lane.system.name]
                    record.turns.append(drive(place, section.name, lane, server_of_lane, connections, number))


def _bare(subjects: Sequence[Subject], place: Place) -> dict[str, Bare]:
    """Measured by a process of its own on the server's core."""
    spec, out = place.folder / "bare.json", place.folder / "bare.out.json"
    spec.write_bytes(orjson.dumps([_bare_spec(subject) for subject in subjects]))
    command = [sys.executable, "-m", "bench.turns.bare", str(spec), str(out)]
    with Child(command, place.folder / "bare.log", clean_environment(), place.cores.server) as child:
        if child.wait(BARE_LIMIT_S) != 0:
            raise ServerFailed("the process that measures the bare costs failed.", child.log_tail())
    said = orjson.loads(out.read_bytes())
    for costs in said.values():
        costs["run_us"] = {int(rows): us for rows, us in costs["run_us"].items()}
    return {name: Bare(**costs) for name, costs in said.items()}


def _bare_spec(subject: Subject) -> dict[str, object]:
    counts = (WIDE_ROWS,) if subject.name == WIDE else BARE_ROWS
    features = [orjson.loads(case.body)["features"] for case in subject.cases[: max(BARE_ROWS)]]
    rows = features[0] if subject.name == WIDE else features
    body = subject.cases[0].body.decode()
    return {"name": subject.name, "artefact": str(subject.artefact), "rows": rows, "body": body, "counts": counts}


def _record(plan: Plan, place: Place) -> Record:
    settings = {"sections": plan.sections, "rounds": plan.rounds, "seconds": plan.seconds}
    record = Record(f"python -m bench.turns.micro {' '.join(sys.argv[1:])}".rstrip(), settings, results.this_machine())
    record.notes.append(place.cores.said)
    if found() is None:
        record.notes.append("wrk is not installed (Debian: apt install wrk): no load, only bare costs")
    elif nginx_found() is None:
        record.notes.append("nginx is not installed (Debian: apt install nginx-light): no ceiling to compare with")
    return record


def _plan(given: argparse.Namespace) -> Plan:
    plan = QUICK if given.quick else Plan()
    chosen = {name: getattr(given, name) for name in ("sections", "rounds", "seconds", "connections")}
    return replace(plan, **{name: value for name, value in chosen.items() if value is not None})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.turns.micro", description="Peak rates side by side, by wrk.")
    parser.add_argument("--quick", action="store_true", help="one example model, fewer and shorter rounds")
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, help="what to measure (all)")
    parser.add_argument("--rounds", type=int, help="turns of each, of which the median counts (5)")
    parser.add_argument("--seconds", type=float, help="seconds of a turn (0.7)")
    parser.add_argument("--connections", type=int, nargs="+", help="busy connections (1 32 128)")
    parser.add_argument("--pickles", type=Path, default=Path("build"), help="folder of the pickles (default: build)")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository (default: models)")
    parser.add_argument("--results", type=Path, default=Path("bench/results"), help="where results go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
