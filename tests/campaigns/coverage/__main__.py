"""The coverage command: measures every case in both ways and writes the page. An entry point."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.campaigns.coverage.cases import all_cases
from tests.campaigns.coverage.data import Case
from tests.campaigns.coverage.measure import Outcome, measure, ours, plain
from tests.campaigns.coverage.report.kept import Kept
from tests.campaigns.coverage.report.page import Row, page
from tests.campaigns.outside.page import put, taken


def main(words: Sequence[str]) -> int:
    """Exit status 1 where a case of ours is neither converted nor refused."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.coverage", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only cases whose group/name holds this; no page")
    parser.add_argument("--out", type=Path, default=Path("docs/coverage.md"))
    parser.add_argument("--kept", type=Path, default=Path("build/coverage/outcomes.jsonl"), help="goes on with these")
    parser.add_argument("--fresh", action="store_true", help="measures everything anew")
    asked = parser.parse_args(words)
    if asked.fresh:
        asked.kept.unlink(missing_ok=True)
    kept = Kept(asked.kept)
    rows: list[Row] = []
    for case in all_cases():
        if asked.only in f"{case.group}/{case.name}":
            rows.append((case, *_outcomes(case, kept, whole=not asked.only)))
            here = rows[-1][1]
            if here.status != "agrees":
                print(f"{case.group}: {case.name}: {here.status}: {here.why[:400]}", file=sys.stderr, flush=True)
    if not asked.only:
        others = taken(asked.out.read_text()) if asked.out.exists() else ""
        asked.out.write_text(put(page(rows), others) if others else page(rows))
    bad = [case.name for case, here, _ in rows if here.status not in ("agrees", "refused", "not fitted")]
    agree = sum(here.status == "agrees" for _, here, _ in rows)
    print(f"{len(rows)} cases, {agree} agree, {len(bad)} are neither converted nor refused: {bad}")
    return 1 if bad else 0


def _outcomes(case: Case, kept: Kept, whole: bool) -> tuple[Outcome, Outcome]:
    """Of our way and, for a ``whole`` page, of plain skl2onnx; one case alone is measured anew and not kept."""
    if not whole:
        return measure(case, ours), Outcome("not fitted")
    here = kept.outcome(case, "ours", lambda: measure(case, ours))
    if here.status == "not fitted":
        return here, here
    return here, kept.outcome(case, "plain", lambda: measure(case, plain))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
