"""The command line of convert/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import orjson

from convert.cli import commands
from convert.cli.options import Command, ConvertCommand, InspectCommand, SignCommand, VerifyCommand, default_name, parse
from convert.cli.progress import Progress
from convert.cli.terminal import visible, visible_json
from convert.errors import Refused, UsageError, unforeseen

DONE, FAILED, USAGE = 0, 1, 2
INTERRUPTED = 130  # by Ctrl-C, as shells have it
MODEL_FILES = (".pkl", ".pickle", ".joblib", ".skops")


def main(words: Sequence[str]) -> int:
    """Runs one command, or one for each model file of a folder; answers the exit status."""
    try:
        command = parse(words)
        if isinstance(command, ConvertCommand) and command.mlflow is None and command.job.model.is_dir():
            return _run_each(_commands_for_folder(command))
        return _run_one(command)
    except UsageError as error:
        _say(f"error: {error}", sys.stderr)
        return USAGE
    except OSError as error:  # a folder that cannot be listed, a pipe that nobody reads any more
        _say(f"error: {error}", sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        _say("ended, nothing was written", sys.stderr)
        return INTERRUPTED


def _commands_for_folder(command: ConvertCommand) -> list[ConvertCommand]:
    if command.out.suffix == ".onnx":
        raise UsageError("--out names one file, but the models are a folder's: name a folder")
    files = sorted(path for path in command.job.model.iterdir() if path.suffix in MODEL_FILES)
    if not files:
        raise UsageError(f"{command.job.model} holds no file ending in {', '.join(MODEL_FILES)}")
    jobs = [replace(command.job, model=path, name=default_name(path)) for path in files]
    return [replace(command, job=job) for job in jobs]


def _run_each(each: Sequence[ConvertCommand]) -> int:
    failed = []
    for number, command in enumerate(each, 1):
        _say(f"\n{command.job.model.name} ({number} of {len(each)})", sys.stderr)
        if _run_one(command) != DONE:
            failed.append(command.job.model.name)
    not_written = f", {len(failed)} not: {', '.join(failed)}" if failed else ""
    _say(f"\n{len(each) - len(failed)} of {len(each)} models written{not_written}", sys.stderr)
    return FAILED if failed else DONE


def _run_one(command: Command) -> int:
    try:
        report = _report(command)
    except commands.NotEqual as failure:
        _print(failure.report, command.json)
        if isinstance(command, ConvertCommand):
            _say("no file was written", sys.stderr)
        return FAILED
    except Exception as error:  # noqa: BLE001  a traceback is never an answer
        refusal = _as_refusal(error)
        refusal.traceback = refusal.traceback or "".join(traceback.format_exception(error))
        _refuse(refusal, command)
        return FAILED
    _print(report, command.json)
    return DONE


def _as_refusal(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, OSError):
        return Refused(f"the system does not allow it: {error}", "check the path, its permissions and the free space")
    return unforeseen(error)


def _refuse(refusal: Refused, command: Command) -> None:
    if command.json:
        parts = {"reason": refusal.reason, "remedy": refusal.remedy, "where": refusal.where}
        _say_json({"refused": {**parts, "traceback": refusal.traceback} if command.debug else parts})
    _say(f"refused: {refusal}", sys.stderr)
    if command.debug:
        _say(refusal.traceback, sys.stderr)


def _print(report: commands.Report, as_json: bool) -> None:
    if as_json:
        _say_json(report.data)
    else:
        _say(report.text, sys.stdout)


def _say(text: str, stream: TextIO) -> None:
    print(visible(text), file=stream)


def _say_json(data: Mapping[str, Any]) -> None:
    print(visible_json(orjson.dumps(data).decode()))


def _report(command: Command) -> commands.Report:
    progress = Progress(sys.stderr)
    try:
        match command:
            case ConvertCommand():
                return commands.convert(command, progress.tell, kept_environments())
            case VerifyCommand():
                return commands.verify(command, progress.tell, kept_environments())
            case InspectCommand():
                return commands.inspect(command)
            case SignCommand():
                return commands.sign(command)
    finally:
        progress.done()


def kept_environments() -> Path:
    """The folder of environments with other versions of scikit-learn, in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache") / "dynonnx" / "environments"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
