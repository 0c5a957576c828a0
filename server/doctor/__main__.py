"""Owns the commands `python -m server doctor` and `check`: asks, prints each finding with its remedy."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from server.doctor.checkout import NoCheckout
from server.doctor.configuration import read_config_vars
from server.doctor.examination import Asked, examine
from server.doctor.memory import SIZES, size_named
from server.doctor.trying import try_models
from server.fetching.address import read_addresses
from server.fetching.apart import fetch_apart
from server.logs.formats import told
from server.settings import BadSetting, read_settings

GOOD, BAD, USAGE = 0, 1, 2
HEROKU_SECONDS = 15
DOCTOR = """\
Says before a push to Heroku what would go wrong, each line with the command that mends it.

It looks at what is committed, as a push takes nothing else: models and their trial, the build's own rules, the slug,
settings, memory. Config vars of the app are asked of the heroku command, where it is there and a remote is set up."""
CHECK = """\
Opens every model as the server does and has it answer its golden rows, on this very machine; no git, and no network
but for the models of DYNONNX_MODELS_FROM, which it fetches first.

Procfile's release phase runs it on a dyno before the new slug takes traffic: exit status 1, and it never does."""


def main(words: Sequence[str], memory_bytes: int | None) -> int:
    """Runs `doctor` or `check`; returns the exit status: 0 good, 1 something was found, 2 the command line is wrong.

    ``memory_bytes``: of this machine, as the server reads it; None without a limit.
    """
    logging.disable()  # what a trial logs is said here, once
    parser = argparse.ArgumentParser(prog="python -m server", formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    doctor = commands.add_parser("doctor", description=DOCTOR, formatter_class=parser.formatter_class)
    sizes = f"{', '.join(SIZES)}, or Fir's like dyno-2c-8gb"
    doctor.add_argument("--dyno", type=_size, metavar="SIZE", help=f"{sizes}; without: app.json's, or basic")
    doctor.add_argument("--open", action="store_true", help="the app is meant to answer anyone, without keys")
    doctor.add_argument("--remote", metavar="NAME", help="the remote of the app that is meant, where git has several")
    doctor.add_argument("--config", metavar="FILE", help="config vars, from `heroku config --shell`; -: standard input")
    commands.add_parser("check", description=CHECK, formatter_class=parser.formatter_class)
    given = parser.parse_args(words)
    return _check(memory_bytes) if given.command == "check" else _examine(given)


def _size(name: str) -> str:
    if size_named(name) is None:
        raise argparse.ArgumentTypeError(f"there is no dyno size {name}; there are {', '.join(SIZES)}, and Fir's")
    return name.lower()


def _examine(given: argparse.Namespace) -> int:
    try:
        config_vars = read_config_vars(_config_vars(given.config, given.remote))
    except (OSError, ValueError) as error:
        print(told(f"error: --config {given.config}: {error}"), file=sys.stderr)
        return USAGE
    try:
        examined = examine(Path.cwd(), Asked(os.environ, config_vars, given.dyno, given.open, given.remote))
    except NoCheckout as error:
        print(told(f"1. {error}\n   {error.remedy}"))
        return BAD
    for number, finding in enumerate(examined.findings, 1):
        print(told(f"{number}. {finding.what}", kept=""))
        print(told(f"   {finding.remedy}", kept=""))
    if not examined.findings:
        print(told(f"good: {examined.summary}"))
    return BAD if examined.findings else GOOD


def _config_vars(file: str | None, remote: str | None) -> str:
    """The text of the app's config vars; empty where nobody can tell."""
    if file is not None:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    if (heroku := shutil.which("heroku")) is None:
        return ""
    try:
        run = subprocess.run(  # noqa: S603  the person's own heroku command, with words of ours
            [heroku, "config", "--json", *(["--remote", remote] if remote else [])],
            capture_output=True,
            text=True,
            timeout=HEROKU_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return run.stdout if run.returncode == 0 else ""


def _check(memory_bytes: int | None) -> int:
    try:
        settings = read_settings(os.environ)
        read_addresses(settings.models_from)
        if settings.models_from and fetch_apart():
            return BAD
        tried = try_models(settings.models, settings, memory_bytes)
    except BadSetting as error:
        print(told(error), file=sys.stderr)
        return USAGE
    for model in tried.models:
        rows = model.verdict.golden_rows
        print(
            f"{model.name} {model.version}: answers its {rows} golden rows"
            if rows
            else f"{model.name} {model.version}: opens"
        )
    for reason in tried.refused.values():
        print(told(f"refused: {reason}"))
    names = {model.name for model in tried.models}
    if settings.default_model is not None and settings.default_model not in names:
        there = f"there is {', '.join(sorted(names))}" if names else "there is none"
        print(told(f"DYNONNX_DEFAULT_MODEL is {settings.default_model}, and no such model serves: {there}"))
        return BAD
    if not tried.models and not tried.refused:
        print(f"no model is in {settings.models}/ yet: the server will say so")
    return BAD if tried.refused else GOOD


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], None))
