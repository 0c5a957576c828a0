"""The faults command: runs the tests that are marked with a row and writes the page. An entry point."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.campaigns.faults.catalogue import ROOT, MarkedTest, marked_tests, read_catalogue
from tests.campaigns.faults.page import Result, lines_of, page


class Recorder:
    """What came of each test, by its name without parameters; under xdist, what the workers report."""

    def __init__(self) -> None:
        self.results: dict[str, list[Result]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes the call, and of setup and teardown only what did not pass."""
        if report.when == "call" or report.outcome != "passed":
            why = report.longrepr[2].removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""
            name = report.nodeid.partition("[")[0]
            result = Result(report.outcome, why if report.skipped else "", "slow" in report.keywords)
            self.results.setdefault(name, []).append(result)


def main(words: Sequence[str]) -> int:
    """Exit status 1 where a test of a row fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.faults", description=__doc__)
    parser.add_argument("--slow", action="store_true", help="the long ones too, one after another")
    parser.add_argument("--group", default="", metavar="LETTER", help="only the rows of one group; other lines stay")
    parser.add_argument("--row", type=int, default=0, metavar="NUMBER", help="only this row; other lines stay")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "faults.md")
    asked = parser.parse_args(words)
    groups, rows = read_catalogue()
    marked = marked_tests()
    own = {row.number for row in rows if asked.group in ("", row.group) and asked.row in (0, row.number)}
    tests = {test for number in own for test in marked.get(number, ())}
    recorder = Recorder()
    status = _run(
        ["-m", "not slow", "-n", "2", "--dist", "loadfile"], [test for test in tests if not test.slow], recorder
    )
    if asked.slow:
        status |= _run(["-m", "slow", "--timeout", "3600"], [test for test in tests if test.has_slow], recorder)
    before = lines_of(asked.out.read_text("utf-8")) if asked.group or asked.row else {}
    kept = {number: line for number, line in before.items() if number not in own}
    asked.out.write_text(page(groups, rows, marked, recorder.results, kept), "utf-8")
    return status


def _run(options: Sequence[str], tests: Sequence[MarkedTest], recorder: Recorder) -> int:
    """Exit status 1 where one of these fails; 0 where there is none."""
    nodes = sorted(test.node for test in tests)
    return int(bool(nodes) and pytest.main([*options, *nodes], [recorder]) != pytest.ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
