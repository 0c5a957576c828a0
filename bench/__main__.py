"""The command line: ``python -m bench run`` and its relatives. Knows nothing of how measuring is done."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.arguments import parser
from bench.baselines.serving import Placement, meet
from bench.baselines.systems import OURS, System, systems_for
from bench.dyno import router
from bench.dyno.dyno import dyno, size_named
from bench.errors import BenchError
from bench.load import models
from bench.load.cases import load_model, make_cases, write_cases
from bench.load.client import Address
from bench.machine.processes import available, end_all
from bench.peers.systems import PEERS
from bench.record import results
from bench.record.findings import missed_goals
from bench.record.targets import FASTAPI_ONNX, NGINX
from bench.report import capacity, compare, page, rates, summary, table
from bench.scaling import cores
from bench.turns import footprint, micro, peers, session
from bench.turns.autoscale import SMALL_SHARE
from bench.turns.bench import Bench, Progress
from bench.turns.scenarios import SCENARIOS, RunOptions, workers

QUICK = RunOptions(rate=500.0, seconds=5.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 measured, 1 something failed, was wrong or missed its goal, 2 usage, 130 interrupted."""
    given = parser().parse_args(arguments)
    return guarded(lambda: COMMANDS[given.command](given))


def guarded(act: Callable[[], int | str]) -> int:
    """The status of ``act``, 0 where it gives a text to print; 1 where it fails, with a sentence; 130 interrupted."""
    for number in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: a background job of a shell starts with it ignored
        signal.signal(number, signal.default_int_handler)
    try:
        outcome = act()
        if isinstance(outcome, str):
            print(outcome)
        return outcome if isinstance(outcome, int) else 0
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        end_all()


def run_quick(given: argparse.Namespace) -> int:
    """The three-minute form, without a dyno round the servers."""
    bench = _open(given, ["quick"], QUICK)
    session.run(bench, _chosen(given, workers_each=1), [SCENARIOS["quick"]], QUICK)
    return show(bench)


def run_scenarios(given: argparse.Namespace) -> int:
    """The chosen scenarios, each server in a stand-in dyno."""
    options = _options(given)
    bench = _open(given, given.scenario, options)
    if not (given.direct or options.placement.router):
        bench.results.notes.append(router.MISSING)
    session.run(bench, _chosen(given, workers_each=None), [SCENARIOS[name] for name in given.scenario], options)
    missed = missed_goals(bench.results, given.slo_p99, given.slo_held)
    status = show(bench)
    for line in missed:
        print(f"goal missed: {line}")
    return status or int(bool(missed))


def run_workers(given: argparse.Namespace) -> int:
    """dynonnx alone in one dyno type, with several numbers of workers."""
    options = _options(given)
    bench = _open(given, ["workers"], options)
    ours = systems_for(given.model, given.pickles, given.models)[OURS]
    session.run(bench, [ours.with_workers(count) for count in given.counts], [workers], options)
    return show(bench)


def run_host(given: argparse.Namespace) -> int:
    """A server that runs elsewhere and is yours: gentle, its own time told apart where it says it."""
    Address.parse(given.url, owned=given.i_own_this_host)
    options = RunOptions(given.rate, given.seconds, given.goal_ms)
    bench = _open(given, ["host"], options)
    running = meet(given.url, bench.cases[0], os.environ.get("BENCH_KEY", ""), owned=given.i_own_this_host)
    session.run_at_host(bench, running, options, given.most, owned=given.i_own_this_host)
    return show(bench)


def run_micro(given: argparse.Namespace) -> int:
    """Closed loops side by side on one core; a target missed is no fault."""
    chosen = {name: vars(given)[name] for name in ("scenarios", "rounds", "seconds", "connections")}
    base = micro.QUICK if given.quick else micro.MicroOptions()
    options = replace(base, **{name: value for name, value in chosen.items() if value is not None})
    settings = {"scenarios": options.scenarios, "rounds": options.rounds, "seconds": options.seconds}
    bench = session.open_bench(given.results, settings, _command(), _progress())
    with session.keeping(bench):
        micro.micro(bench, options, given.pickles, given.models)
    return show(bench)


def run_peers(given: argparse.Namespace) -> int:
    """Closed loops beside the servers of others; one that is not installed or answers wrongly is named, not timed."""
    settings = {"rounds": given.rounds, "seconds": given.seconds, "connections": given.connections}
    bench = session.open_bench(given.results, settings, _command(), _progress())
    with session.keeping(bench):
        options = micro.MicroOptions((), given.rounds, given.seconds, given.connections)
        peers.compare(bench, options, given.pickles, given.models, given.environments)
    print(rates.write(bench.results, bench.folder))
    status = show(bench)
    names = {FASTAPI_ONNX: "FastAPI, pydantic, one `session.run` a request", NGINX: "nginx, a constant"}
    print(f"\n{summary.markdown(bench.results, names | {peer.name: peer.said for peer in PEERS})}")
    return status


