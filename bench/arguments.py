"""Owns the grammar of the command line, told in ``arguments.toml``. Knows nothing of what commands do."""

from __future__ import annotations

import tomllib
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.baselines.systems import BASELINES, OURS
from bench.dyno.dyno import SIZES
from bench.turns.micro import MICRO_SCENARIOS
from bench.turns.scenarios import SCENARIOS, WORKER_COUNTS, RunOptions

_GRAMMAR = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8").replace("{sizes}", ", ".join(SIZES)))
_NAMES: Mapping[str, Mapping[str, Any]] = {  # what the grammar's words stand for
    "type": {"int": int, "float": float, "path": Path},
    "choices": {"systems": [OURS, *BASELINES], "scenarios": list(SCENARIOS), "micro_scenarios": MICRO_SCENARIOS},
}
_TURN = {"seconds": RunOptions().seconds, "goal_ms": RunOptions().goal_ms}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "run": {"rate": RunOptions().rate, **_TURN},
    "workers": {"rate": 1000.0, "counts": list(WORKER_COUNTS), **_TURN},
    "plan": {"p99": RunOptions().goal_ms},
}


def parser() -> ArgumentParser:
    """All commands; the parsed ``command`` is the one that was named."""
    whole = ArgumentParser(prog="python -m bench", description="Measure dynonnx beside two baselines.")
    commands = whole.add_subparsers(required=True, dest="command", metavar="COMMAND")
    for name, command in _GRAMMAR["commands"].items():
        subparser = commands.add_parser(
            name, help=command["help"], description=command["about"], formatter_class=RawDescriptionHelpFormatter
        )
        groups = [_GRAMMAR["groups"][group] for group in command.get("groups", [])]
        for options in (*groups, command.get("options", {})):
            for flag, option in options.items():
                known = {key: names[option[key]] for key, names in _NAMES.items() if key in option}
                subparser.add_argument(flag, **option | known)
        subparser.set_defaults(**_DEFAULTS.get(name, {}))
    return whole
