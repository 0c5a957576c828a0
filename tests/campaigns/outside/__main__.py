"""The command over other people's dumps: judges every one and writes their section of the page. An entry point."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from convert.proof.rows.synthetic import ROWS
from tests.campaigns.coverage.data import Case
from tests.campaigns.coverage.measure import measure
from tests.campaigns.outside.dumps import Dump, find
from tests.campaigns.outside.judge import Asked, judge
from tests.campaigns.outside.page import Judged, put, section

SECONDS = 180  # of the processor
BAD = ("differs", "breaks", "hangs")


def main(words: Sequence[str]) -> int:
    """Exit status 1 where a model is neither answered rightly nor refused, or where there are no dumps."""
    asked = _parser().parse_args(words)
    dumps = [dump for folder in asked.folders for dump in find(folder) if asked.only in f"{dump.suite}/{dump.name}"]
    with ThreadPoolExecutor(asked.workers) as pool:
        judged = list(pool.map(lambda dump: _judged(dump, asked.rows), dumps))
    if not asked.only and judged:
        asked.out.write_text(put(asked.out.read_text() if asked.out.exists() else "", section(judged, asked.rows)))
    bad = [name for _, name, outcome in judged if outcome.status in BAD]
    agree = sum(outcome.status == "agrees" for _, _, outcome in judged)
    print(f"{len(judged)} models, {agree} agree, {len(bad)} are neither answered rightly nor refused: {bad}")
    return 1 if bad or not judged else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.outside", description=__doc__)
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="FOLDER", help="of dumps; they are opened, so trust them"
    )
    parser.add_argument("--only", default="", metavar="TEXT", help="only those whose folder/name holds this; no page")
    parser.add_argument("--rows", type=int, default=ROWS, help="made up for a proof, at least; fewer take less time")
    parser.add_argument("--workers", type=int, default=2, help="children at once")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    return parser


def _judged(dump: Dump, rows: int) -> Judged:
    def make() -> Asked:
        return Asked(*dump.read(), made_up=rows)

    outcome = measure(Case(dump.suite, dump.name, make), judge, SECONDS)
    if outcome.status != "agrees" or outcome.why:
        print(f"{dump.suite}: {dump.name}: {outcome.status}: {outcome.why[:400]}", file=sys.stderr, flush=True)
    return dump.suite, dump.name, outcome


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
