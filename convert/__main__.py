"""The command line of convert/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import orjson

from convert.cli import commands
from convert.cli.options import Convert, Inspect, Verify, default_name, parse
from convert.cli.progress import Progress
from convert.errors import Refused, UsageError

DONE, FAILED, USAGE = 0, 1, 2
MODEL_FILES = (".pkl", ".pickle", ".joblib", ".skops")

Asked = Convert | Inspect | Verify


def main(words: Sequence[str]) -> int:
    """Runs one command, or one for each model file of a folder; answers the exit status."""
    try:
        asked = parse(words)
        if isinstance(asked, Convert) and asked.model.is_dir():
            return _folder(_each(asked))
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    return _one(asked)


def _each(asked: Convert) -> list[Convert]:
    if asked.out.suffix == ".onnx":
        raise UsageError("--out names one file, but the models are a folder's: name a folder")
    files = sorted(path for path in asked.model.iterdir() if path.suffix in MODEL_FILES)
    if not files:
        raise UsageError(f"{asked.model} holds no file ending in {', '.join(MODEL_FILES)}")
    return [replace(asked, model=path, name=default_name(path)) for path in files]


def _folder(each: Sequence[Convert]) -> int:
    failed = []
    for number, asked in enumerate(each, 1):
        print(f"\n{asked.model.name} ({number} of {len(each)})", file=sys.stderr)
        if _one(asked) != DONE:
            failed.append(asked.model.name)
    not_written = f", {len(failed)} not: {', '.join(failed)}" if failed else ""
    print(f"\n{len(each) - len(failed)} of {len(each)} models written{not_written}", file=sys.stderr)
    return FAILED if failed else DONE


def _one(asked: Asked) -> int:
    try:
        _print(_run(asked), asked.json)
    except Refused as refusal:
        if asked.json:
            parts = {"reason": refusal.reason, "remedy": refusal.remedy, "where": refusal.where}
            print(orjson.dumps({"refused": parts}).decode())
        print(f"refused: {refusal}", file=sys.stderr)
        return FAILED
    except commands.NotEqual as failure:
        _print(failure.result, asked.json)
        if isinstance(asked, Convert):
            print("no file was written", file=sys.stderr)
        return FAILED
    return DONE


def _print(result: commands.Result, as_json: bool) -> None:
    print(orjson.dumps(result.data).decode() if as_json else result.text)


def _run(asked: Asked) -> commands.Result:
    progress = Progress(sys.stderr)
    try:
        match asked:
            case Convert():
                return commands.convert(asked, progress.tell)
            case Verify():
                return commands.verify(asked, progress.tell)
            case Inspect():
                return commands.inspect(asked)
    finally:
        progress.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
