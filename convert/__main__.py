"""The command line of convert/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import orjson

from convert.cli.options import (
    Command,
    ConvertCommand,
    DoctorCommand,
    InspectCommand,
    SignCommand,
    VerifyCommand,
    parse,
)
from convert.cli.outcome import DONE, FAILED, INTERRUPTED, USAGE, NotEqual, Outcome, Report
from convert.cli.progress import Progress
from convert.cli.terminal import as_started, visible, visible_json
from convert.errors import Refused, UsageError, unforeseen
from convert.sandbox import parent

Tell = Callable[[str, float], None]


def main(words: Sequence[str]) -> int:
    """Runs one command, or one for each of several models; answers the exit status."""
    try:
        command = parse(words)
        if (
            isinstance(command, ConvertCommand)
            and command.mlflow is None
            and (command.more or command.job.model.is_dir())
        ):
            return _run_each(command)
        if isinstance(command, SignCommand):
            return _run_one(command)
        with parent.near(_child_of(command)):  # it imports while we do
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


def _are_several(command: ConvertCommand) -> bool:
    return command.mlflow is None and (bool(command.more) or command.job.model.is_dir())


def _child_of(command: Command) -> str:
    if isinstance(command, DoctorCommand):
        return parent.LOOKS
    return parent.INSPECTS if isinstance(command, InspectCommand) else parent.OPENS_PICKLES


def _run_each(command: ConvertCommand) -> int:
    from convert.cli import several

    each = several.commands_for(command)
    failed = []
    outcomes = several.run_each(each, lambda one: _outcome(one, lambda *_: None), several.how_many(each))
    for number, (one, outcome) in enumerate(zip(each, outcomes, strict=True), 1):
        _say(f"\n{one.job.model.name} ({number} of {len(each)})", sys.stderr)
        _tell(outcome)
        if outcome.status != DONE:
            failed.append(one.job.model.name)
    not_written = f", {len(failed)} not: {', '.join(failed)}" if failed else ""
    _say(f"\n{len(each) - len(failed)} of {len(each)} models written{not_written}", sys.stderr)
    return FAILED if failed else DONE


def _run_one(command: Command) -> int:
    progress = Progress(sys.stderr)
    try:
        outcome = _outcome(command, progress.tell)
    finally:
        progress.done()
    return _tell(outcome)


def _tell(outcome: Outcome) -> int:
    if outcome.printed:
        print(outcome.printed)
    for text in outcome.said:
        _say(text, sys.stderr)
    return outcome.status


def _outcome(command: Command, tell: Tell) -> Outcome:
    try:
        return Outcome(DONE, _shown(_report(command, tell), command.json))
    except NotEqual as failure:
        not_written = ("no file was written",) if isinstance(command, ConvertCommand) else ()
        return Outcome(FAILED, _shown(failure.report, command.json), not_written)
    except Exception as error:  # noqa: BLE001  a traceback is never an answer
        refusal = _as_refusal(error)
        refusal.traceback = refusal.traceback or "".join(traceback.format_exception(error))
        return _refused(refusal, command)


def _as_refusal(error: Exception) -> Refused:
    if isinstance(error, Refused):
        return error
    if isinstance(error, OSError):
        return Refused(f"the system does not allow it: {error}", "check the path, its permissions and the free space")
    return unforeseen(error)


def _refused(refusal: Refused, command: Command) -> Outcome:
    parts = {"reason": refusal.reason, "remedy": refusal.remedy, "where": refusal.where}
    told = {"refused": {**parts, "traceback": refusal.traceback} if command.debug else parts}
    said = [f"refused: {refusal}", *([refusal.traceback] if command.debug else [])]
    return Outcome(FAILED, _json(told) if command.json else "", tuple(said))


def _shown(report: Report, as_json: bool) -> str:
    return _json(report.data) if as_json else visible(as_started(report.text, sys.orig_argv))


def _json(data: Mapping[str, Any]) -> str:
    return visible_json(orjson.dumps(data).decode())


def _say(text: str, stream: TextIO) -> None:
    print(visible(as_started(text, sys.orig_argv)), file=stream)


def _report(command: Command, tell: Tell) -> Report:
    if isinstance(command, DoctorCommand):
        from convert.cli import doctor

        return doctor.look(command.model)
    from convert.cli import commands  # not before: children import meanwhile

    match command:
        case ConvertCommand():
            return commands.convert(command, tell, kept_environments())
        case VerifyCommand():
            return commands.verify(command, tell, kept_environments())
        case InspectCommand():
            return commands.inspect(command)
        case SignCommand():
            return commands.sign(command)


def kept_environments() -> Path:
    """The folder of environments with other versions of scikit-learn, in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache") / "dynonnx" / "environments"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
