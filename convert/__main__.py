"""The command line of convert/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from convert import commands
from convert.errors import Refused, UsageError
from convert.options import Convert, Inspect, Verify, parse

DONE, FAILED, USAGE = 0, 1, 2


def main(words: Sequence[str]) -> int:
    """Runs one command; answers the exit status."""
    try:
        asked = parse(words)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    try:
        print(_run(asked))
    except Refused as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return FAILED
    except commands.NotEqual as failure:
        print(f"{failure}\nno file was written" if isinstance(asked, Convert) else str(failure))
        return FAILED
    return DONE


def _run(asked: Convert | Inspect | Verify) -> str:
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
