"""Owns the page docs/coverage-data.md: cells in, text out. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

from tests.campaigns.realdata.results import Cell

HEAD = """\
# Real data

Written by `make coverage-data`: public data sets that packages ship (`requirements-data.txt`, scikit-learn {sklearn}),
with their whole numbers, repeated values, zeros, constant and correlated columns, missing values and words as they are.
Each kind of model is fitted on half of a set in a usual pipeline, and converted as a person would, without `--data`:
then scikit-learn and ONNX Runtime answer the half that no model has seen (of 3,000 rows at most), by the rule of
parity. Exit status 1 where a row differs, a conversion breaks or hangs. Where remembered rows tie, the answer is an
accident: such rows are counted, and a model that is refused for them is compared all the same in its other rows.
"""
MARKS = {"agrees": "", "refused": "r", "differs": "**D**", "breaks": "**B**", "hangs": "**H**", "not fitted": "-"}
BAD = ("differs", "breaks", "hangs")
TITLES = {"classification": "Classes", "regression": "Numbers", "text": "Texts"}
LONGEST = 240  # characters of a reason


def page(cells: Sequence[Cell]) -> str:
    """The whole page."""
    parts = [HEAD.format(sklearn=version("scikit-learn")), _summary(cells), _list("What differs", cells, BAD)]
    parts += [_table(task, [cell for cell in cells if cell.task == task]) for task in TITLES]
    parts += [_accidents(cells), _refused(cells)]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _summary(cells: Sequence[Cell]) -> str:
    lines = ["| | sets | cells | agree | refused | differ | break or hang |", "| --- |" + " ---: |" * 6]
    for task in [*TITLES, "all"]:
        here = [cell for cell in cells if task in (cell.task, "all") and cell.outcome.status != "not fitted"]
        count = Counter(cell.outcome.status for cell in here)
        numbers = (count["agrees"], count["refused"], count["differs"], count["breaks"] + count["hangs"])
        sets = len({cell.set for cell in here})
        lines.append(f"| {TITLES.get(task, task)} | {sets} | {len(here):,} | " + " | ".join(map(str, numbers)) + " |")
    return "\n".join(lines) + "\n"


def _table(task: str, cells: Sequence[Cell]) -> str:
    """Kinds down, sets across; an empty cell agrees."""
    if not cells:
        return ""
    sets, kinds = (list(dict.fromkeys(values)) for values in ([c.set for c in cells], [c.kind for c in cells]))
    marks = {(cell.set, cell.kind): MARKS[cell.outcome.status] for cell in cells}
    lines = [f"## {TITLES[task]}\n", "Empty: agrees; r: refused; -: scikit-learn does not fit it; ?: not measured.\n"]
    lines += ["| kind | " + " | ".join(sets) + " |", "| --- |" + " :-: |" * len(sets)]
    for kind in kinds:
        lines.append(f"| {kind} | " + " | ".join(marks.get((name, kind), "?") for name in sets) + " |")
    return "\n".join(lines) + "\n"


def _list(title: str, cells: Sequence[Cell], statuses: Sequence[str]) -> str:
    rows = [cell for cell in cells if cell.outcome.status in statuses]
    if not rows:
        return ""
    lines = [f"## {title}\n", "| set | kind | |", "| --- | --- | --- |"]
    lines += [f"| {cell.set} | {cell.kind} | {cell.outcome.status}: {_said(cell)} |" for cell in rows]
    return "\n".join(lines) + "\n"


def _accidents(cells: Sequence[Cell]) -> str:
    rows = [cell for cell in cells if cell.outcome.status == "agrees" and cell.outcome.why]
    if not rows:
        return ""
    lines = [
        "## Accidents\n",
        "Files that were written and answer these unseen rows otherwise, because neighbours tie.\n",
    ]
    lines += ["| set | kind | rows |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {cell.set} | {cell.kind} | {_said(cell)} |" for cell in rows)]) + "\n"


def _refused(cells: Sequence[Cell]) -> str:
    """By reason, as most cells share one; numbers in a reason do not make another of it."""
    rows = [cell for cell in cells if cell.outcome.status == "refused"]
    reasons: dict[str, list[Cell]] = {}
    for cell in rows:
        reasons.setdefault(re.sub(r"[\d.,]+%?", "#", cell.outcome.why)[:60], []).append(cell)
    lines = ["## What is refused\n", "| cells | kinds | sets | reason, of the first |", "| ---: | --- | --- | --- |"]
    for here in sorted(reasons.values(), key=len, reverse=True):
        kinds, sets = (", ".join(dict.fromkeys(v)) for v in ([c.kind for c in here], [c.set for c in here]))
        lines.append(f"| {len(here)} | {kinds} | {sets} | {_said(here[0])} |")
    return "\n".join(lines) + "\n" if rows else ""


def _said(cell: Cell) -> str:
    return " ".join(cell.outcome.why.split()).replace("|", "\\|")[:LONGEST]
