"""The command line: ``python -m bench run`` and its relatives. Knows nothing of how measuring is done."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

from bench import capacity, cores, measure, report, results, table
from bench import compare as comparison
from bench import workers as worker_counts
from bench.cases import load_model, make_cases, write_cases
from bench.contenders import Contender, Dynos, all_serving, known
from bench.dyno import Dyno, dyno
from bench.errors import BenchError
from bench.findings import OURS
from bench.host import meet
from bench.load import Generator
from bench.measure import Bench, Say
from bench.processes import end_all
from bench.results import Results
from bench.rows import Rows, rows_for, rows_in
from bench.scenarios import SCENARIOS, Plan, Scenario
from bench.sizes import SIZES, size_named

NAMES = ("dynonnx", "fastapi_onnx", "fastapi_pickle")
DEFAULT_SCENARIOS = ("steady", "steps", "deploy")
QUICK = Plan(rate=500.0, seconds=5.0)
WORKERS_RATE = 1000.0
HOST_LADDER = (20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 something failed, was wrong or missed its SLO, 2 usage, 130 interrupted."""
    given = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a background job of a shell starts with it ignored
        signal.signal(number, _as_interrupt)
    try:
        status: int = given.run(given)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()
    return status


def quick(given: argparse.Namespace) -> int:
    """The three-minute form, without a dyno round the servers."""
    return _measure(given, {"quick": SCENARIOS["quick"]}, QUICK, _chosen(given, workers=1))


def run(given: argparse.Namespace) -> int:
    """The chosen scenarios, each server in a stand-in dyno."""
    size = size_named(given.size)
    plan = Plan(given.rate, given.seconds, given.goal_ms, _dynos(size.name, given.cpu))
    return _measure(given, {name: SCENARIOS[name] for name in given.scenario}, plan, _chosen(given, workers=None))


def workers(given: argparse.Namespace) -> int:
    """dynonnx alone in one dyno type, with several numbers of workers."""
    size = size_named(given.size)
    plan = Plan(given.rate, given.seconds, given.goal_ms, _dynos(size.name, given.cpu))
    chosen = worker_counts.variants(known(given.model, given.pickles, given.models)[OURS], given.counts)
    return _measure(given, {"workers": worker_counts.turns}, plan, chosen)


def host(given: argparse.Namespace) -> int:
    """A server that runs elsewhere and is yours: gentle, its own time told apart where it says it."""
    plan = Plan(given.rate, given.seconds, given.goal_ms)
    folder = results.new_folder(given.results)
    bench = _bench(given, folder, ["host"], plan)
    running = meet(given.url, bench.cases[0], os.environ.get("BENCH_KEY", ""), owned=given.i_own_this_host)
    bench = replace(bench, generator=replace(bench.generator, owned=given.i_own_this_host))
    bench.results.notes.append(f"host: {given.url}")
    ladder = [rate for rate in HOST_LADDER if rate <= given.most]

    def turns() -> None:
        bench.results.start_s[running.contender.name] = running.start_s
        measure.steady(bench, [running], plan.rate, plan.seconds, rounds=1)
        measure.climb(bench, [running], ladder, seconds=plan.seconds / 2, goal_ms=plan.goal_ms)

    return _finish(bench, turns, folder)


def compare(given: argparse.Namespace) -> int:
    """What changed between two runs."""
    print(comparison.render(results.read(given.before), results.read(given.after)))
    return 0


def plan(given: argparse.Namespace) -> int:
    """Which dynos a rate needs, by the newest run that measured steps, or by the one given."""
    print(capacity.render(results.read(given.run_folder or _newest(given.results)), given.rate, given.p99))
    return 0


def cases(given: argparse.Namespace) -> int:
    """Write the cases file that ``locust -f bench/locustfile.py --cases`` reads."""
    pickle: Path = given.pickle
    made = make_cases(load_model(pickle), _rows(given, given.model or pickle.stem), given.path, given.rows)
    write_cases(made, given.out)
    print(f"{len(made)} requests with their answers in {given.out}")
    return 0


def draw(given: argparse.Namespace) -> int:
    """Draw the report of a run again from its results.json."""
    print(report.write(results.read(given.folder), given.folder))
    return 0


