"""The command line of convert/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import orjson

from convert.cli import commands
from convert.cli.options import Command, ConvertCommand, InspectCommand, SignCommand, VerifyCommand, default_name, parse
from convert.cli.progress import Progress
from convert.errors import Refused, UsageError

DONE, FAILED, USAGE = 0, 1, 2
MODEL_FILES = (".pkl", ".pickle", ".joblib", ".skops")


def main(words: Sequence[str]) -> int:
    """Runs one command, or one for each model file of a folder; answers the exit status."""
    try:
        command = parse(words)
        if isinstance(command, ConvertCommand) and command.job.model.is_dir():
            return _run_each(_commands_for_folder(command))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    return _run_one(command)


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
        print(f"\n{command.job.model.name} ({number} of {len(each)})", file=sys.stderr)
        if _run_one(command) != DONE:
            failed.append(command.job.model.name)
    not_written = f", {len(failed)} not: {', '.join(failed)}" if failed else ""
    print(f"\n{len(each) - len(failed)} of {len(each)} models written{not_written}", file=sys.stderr)
    return FAILED if failed else DONE


def _run_one(command: Command) -> int:
    try:
        _print(_report(command), command.json)
    except Refused as refusal:
        if command.json:
            parts = {"reason": refusal.reason, "remedy": refusal.remedy, "where": refusal.where}
            print(orjson.dumps({"refused": parts}).decode())
        print(f"refused: {refusal}", file=sys.stderr)
        return FAILED
    except commands.NotEqual as failure:
        _print(failure.report, command.json)
        if isinstance(command, ConvertCommand):
            print("no file was written", file=sys.stderr)
        return FAILED
    return DONE


def _print(report: commands.Report, as_json: bool) -> None:
    print(orjson.dumps(report.data).decode() if as_json else report.text)


def _report(command: Command) -> commands.Report:
    progress = Progress(sys.stderr)
    try:
        match command:
            case ConvertCommand():
                return commands.convert(command, progress.tell)
            case VerifyCommand():
                return commands.verify(command, progress.tell)
            case InspectCommand():
                return commands.inspect(command)
            case SignCommand():
                return commands.sign(command)
    finally:
        progress.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
