"""Owns the grammar of the command line: commands, options, defaults. Knows nothing of what they do."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from bench.baselines.serving import BASELINES, OURS
from bench.dyno.dyno import SIZES
from bench.turns.micro import MICRO_SCENARIOS
from bench.turns.scenarios import SCENARIOS, WORKER_COUNTS, RunOptions

SYSTEMS = (OURS, "fastapi_onnx", "fastapi_pickle")
Commands = Any  # argparse gives what add_subparsers returns no public name


def parser() -> ArgumentParser:
    """All commands; the parsed ``command`` is the one that was named."""
    whole = ArgumentParser(prog="python -m bench", description="Measure dynonnx beside two baselines.")
    commands = whole.add_subparsers(required=True, dest="command", metavar="COMMAND")
    places = ArgumentParser(add_help=False)
    places.add_argument("--pickles", type=Path, default=Path("build"), help="folder of the pickles (default: build)")
    places.add_argument("--models", type=Path, default=Path("models"), help="the repository (default: models)")
    places.add_argument("--results", type=Path, default=Path("bench/results"), help="where results go")
    inputs = ArgumentParser(add_help=False, parents=[places])
    inputs.add_argument("--model", default="iris", help="example model (default: iris)")
    inputs.add_argument("--data", type=Path, help="CSV file with rows to ask about (default: the example's own)")
    _dyno_runs(commands, inputs)
    _other_runs(commands, inputs, places)
    _readings(commands)
    return whole


def _dyno_runs(commands: Commands, inputs: ArgumentParser) -> None:
    systems, names = ArgumentParser(add_help=False), [OURS, *BASELINES]
    systems.add_argument("--systems", nargs="+", choices=names, default=list(SYSTEMS), help="which servers")

    parents = [inputs, _load(RunOptions().rate), systems]
    run = commands.add_parser("run", parents=parents, help="the chosen scenarios in a stand-in dyno")
    run.add_argument("--slo-p99", type=float, help="fail when dynonnx's p99 at the steady rate is above this, in ms")
    run.add_argument("--slo-held", type=float, help="fail when dynonnx holds fewer requests/s than this")
    run.add_argument("--dynos", type=int, default=1, help="dynos of each server behind the router (1)")
    run.add_argument("--direct", action="store_true", help="without the stand-in router (deploy always has one)")
    run.add_argument("--scenario", nargs="+", choices=list(SCENARIOS), default=["steady", "steps", "deploy"])

    commands.add_parser("quick", parents=[inputs, systems], help="the three-minute form")

    parents = [inputs, _load(rate=1000.0)]
    workers = commands.add_parser("workers", parents=parents, help="one dyno with several numbers of workers")
    workers.add_argument("--counts", nargs="+", type=int, default=list(WORKER_COUNTS), help="numbers of workers")


def _load(rate: float) -> ArgumentParser:
    """Made anew for each default rate: a parser shares the options of its parents."""
    load, cpu = ArgumentParser(add_help=False), "cores' worth of time for the dyno, such as 0.25 (default: the type's)"
    load.add_argument("--size", default="standard-1x", help=f"dyno type: {', '.join(SIZES)}")
    load.add_argument("--cpu", type=float, help=cpu)
    load.add_argument("--rate", type=float, default=rate, help="requests/s of scenarios at one rate")
    load.add_argument("--seconds", type=float, default=RunOptions().seconds, help="seconds a turn")
    load.add_argument("--goal-ms", type=float, default=RunOptions().goal_ms, help="the p99 that counts as held")
    return load


def _other_runs(commands: Commands, inputs: ArgumentParser, places: ArgumentParser) -> None:
    says = "peak rates, latencies and CPU side by side on one core, by wrk"
    micro = commands.add_parser("micro", parents=[places], help=says)
    micro.add_argument("--quick", action="store_true", help="one example model, fewer and shorter rounds")
    micro.add_argument("--scenarios", nargs="+", choices=MICRO_SCENARIOS, help="what to measure (all)")
    micro.add_argument("--rounds", type=int, help="turns of each, of which the median counts (5)")
    micro.add_argument("--seconds", type=float, help="seconds of a turn (0.7)")
    micro.add_argument("--connections", type=int, nargs="+", help="busy connections (1 32 128)")

    host = commands.add_parser("host", parents=[inputs], help="a server that runs elsewhere and is yours")
    host.add_argument("url", help="such as https://my-app.herokuapp.com; a key, where it needs one, is in BENCH_KEY")
    host.add_argument("--i-own-this-host", action="store_true", help="say so: other people's servers are not measured")
    host.add_argument("--rate", type=float, default=10.0, help="requests/s of the steady turn")
    host.add_argument("--most", type=float, default=100.0, help="requests/s that the climb does not exceed")
    host.add_argument("--seconds", type=float, default=20.0, help="seconds of the steady turn; steps take half")
    host.add_argument("--goal-ms", type=float, default=300.0, help="the p99 that counts as held, network included")

    footprint = commands.add_parser("footprint", help="what the server takes: start, memory, packages")
    footprint.add_argument("--models", type=Path, default=Path("models"), help="folder with the example models")
    footprint.add_argument("--requirements", type=Path, default=Path("requirements.txt"), help="of the web dyno")


def _readings(commands: Commands) -> None:
    compare = commands.add_parser("compare", help="what changed between two runs")
    compare.add_argument("before", type=Path, help="a folder under bench/results")
    compare.add_argument("after", type=Path, help="another")

    plan = commands.add_parser("plan", help="which dynos a rate needs, by a measured run")
    plan.add_argument("--rate", type=float, required=True, help="requests/s to hold")
    plan.add_argument("--p99", type=float, default=RunOptions().goal_ms, help="milliseconds that 99 %% must keep")
    plan.add_argument("--run", dest="run_folder", type=Path, help="a folder under bench/results (default: the newest)")
    plan.add_argument("--results", type=Path, default=Path("bench/results"), help="where runs are")

    report = commands.add_parser("report", help="draw report.html again from results.json")
    report.add_argument("folder", type=Path, help="a folder under bench/results")

    cases = commands.add_parser("cases", help="write requests and right answers for locust -f bench/load/locustfile.py")
    cases.add_argument("--pickle", type=Path, required=True, help="the pickle that gives the answers")
    cases.add_argument("--model", help="whose rows (default: the pickle's stem)")
    cases.add_argument("--data", type=Path, help="CSV file with rows to ask about, columns in the model's order")
    cases.add_argument("--path", default="/predict", help="the route (default: /predict)")
    cases.add_argument("--rows", type=int, default=0, help="rows in each request; 0 is one bare row (default)")
    cases.add_argument("--out", type=Path, required=True, help="the file to write")
