"""The catalogue of faults: its rows are whole, and each has a test that bears its mark."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.faults.catalogue import marked_tests, read_catalogue

# Rows without a test. It only shrinks: a row that has got its test must go from here.
NOT_YET: frozenset[int] = frozenset()


def test_rows_are_numbered_in_groups_that_follow_each_other() -> None:
    groups, rows = read_catalogue()
    assert [row.number for row in rows] == list(range(1, 65))
    assert list(dict.fromkeys(row.group for row in rows)) == list(groups) == list("ABCDEFGH")
    assert all(row.fault and row.promised and row.never for row in rows)


def test_every_row_has_a_test_or_is_listed_as_without() -> None:
    _, rows = read_catalogue()
    assert {row.number for row in rows} - set(marked_tests()) == NOT_YET


def test_no_mark_names_a_row_that_is_not_there() -> None:
    _, rows = read_catalogue()
    assert set(marked_tests()) <= {row.number for row in rows}


def test_marks_are_read_of_functions_classes_and_modules(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\n"
        "@pytest.mark.slow\n@pytest.mark.fault(1, 2)\ndef test_b(): ...\n"
        "class TestC:\n    @pytest.mark.fault(2)\n    async def test_d(self): ...\n"
        "@pytest.mark.fault(3)\ndef helper(): ...\n"
        "@pytest.mark.fault(5)\n@parametrize('n', [1, param(2, marks=pytest.mark.slow)])\ndef test_g(n): ...\n"
    )
    (tmp_path / "test_e.py").write_text("pytestmark = [pytest.mark.fault(4), other]\ndef test_f(): ...\n")
    found = marked_tests(tmp_path, tmp_path)
    told = {row: [(test.node, test.slow, test.has_slow) for test in tests] for row, tests in found.items()}
    assert told == {
        1: [("test_a.py::test_b", True, True)],
        2: [("test_a.py::test_b", True, True), ("test_a.py::TestC::test_d", False, False)],
        4: [("test_e.py::test_f", False, False)],
        5: [("test_a.py::test_g", False, True)],
    }
