"""Owns the command line: words in, one job out. Pure; prints nothing and reads no file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from score.errors import UsageError
from score.wanted import SUFFIXES, EngineName, Job

HELP = """\
Scores a table of any length with a model of the models folder: Parquet or CSV in, the same out.

The columns are those of the model, by name, and judged as the server judges a request. A row that is refused goes into
a file of its own, OUT.refused.csv, with its number and the reason; all others are answered, in their order.

  python -m score rows.parquet answers.parquet                 one file, with the only model there is
  python -m score rows.csv answers.csv --model churn --key id  the column id beside each answer
  python -m score year/ answers/ --model churn                 every file of a folder, in parts
  python -m score 'year/2026-*.parquet' answers/               those that match

Into a folder answers are written in parts. After an interruption the same command goes on behind the last whole part.

It needs pyarrow and tqdm: python -m pip install -r requirements-scale.txt

Exit status: 0 all rows are answered, 1 refused, 2 the command line is wrong, 3 some rows are refused."""
PART_ROWS = 1_000_000


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message}; see python -m score --help")


def parse(words: Sequence[str]) -> Job:
    """Reads a command line. Raises UsageError; ends the program for --help."""
    parser = _Parser(prog="python -m score", description=HELP, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "source", metavar="IN", help="a .parquet or .csv file, a folder of them, or a pattern in quotes"
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="a .parquet or .csv file, or a folder")
    parser.add_argument(
        "--models", type=Path, default=Path("models"), metavar="DIR", help="the models folder (default: models)"
    )
    parser.add_argument("--model", metavar="NAME", help="which model; not needed where there is one")
    parser.add_argument("--version", metavar="V", help="which version; the highest without")
    parser.add_argument(
        "--key", action="append", default=[], metavar="COLUMN", help="a column to keep; may be repeated"
    )
    parser.add_argument("--probabilities", action="store_true", help="the probability of every class as well")
    parser.add_argument(
        "--part-rows", type=int, default=PART_ROWS, metavar="N", help=f"rows of a part (default: {PART_ROWS:,})"
    )
    parser.add_argument(
        "--engine",
        choices=get_args(EngineName),
        default="local",
        help="ray: the parts by the tasks of a Ray cluster, that of RAY_ADDRESS or one on this machine; IN and OUT must"
        " lie where every node finds them",
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads of a run (default: 1)")
    parser.add_argument("--replace", action="store_true", help="overwrites what is there")
    given = parser.parse_args(words)
    if given.part_rows < 1 or given.threads < 1:
        raise UsageError("--part-rows and --threads are at least 1")
    if given.out.suffix not in ("", *SUFFIXES):
        raise UsageError(f"OUT ends in {' or '.join(SUFFIXES)}, or is a folder; got {given.out.name}")
    return Job(
        source=given.source,
        out=given.out,
        models=given.models,
        model=given.model,
        version=given.version,
        keys=tuple(dict.fromkeys(given.key)),
        probabilities=given.probabilities,
        part_rows=given.part_rows,
        threads=given.threads,
        replace=given.replace,
        engine=given.engine,
    )