def _chosen(given: argparse.Namespace, workers: int | None) -> list[Contender]:
    """``workers`` None: as many as the server itself plans for the dyno, which is what a person gets."""
    contenders = known(given.model, given.pickles, given.models, workers)
    return [contenders[name] for name in given.contenders]


def _newest(parent: Path) -> Path:
    """The newest run below ``parent`` that climbed to a knee."""
    for folder in sorted(parent.glob("*/results.json"), reverse=True):
        if any(knee.contender == OURS for knee in results.read(folder).knees):
            return folder
    raise BenchError(f"no run with the steps scenario in {parent}: `python -m bench run` makes one")


def _measure(
    given: argparse.Namespace, scenarios: Mapping[str, Scenario], plan: Plan, chosen: Sequence[Contender]
) -> int:
    folder = results.new_folder(given.results)
    bench = _bench(given, folder, list(scenarios), plan)

    def turns() -> None:
        with all_serving(chosen, bench.cases[0], folder, bench.generator.cores.server, plan.dynos) as running:
            bench.results.start_s.update({each.contender.name: each.start_s for each in running})
            if running[0].dyno is not None:
                _note_dyno(bench.results, running[0].dyno)
            for scenario in scenarios.values():
                scenario(bench, running, plan)

    status = _finish(bench, turns, folder)
    if "workers" in scenarios:
        print(f"\n{worker_counts.render(bench.results)}")
    return status


def _finish(bench: Bench, turns: Callable[[], None], folder: Path) -> int:
    """Take the turns, then show and write what was measured, also when they were interrupted."""
    record = bench.results
    try:
        turns()
    except KeyboardInterrupt:
        record.interrupted = True
    finally:
        written = record.write(folder)
        drawn = report.write(record, folder)
    print(f"\n{table.render(record)}\n\n{written}\n{drawn}")
    if record.interrupted:
        return 130
    return 1 if record.wrong else 0


def _bench(given: argparse.Namespace, folder: Path, scenarios: Sequence[str], plan: Plan) -> Bench:
    generator = Generator(cores.split(cores.available()))
    settings = {
        "model": given.model,
        "scenarios": list(scenarios),
        "goal_ms": plan.goal_ms,
        "connections": generator.connections,
    }
    record = results.new(f"python -m bench {' '.join(sys.argv[1:])}", settings)
    record.notes.append(generator.cores.said)
    model, rows = load_model(given.pickles / f"{given.model}.pkl"), _rows(given, given.model)
    made = make_cases(model, rows)
    cases_file = folder / "cases.json"
    write_cases(made, cases_file)
    return Bench(record, folder, made, cases_file, generator, _progress(), given.pickles, model, rows)


def _rows(given: argparse.Namespace, model: str) -> Rows:
    return rows_in(given.data) if given.data else rows_for(model)


def _dynos(size: str, cpu: float | None) -> Dynos:
    return lambda name: dyno(size_named(size), name, cpu)


def _note_dyno(record: Results, used: Dyno) -> None:
    record.settings |= {"size": used.size.name, "cores": used.cores, "memory_mib": used.size.memory_mib}
    record.notes.extend(used.said)


def _progress() -> Say:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {line}", file=sys.stderr, flush=True)

    return say


def _as_interrupt(number: int, frame: FrameType | None) -> None:
    """SIGTERM ends a run as Ctrl-C does: servers stopped, what was measured written."""
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure dynonnx beside two baselines.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (_add_run, _add_quick, _add_workers, _add_host, _add_compare, _add_plan, _add_report, _add_cases):
        add(commands)
    return parser


Commands = Any  # argparse gives what add_subparsers returns no public name


def _add_run(commands: Commands) -> None:
    each = commands.add_parser("run", help="the chosen scenarios in a stand-in dyno")
    _where(each)
    _what(each, Plan().rate)
    each.add_argument("--contenders", nargs="+", choices=NAMES, default=list(NAMES), help="which servers (all three)")
    each.add_argument("--scenario", nargs="+", choices=list(SCENARIOS), default=list(DEFAULT_SCENARIOS))
    each.set_defaults(run=run)


