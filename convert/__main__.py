"""The command line of convert/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace

import orjson

from convert import commands
from convert.errors import Refused, UsageError
from convert.options import Convert, Inspect, Verify, default_name, parse

DONE, FAILED, USAGE = 0, 1, 2
MODEL_FILES = (".pkl", ".pickle", ".joblib", ".skops")

Asked = Convert | Inspect | Verify


def main(words: Sequence[str]) -> int:
    """Runs one command, or one for each model file of a folder; answers the exit status."""
    try:
        asked = parse(words)
        if isinstance(asked, Convert) and asked.model.is_dir():
            return max(_one(each) for each in _each(asked))
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
    match asked:
        case Convert():
            return commands.convert(asked, _tell)
        case Verify():
            return commands.verify(asked, _tell)
        case Inspect():
            return commands.inspect(asked)


def _tell(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
