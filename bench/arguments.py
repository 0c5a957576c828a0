"""Owns the grammar of the command line: commands, options, defaults. Knows nothing of what they do."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bench.dyno.sizes import SIZES
from bench.turns.scenarios import SCENARIOS, Plan
from bench.turns.workers import COUNTS as WORKER_COUNTS

NAMES = ("dynonnx", "fastapi_onnx", "fastapi_pickle")
DEFAULT_SCENARIOS = ("steady", "steps", "deploy")
WORKERS_RATE = 1000.0


def parser() -> argparse.ArgumentParser:
    """All commands; the parsed ``command`` is the one that was named."""
    whole = argparse.ArgumentParser(prog="python -m bench", description="Measure dynonnx beside two baselines.")
    commands = whole.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for add in (
        _add_run,
        _add_quick,
        _add_workers,
        _add_host,
        _add_compare,
        _add_plan,
        _add_report,
        _add_cases,
        _add_footprint,
    ):
        add(commands)
    return whole


Commands = Any  # argparse gives what add_subparsers returns no public name


def _add_run(commands: Commands) -> None:
    each = commands.add_parser("run", help="the chosen scenarios in a stand-in dyno")
    _where(each)
    _what(each, Plan().rate)
    each.add_argument(
        "--systems", "--contenders", nargs="+", choices=NAMES, default=list(NAMES), help="which servers (all three)"
    )
    each.add_argument("--slo-p99", type=float, help="fail when dynonnx's p99 at the steady rate is above this, in ms")
    each.add_argument("--slo-held", type=float, help="fail when dynonnx holds fewer requests/s than this")
    each.add_argument("--dynos", type=int, default=1, help="dynos of each server behind the router (1)")
    each.add_argument("--direct", action="store_true", help="without the stand-in router (deploy always has one)")
    each.add_argument("--scenario", nargs="+", choices=list(SCENARIOS), default=list(DEFAULT_SCENARIOS))


def _add_quick(commands: Commands) -> None:
    each = commands.add_parser("quick", help="the three-minute form")
    _where(each)
    each.add_argument(
        "--systems", "--contenders", nargs="+", choices=NAMES, default=list(NAMES), help="which servers (all three)"
    )


def _add_workers(commands: Commands) -> None:
    each = commands.add_parser("workers", help="one dyno with several numbers of workers")
    _where(each)
    _what(each, WORKERS_RATE)
    each.add_argument("--counts", nargs="+", type=int, default=list(WORKER_COUNTS), help="numbers of workers")


def _add_host(commands: Commands) -> None:
    each = commands.add_parser("host", help="a server that runs elsewhere and is yours")
    each.add_argument("url", help="such as https://my-app.herokuapp.com; a key, where it needs one, is in BENCH_KEY")
    _where(each)
    each.add_argument("--i-own-this-host", action="store_true", help="say so: other people's servers are not measured")
    each.add_argument("--rate", type=float, default=10.0, help="requests/s of the steady turn")
    each.add_argument("--most", type=float, default=100.0, help="requests/s that the climb does not exceed")
    each.add_argument("--seconds", type=float, default=20.0, help="seconds of the steady turn; steps take half")
    each.add_argument("--goal-ms", type=float, default=300.0, help="the p99 that counts as held, network included")


def _add_footprint(commands: Commands) -> None:
    each = commands.add_parser("footprint", help="what the server takes: start, memory, packages")
    each.add_argument("--models", type=Path, default=Path("models"), help="folder with the example models")
    each.add_argument("--requirements", type=Path, default=Path("requirements.txt"), help="of the web dyno")


def _add_compare(commands: Commands) -> None:
    each = commands.add_parser("compare", help="what changed between two runs")
    each.add_argument("before", type=Path, help="a folder under bench/results")
    each.add_argument("after", type=Path, help="another")


def _add_plan(commands: Commands) -> None:
    each = commands.add_parser("plan", help="which dynos a rate needs, by a measured run")
    each.add_argument("--rate", type=float, required=True, help="requests/s to hold")
    each.add_argument("--p99", type=float, default=Plan().goal_ms, help="milliseconds that 99 %% must keep")
    each.add_argument("--run", dest="run_folder", type=Path, help="a folder under bench/results (default: the newest)")
    each.add_argument("--results", type=Path, default=Path("bench/results"), help="where runs are")


def _add_report(commands: Commands) -> None:
    each = commands.add_parser("report", help="draw report.html again from results.json")
    each.add_argument("folder", type=Path, help="a folder under bench/results")


def _add_cases(commands: Commands) -> None:
    each = commands.add_parser("cases", help="write requests and right answers for locust -f bench/load/locustfile.py")
    each.add_argument("--pickle", type=Path, required=True, help="the pickle that gives the answers")
    each.add_argument("--model", help="whose rows (default: the pickle's stem)")
    each.add_argument("--data", type=Path, help="CSV file with rows to ask about, columns in the model's order")
    each.add_argument("--path", default="/predict", help="the route (default: /predict)")
    each.add_argument("--rows", type=int, default=0, help="rows in each request; 0 is one bare row (default)")
    each.add_argument("--out", type=Path, required=True, help="the file to write")


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
