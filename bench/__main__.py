"""The command line: ``python -m bench run`` and its relatives. Knows nothing of how measuring is done."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from bench.arguments import parser
from bench.baselines.systems import Placement, System, known
from bench.dyno.dyno import Dyno, dyno
from bench.dyno.sizes import size_named
from bench.load.cases import load_model, make_cases, write_cases
from bench.record import capacity, compare, results
from bench.record.findings import OURS, missed_goals
from bench.report import page as report
from bench.report import table
from bench.report.progress import guarded, progress
from bench.turns import footprint, session, workers
from bench.turns.bench import Bench
from bench.turns.host import check_leave, meet
from bench.turns.scenarios import SCENARIOS, Plan
from bench.turns.session import Subject

QUICK = Plan(rate=500.0, seconds=5.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 something failed, was wrong or missed its goal, 2 usage, 130 interrupted."""
    given = parser().parse_args(arguments)
    return guarded(lambda: COMMANDS[given.command](given))


def run_quick(given: argparse.Namespace) -> int:
    """The three-minute form, without a dyno round the servers."""
    bench = _open(given, ["quick"], QUICK)
    session.take(bench, _chosen(given, workers_each=1), [SCENARIOS["quick"]], QUICK)
    return show(bench)


def run_scenarios(given: argparse.Namespace) -> int:
    """The chosen scenarios, each server in a stand-in dyno."""
    plan = _plan(given)
    bench = _open(given, given.scenario, plan)
    session.take(bench, _chosen(given, workers_each=None), [SCENARIOS[name] for name in given.scenario], plan)
    missed = missed_goals(bench.results, given.slo_p99, given.slo_held)
    status = show(bench)
    for line in missed:
        print(f"goal missed: {line}")
    return status or int(bool(missed))


def run_workers(given: argparse.Namespace) -> int:
    """dynonnx alone in one dyno type, with several numbers of workers."""
    plan = _plan(given)
    bench = _open(given, ["workers"], plan)
    chosen = workers.variants(known(given.model, given.pickles, given.models)[OURS], given.counts)
    session.take(bench, chosen, [workers.turns], plan)
    status = show(bench)
    print(f"\n{workers.render(bench.results)}")
    return status


def run_host(given: argparse.Namespace) -> int:
    """A server that runs elsewhere and is yours: gentle, its own time told apart where it says it."""
    check_leave(given.url, owned=given.i_own_this_host)
    plan = Plan(given.rate, given.seconds, given.goal_ms)
    bench = _open(given, ["host"], plan)
    running = meet(given.url, bench.cases[0], os.environ.get("BENCH_KEY", ""), owned=given.i_own_this_host)
    session.take_host(bench, running, plan, given.most, owned=given.i_own_this_host)
    return show(bench)


def show_change(given: argparse.Namespace) -> int:
    """What changed between two runs."""
    print(compare.render(results.read(given.before), results.read(given.after)))
    return 0


def show_footprint(given: argparse.Namespace) -> int:
    """Print what the server takes."""
    print(footprint.table(given.models, given.requirements))
    return 0


def show_plan(given: argparse.Namespace) -> int:
    """Which dynos a rate needs, by the newest run that measured steps, or by the one given."""
    measured = results.read(given.run_folder or session.newest(given.results))
    print(capacity.render(measured, given.rate, given.p99))
    return 0


def draw(given: argparse.Namespace) -> int:
    """Draw the report of a run again from its results.json."""
    print(report.write(results.read(given.folder), given.folder))
    return 0


def write_case_file(given: argparse.Namespace) -> int:
    """Write the cases file that ``locust -f bench/load/locustfile.py --cases`` reads."""
    pickle: Path = given.pickle
    rows = session.rows_of(given.model or pickle.stem, given.data)
    made = make_cases(load_model(pickle), rows, given.path, given.rows)
    write_cases(made, given.out)
    print(f"{len(made)} requests with their answers in {given.out}")
    return 0


def _open(given: argparse.Namespace, scenarios: Sequence[str], plan: Plan) -> Bench:
    subject = Subject(given.model, given.pickles, given.models, given.results, given.data)
    return session.open_bench(subject, scenarios, plan, f"python -m bench {' '.join(sys.argv[1:])}", progress())


def show(bench: Bench) -> int:
    """Print the table and where the rest is; the exit status."""
    folder = bench.folder
    print(f"\n{table.render(bench.results)}\n\n{folder / 'results.json'}\n{folder / 'report.html'}")
    if bench.results.interrupted:
        return 130
    return int(bool(bench.results.wrong))


def _chosen(given: argparse.Namespace, workers_each: int | None) -> list[System]:
    """``workers_each`` None: as many as the server itself plans for the dyno, which is what a person gets."""
    systems = known(given.model, given.pickles, given.models, workers_each)
    return [systems[name] for name in given.systems]


def _plan(given: argparse.Namespace) -> Plan:
    size = size_named(given.size)

    def dynos(name: str) -> AbstractContextManager[Dyno]:
        return dyno(size, name, given.cpu)

    where = Placement(dynos, getattr(given, "dynos", 1), router=given.command == "run" and not given.direct)
    return Plan(given.rate, given.seconds, given.goal_ms, where, math.ceil(given.cpu or size.cores))


COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "run": run_scenarios,
    "quick": run_quick,
    "workers": run_workers,
    "host": run_host,
    "compare": show_change,
    "footprint": show_footprint,
    "plan": show_plan,
    "report": draw,
    "cases": write_case_file,
}

if __name__ == "__main__":
    sys.exit(main())