def _add_quick(commands: Commands) -> None:
    each = commands.add_parser("quick", help="the three-minute form")
    _where(each)
    each.add_argument("--contenders", nargs="+", choices=NAMES, default=list(NAMES), help="which servers (all three)")
    each.set_defaults(run=quick)


def _add_workers(commands: Commands) -> None:
    each = commands.add_parser("workers", help="one dyno with several numbers of workers")
    _where(each)
    _what(each, WORKERS_RATE)
    each.add_argument("--counts", nargs="+", type=int, default=list(worker_counts.COUNTS), help="numbers of workers")
    each.set_defaults(run=workers)


def _add_host(commands: Commands) -> None:
    each = commands.add_parser("host", help="a server that runs elsewhere and is yours")
    each.add_argument("url", help="such as https://my-app.herokuapp.com; a key, where it needs one, is in BENCH_KEY")
    _where(each)
    each.add_argument("--i-own-this-host", action="store_true", help="say so: other people's servers are not measured")
    each.add_argument("--rate", type=float, default=10.0, help="requests/s of the steady turn")
    each.add_argument("--most", type=float, default=100.0, help="requests/s that the climb does not exceed")
    each.add_argument("--seconds", type=float, default=20.0, help="seconds of the steady turn; steps take half")
    each.add_argument("--goal-ms", type=float, default=300.0, help="the p99 that counts as held, network included")
    each.set_defaults(run=host)


def _add_compare(commands: Commands) -> None:
    each = commands.add_parser("compare", help="what changed between two runs")
    each.add_argument("before", type=Path, help="a folder under bench/results")
    each.add_argument("after", type=Path, help="another")
    each.set_defaults(run=compare)


def _add_plan(commands: Commands) -> None:
    each = commands.add_parser("plan", help="which dynos a rate needs, by a measured run")
    each.add_argument("--rate", type=float, required=True, help="requests/s to hold")
    each.add_argument("--p99", type=float, default=Plan().goal_ms, help="milliseconds that 99 %% must keep")
    each.add_argument("--run", dest="run_folder", type=Path, help="a folder under bench/results (default: the newest)")
    each.add_argument("--results", type=Path, default=Path("bench/results"), help="where runs are")
    each.set_defaults(run=plan)


def _add_report(commands: Commands) -> None:
    each = commands.add_parser("report", help="draw report.html again from results.json")
    each.add_argument("folder", type=Path, help="a folder under bench/results")
    each.set_defaults(run=draw)


def _add_cases(commands: Commands) -> None:
    each = commands.add_parser("cases", help="write requests and right answers for locust -f bench/locustfile.py")
    each.add_argument("--pickle", type=Path, required=True, help="the pickle that gives the answers")
    each.add_argument("--model", help="whose rows (default: the pickle's stem)")
    each.add_argument("--data", type=Path, help="CSV file with rows to ask about, columns in the model's order")
    each.add_argument("--path", default="/predict", help="the route (default: /predict)")
    each.add_argument("--rows", type=int, default=0, help="rows in each request; 0 is one bare row (default)")
    each.add_argument("--out", type=Path, required=True, help="the file to write")
    each.set_defaults(run=cases)


def _where(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="iris", help="example model (default: iris)")
    parser.add_argument("--pickles", type=Path, default=Path("build"), help="folder of the pickles (default: build)")
    parser.add_argument("--models", type=Path, default=Path("models"), help="the repository (default: models)")
    parser.add_argument("--results", type=Path, default=Path("bench/results"), help="where results go")
    parser.add_argument("--data", type=Path, help="CSV file with rows to ask about (default: the example's own)")


def _what(parser: argparse.ArgumentParser, rate: float) -> None:
    parser.add_argument("--size", default="standard-1x", help=f"dyno type: {', '.join(SIZES)}")
    parser.add_argument(
        "--cpu", type=float, help="cores' worth of time for the dyno, such as 0.25 (default: the type's)"
    )
    parser.add_argument("--rate", type=float, default=rate, help="requests/s of scenarios at one rate")
    parser.add_argument("--seconds", type=float, default=Plan().seconds, help="seconds a turn")
    parser.add_argument("--goal-ms", type=float, default=Plan().goal_ms, help="the p99 that counts as held")


if __name__ == "__main__":
    sys.exit(main())
