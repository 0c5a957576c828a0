"""The command line of score/: the only place here that prints and knows exit codes."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

from score import errors, options
from server.logs.formats import told

DONE, REFUSED, USAGE, SOME_REFUSED = 0, 1, 2, 3
MISSING = "error: scoring needs pyarrow and tqdm: {} -m pip install -r requirements-scale.txt"


def main(words: Sequence[str]) -> int:
    """Runs one command; answers the exit status."""
    began = time.monotonic()
    try:
        wanted = options.parse(words)
    except errors.UsageError as error:
        print(told(f"error: {error}"), file=sys.stderr)
        return USAGE
    try:
        from score import job
        from score.progress import Progress
    except ModuleNotFoundError as error:
        if error.name not in ("pyarrow", "tqdm"):
            raise
        print(told(MISSING.format(sys.orig_argv[0])), file=sys.stderr)
        return REFUSED
    try:
        with Progress(sys.stderr) as progress:
            summary = job.run(wanted, progress.tell)
    except errors.UsageError as error:
        print(told(f"error: {error}"), file=sys.stderr)
        return USAGE
    except errors.Refused as refusal:
        print(told(f"refused: {refusal}"), file=sys.stderr)
        return REFUSED
    seconds = time.monotonic() - began
    for line in summary.lines(seconds):
        print(told(line))
    return SOME_REFUSED if summary.refused else DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
