"""Owns the page docs/faults.md: rows, their tests and what came of these in, text out. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from tests.campaigns.faults.catalogue import MarkedTest, Row

HEAD = """\
# Faults

Written by `make faults`: what can go wrong, what is promised then, what must never happen, and what came of the tests
that show it ({passed} of {rows} rows passed). [behavior.md](behavior.md) has the promises in full. A test bears the
mark `fault(row)`; those of requests run behind both doors, and on a server of processes. After each of these the same
workers live, `/health` is 200 again, and a known request gets the known answer to the bit. Never, in any row:
a process that ends or hangs, 5xx for what a client sent, a traceback, a path or a key in an answer, another's request
changed. A line is that of the last run that asked its row (`make faults SLOW=1`; `GROUP=B`, `ROW=9`: these alone).
"""
LINE = re.compile(r"^\| (\d+) \|.*$", re.MULTILINE)
NOTHING_KEPT: Mapping[int, str] = MappingProxyType({})
TABLE = "| row | fault | promised | never | tests | result |\n| ---: | --- | --- | --- | --- | --- |"

Outcome = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Result:
    """What came of one test with one set of parameters: of a skipped one, the word why; whether that is a slow one."""

    outcome: Outcome
    why: str = ""
    slow: bool = False


Results = Mapping[str, Sequence[Result]]


def page(
    groups: Mapping[str, str],
    rows: Sequence[Row],
    tests: Mapping[int, Sequence[MarkedTest]],
    results: Results,
    kept: Mapping[int, str] = NOTHING_KEPT,
) -> str:
    """The whole page. ``results``: by the name that pytest gives a test, without parameters; ``kept``: the lines of
    rows whose tests were not asked, by number, as they stood before."""
    lines = {row.number: kept.get(row.number) or _line(row, tests.get(row.number, ()), results) for row in rows}
    passed = sum(line.rpartition(" | ")[2].startswith("passed") for line in lines.values())
    parts = [HEAD.format(passed=passed, rows=len(rows))]
    for letter, title in groups.items():
        own = [lines[row.number] for row in rows if row.group == letter]
        parts.append("\n".join([f"## {letter}. {title}", TABLE, *own, ""]))
    return "\n".join(parts)


def lines_of(text: str) -> dict[int, str]:
    """The lines of a page, by the number of their row."""
    return {int(match[1]): match[0] for match in LINE.finditer(text)}


def _line(row: Row, tests: Sequence[MarkedTest], results: Results) -> str:
    return (
        f"| {row.number} | {_cell(row.fault)} | {_cell(row.promised)} | {_cell(row.never)} "
        f"| {_listed(tests)} | {verdict(tests, results)} |"
    )


def verdict(tests: Sequence[MarkedTest], results: Results) -> str:
    """One word for a row, with counts: failed before anything else; passed where at least one test passed."""
    if not tests:
        return "no test yet"
    came = [result for test in tests for result in results.get(test.node, ())]
    count = {outcome: sum(result.outcome == outcome for result in came) for outcome in ("passed", "failed", "skipped")}
    not_run = sum(not _has_run(test, results.get(test.node, ())) for test in tests)
    words = next((outcome for outcome in ("failed", "passed", "skipped") if count[outcome]), "not run")
    parts = [f"{words}, {len(came)} cases" if len(came) > 1 else words]
    if count["skipped"]:
        reasons = sorted({result.why for result in came if result.outcome == "skipped"})
        parts.append(f"{count['skipped']} skipped: {_cell('; '.join(reasons))}")
    if not_run and came:
        parts.append(f"{not_run} slow not run")
    return "; ".join(parts)


def _has_run(test: MarkedTest, came: Sequence[Result]) -> bool:
    """Whether the test's cases have run, and not only those that are quick."""
    return any(result.slow or not test.has_slow for result in came)


def _listed(tests: Sequence[MarkedTest]) -> str:
    files: dict[str, list[str]] = {}
    for test in sorted(tests):
        files.setdefault(test.file.removeprefix("tests/"), []).append(test.name + _pace(test))
    return "; ".join(f"{file}: {', '.join(names)}" for file, names in files.items())


def _pace(test: MarkedTest) -> str:
    return " (slow)" if test.slow else " (some slow)" if test.has_slow else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
