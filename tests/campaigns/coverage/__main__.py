"""The coverage command: measures every case in both ways and writes the page. An entry point."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.campaigns.coverage.cases import all_cases
from tests.campaigns.coverage.measure import Outcome, measure, ours, plain
from tests.campaigns.coverage.page import Row, page
from tests.campaigns.outside.page import put, taken


def main(words: Sequence[str]) -> int:
    """Exit status 1 where a case of ours is neither converted nor refused."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.coverage", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose group/name holds this; no page")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    asked = parser.parse_args(words)
    rows: list[Row] = []
    for case in all_cases():
        if asked.only in f"{case.group}/{case.name}":
            here = measure(case, ours)
            rows.append((case, here, Outcome("not fitted") if asked.only else measure(case, plain)))
            if here.status != "agrees":
                print(f"{case.group}: {case.name}: {here.status}: {here.why[:400]}", file=sys.stderr, flush=True)
    if not asked.only:
        kept = taken(asked.out.read_text()) if asked.out.exists() else ""
        asked.out.write_text(put(page(rows), kept) if kept else page(rows))
    bad = [case.name for case, here, _ in rows if here.status not in ("agrees", "refused", "not fitted")]
    agree = sum(here.status == "agrees" for _, here, _ in rows)
    print(f"{len(rows)} cases, {agree} agree, {len(bad)} are neither converted nor refused: {bad}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
