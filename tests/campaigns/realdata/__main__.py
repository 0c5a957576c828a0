"""The command over real data: measures what is not yet settled, and writes the page. An entry point."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from convert.cli.progress import Progress
from tests.campaigns.realdata.cell import measure_cell
from tests.campaigns.realdata.kinds import Kind, kinds
from tests.campaigns.realdata.page import BAD, page
from tests.campaigns.realdata.results import Cell, Results
from tests.campaigns.realdata.sets import DataSet, all_sets

DEFAULT_FOLDER = Path("build/data")


def main(words: Sequence[str]) -> int:
    """Exit status 1 where a cell differs, breaks or hangs."""
    asked = _parser().parse_args(words)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the children are as many as there are cores
    if asked.fresh:
        asked.results.unlink(missing_ok=True)
    results = Results(asked.results)
    order = _all_cells()
    chosen = [cell for name, cell in order.items() if asked.only in "/".join(name)]
    waiting = [(one, kind) for one, kind in chosen if not results.is_settled(one.name, kind.name)]
    _measure(waiting, asked.data, results, asked.workers)
    places = list(order)
    cells = sorted(results.cells(), key=lambda cell: places.index((cell.set, cell.kind)))
    asked.out.write_text(page(cells))
    bad = [f"{cell.set}/{cell.kind}: {cell.outcome.status}" for cell in cells if cell.outcome.status in BAD]
    print(f"{len(cells)} cells, {len(bad)} differ, break or hang: {bad}; {asked.out}")
    return 1 if bad else 0


def _all_cells() -> dict[tuple[str, str], tuple[DataSet, Kind]]:
    """By name, kind by kind, so that a run that is broken off has seen every set."""
    cells = [(place, one, kind) for one in all_sets() for place, kind in enumerate(kinds(one.task))]
    return {(one.name, kind.name): (one, kind) for _, one, kind in sorted(cells, key=lambda cell: cell[0])}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.realdata", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="only cells whose set/kind holds this")
    parser.add_argument("--fresh", action="store_true", help="forget what was measured before")
    parser.add_argument("--workers", type=int, default=2, help="children at once")
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="where requirements-data.txt is installed")
    parser.add_argument("--results", type=Path, default=Path("build/coverage-data.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("docs/coverage-data.md"))
    return parser


def _measure(waiting: Sequence[tuple[DataSet, Kind]], folder: Path, results: Results, workers: int) -> None:
    progress = Progress(sys.stderr)
    with ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(measure_cell, one, kind, folder): (one, kind) for one, kind in waiting}
        for done, future in enumerate(as_completed(running), 1):
            one, kind = running[future]
            outcome = future.result()
            results.add(Cell(one.task, one.name, kind.name, outcome))
            text = f"{done} of {len(waiting)}: {one.name}/{kind.name}: {outcome.status}"
            progress.tell(text, done / len(waiting))
    progress.done()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