def run_cores(given: argparse.Namespace) -> int:
    """Several workers on as many cores beside one on one, the load on the same; a target missed is no fault."""
    options = cores.CoresOptions(given.counts, given.connections, given.rounds, given.seconds, given.part)
    settings = {"counts": options.counts, "rounds": options.rounds, "seconds": options.seconds, "part": options.part}
    here = sorted(available())  # before this process keeps to one of them
    bench = session.open_bench(given.results, settings, _command(), _progress())
    bench.results.notes[:] = [f"wrk on the workers' own cores, a thread each, of {len(here)} cores in all"]
    with session.keeping(bench):
        cores.cores(bench, models.example(given.model, given.pickles, given.models), options, here)
    return show(bench)


def plan_text(given: argparse.Namespace) -> str:
    """Which dynos a rate needs, by the newest run that measured steps, or by the one given."""
    measured = results.read(given.run_folder or session.newest(given.results))
    return capacity.render(measured, given.rate, given.p99)


def write_case_file(given: argparse.Namespace) -> str:
    """Write the cases file that ``locust -f bench/load/locustfile.py --cases`` reads."""
    pickle: Path = given.pickle
    rows = session.rows_of(given.model or pickle.stem, given.data)
    cases = make_cases(load_model(pickle), rows, given.path, given.rows)
    write_cases(cases, given.out)
    return f"{len(cases)} requests with their answers in {given.out}"


def show(bench: Bench) -> int:
    """Print the table and where the rest is; the exit status."""
    folder = bench.folder
    print(f"\n{table.render(bench.results)}\n\n{folder / 'results.json'}\n{folder / 'report.html'}")
    if bench.results.interrupted:
        return 130
    return int(bool(bench.results.wrong or bench.results.faults))


def _open(given: argparse.Namespace, scenarios: Sequence[str], options: RunOptions) -> Bench:
    model, rows = load_model(given.pickles / f"{given.model}.pkl"), session.rows_of(given.model, given.data)
    cases = make_cases(model, rows)
    settings = {"model": given.model, "scenarios": list(scenarios), "goal_ms": options.goal_ms}
    bench = session.open_bench(given.results, settings, _command(), _progress(), options.server_cores)
    bench.results.settings["connections"] = bench.generator.connections
    return replace(bench, pickles=given.pickles, model=model, rows=rows).asking(cases, "cases.json")


def _chosen(given: argparse.Namespace, workers_each: int | None) -> list[System]:
    """``workers_each`` None: as many as the server itself plans for the dyno, which is what a person gets."""
    systems = systems_for(given.model, given.pickles, given.models, workers_each)
    return [systems[name] for name in given.systems]


def _options(given: argparse.Namespace) -> RunOptions:
    size = size_named(given.size)
    routed = given.command == "run" and not given.direct and router.executable() is not None
    small = given.cpu or SMALL_SHARE
    placement = Placement(
        lambda name: dyno(size, name, given.cpu),
        getattr(given, "dynos", 1),
        routed,
        lambda name: dyno(size, name, small),
    )
    return RunOptions(given.rate, given.seconds, given.goal_ms, placement, math.ceil(given.cpu or size.cores))


def _command() -> str:
    return f"python -m bench {' '.join(sys.argv[1:])}"


def _progress() -> Progress:
    """Lines with the time since the start, on standard error, so that tables can be piped."""
    began = time.monotonic()

    def say(line: str, seconds: float = 0.0) -> None:
        about = f" ({seconds:.0f} s)" if seconds else ""
        print(f"{time.monotonic() - began:5.0f} s  {line}{about}", file=sys.stderr, flush=True)

    return say


COMMANDS: dict[str, Callable[[argparse.Namespace], int | str]] = {  # an exit status, or a text to print
    "run": run_scenarios,
    "quick": run_quick,
    "micro": run_micro,
    "peers": run_peers,
    "workers": run_workers,
    "cores": run_cores,
    "host": run_host,
    "compare": lambda given: compare.render(results.read(given.before), results.read(given.after)),
    "footprint": lambda given: footprint.table(given.models, given.requirements),
    "plan": plan_text,
    "report": lambda given: str(page.write(results.read(given.folder), given.folder)),
    "cases": write_case_file,
}

if __name__ == "__main__":
    sys.exit(main())
