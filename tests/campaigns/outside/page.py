"""Owns the section of docs/coverage.md about models that other people's tests made: outcomes in, text out. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from tests.campaigns.coverage.measure import Outcome

TITLE = "## Models of other people's tests"
INTRODUCTION = """\
Written by `make coverage-outside`: models that the tests of other converters fit and dump, and those that
scikit-learn's own tests and docstrings fit, each with its rows (skl2onnx's come with its source on PyPI; dumps made
elsewhere: `DUMPS=folder`). Each is converted as a person would, with a proof of at least {rows:,} rows, and its file
answers the rows of that test as the pickle does, or it is refused by name.
"""
Judged = tuple[str, str, Outcome]  # whose test, its name, how it ended
LONGEST = 200


def section(judged: Sequence[Judged], rows: int) -> str:
    """The whole section, with its heading."""
    kept = [each for each in judged if each[2].status != "not fitted"]
    return "\n".join([TITLE, "", INTRODUCTION.format(rows=rows), _summary(kept), _listed(kept)]).rstrip() + "\n"


def put(page: str, text: str) -> str:
    """The page with this section in the place of the one that it had, or else at its end."""
    before, _, rest = page.partition(TITLE)
    after = re.search(r"^## ", rest, re.MULTILINE)
    tail = "" if after is None else "\n" + rest[after.start() :]
    return f"{before.rstrip()}\n\n{text}{tail}".lstrip("\n")


def taken(page: str) -> str:
    """The section that a page has, so that who writes the rest of it keeps it; empty where it has none."""
    found = re.search(rf"^{re.escape(TITLE)}.*?(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    return "" if found is None else found.group()


def _summary(judged: Sequence[Judged]) -> str:
    lines = ["| | models | agree | refused | differ | break or hang |", "| --- |" + " ---: |" * 5]
    for suite in dict.fromkeys(suite for suite, _, _ in judged):
        here = Counter(outcome.status for name, _, outcome in judged if name == suite)
        counts = (here.total(), here["agrees"], here["refused"], here["differs"], here["breaks"] + here["hangs"])
        lines.append(f"| {suite} | " + " | ".join(map(str, counts)) + " |")
    return "\n".join(lines) + "\n"


def _listed(judged: Sequence[Judged]) -> str:
    rows = [each for each in judged if each[2].status != "agrees"]
    if not rows:
        return ""
    lines = ["| test's model | | reason |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {suite}: {name} | {o.status} | {_cell(o.why)} |" for suite, name, o in rows)])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")[:LONGEST]
