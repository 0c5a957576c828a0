"""The page of faults: what it says of a row, by what came of its tests."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.campaigns.faults import catalogue
from tests.campaigns.faults.page import Result, lines_of, page, verdict

QUICK = catalogue.MarkedTest("tests/a.py", "test_b")
LONG = catalogue.MarkedTest("tests/a.py", "test_c", slow=True, has_slow=True)
PARTLY = catalogue.MarkedTest("tests/a.py", "test_d", has_slow=True)
PASSED, FAILED, SKIPPED = Result("passed"), Result("failed"), Result("skipped", "no cgroup")
LONG_PASSED = Result("passed", slow=True)


@pytest.mark.parametrize(
    ("tests", "results", "said"),
    [
        ([], {}, "no test yet"),
        ([QUICK], {}, "not run"),
        ([QUICK], {QUICK.node: [PASSED]}, "passed"),
        ([QUICK], {QUICK.node: [PASSED, FAILED]}, "failed, 2 cases"),
        ([QUICK], {QUICK.node: [SKIPPED]}, "skipped; 1 skipped: no cgroup"),
        ([QUICK], {QUICK.node: [PASSED, SKIPPED]}, "passed, 2 cases; 1 skipped: no cgroup"),
        ([QUICK, LONG], {QUICK.node: [PASSED]}, "passed; 1 slow not run"),
        ([QUICK, LONG], {QUICK.node: [PASSED], LONG.node: [LONG_PASSED]}, "passed, 2 cases"),
        ([PARTLY], {PARTLY.node: [PASSED]}, "passed; 1 slow not run"),
        ([PARTLY], {PARTLY.node: [PASSED, LONG_PASSED]}, "passed, 2 cases"),
    ],
)
def test_the_worst_is_told_first(
    tests: Sequence[catalogue.MarkedTest], results: dict[str, list[Result]], said: str
) -> None:
    assert verdict(tests, results) == said


def test_a_row_stands_under_its_group_with_its_tests() -> None:
    row = catalogue.Row(7, "A", "a | b", "c", "d")
    text = page({"A": "Title", "B": "Empty"}, [row], {7: [LONG, QUICK]}, {QUICK.node: [PASSED]})
    assert "1 of 1 rows passed" in text
    assert text.index("## A. Title") < text.index("| 7 | a \\| b | c | d | a.py: test_b, test_c (slow) |")


def test_lines_of_rows_that_were_not_asked_stay_and_count() -> None:
    rows = [catalogue.Row(number, group, "a | b", "c", "d") for number, group in ((7, "A"), (8, "B"))]
    tests = {7: [QUICK], 8: [LONG]}
    before = page({"A": "One", "B": "Two"}, rows, tests, {QUICK.node: [FAILED], LONG.node: [LONG_PASSED]})
    kept = lines_of(before)
    assert sorted(kept) == [7, 8]
    after = page({"A": "One", "B": "Two"}, rows, tests, {QUICK.node: [PASSED]}, {8: kept[8]})
    assert after == before.replace("1 of 2 rows", "2 of 2 rows").replace("failed |", "passed |")
