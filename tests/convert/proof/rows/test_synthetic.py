"""Proof rows: enough of them, at the thresholds and beside, within what the schema allows."""

from __future__ import annotations

import numpy as np

from convert.original.hints.column_hints import ColumnHint
from convert.original.table import as_json, for_graph, from_json, length, rows_at
from convert.proof.rows.synthetic import ROWS, synthesise
from convert.proof.rows.usual import ODD_TEXTS
from server.artefact.metadata import MISSING_TEXT, Feature

FEATURES = (
    Feature("number", "float64", "number"),
    Feature("gap", "float64", "gap", nullable=True),
    Feature("word", "string", "word", categories=("a", "é")),
    Feature("free", "string", "free", nullable=True),
    Feature("flag", "bool", "flag"),
)
HINTS = [
    ColumnHint(points=[0.1, 2.5]),
    ColumnHint(centre=100.0, spread=10.0),
    ColumnHint(text=True, known=["a", "é"]),
    ColumnHint(text=True, known=["p"]),
    ColumnHint(boolean=True, known=[False, True]),
]
GROUPS = synthesise(FEATURES, HINTS)


def test_there_are_ten_thousand_and_the_same_every_time() -> None:
    assert sum(map(length, GROUPS.values())) == ROWS == 10_000
    again = synthesise(FEATURES, HINTS)
    assert all((GROUPS["usual"][name] == again["usual"][name]).all() for name in ("number", "word", "flag"))


def test_thresholds_have_their_neighbours_in_both_precisions() -> None:
    here = set(GROUPS["thresholds"]["number"].tolist())
    single = np.float32(0.1)
    assert {0.1, np.nextafter(0.1, 1), np.nextafter(0.1, 0), float(single)} <= here
    assert {float(np.nextafter(single, np.float32(1))), float(np.nextafter(single, np.float32(0)))} <= here


def test_values_are_missing_only_where_they_may_be() -> None:
    table = GROUPS["missing"]
    assert 0.2 < np.isnan(table["gap"]).mean() < 0.4
    assert not np.isnan(table["number"]).any()
    assert None in table["free"].tolist()
    assert set(table["word"].tolist()) == {"a", "é"}


def test_words_nobody_knows_come_only_where_any_are_taken() -> None:
    assert set(GROUPS["usual"]["word"].tolist()) == {"a", "é"}
    assert set(ODD_TEXTS) <= set(GROUPS["usual"]["free"].tolist())


def test_usual_numbers_have_few_digits() -> None:
    assert all(round(value, 1) == value for value in GROUPS["usual"]["gap"][:100].tolist())


def test_without_thresholds_gaps_or_memory_rows_are_usual_whole_or_extreme() -> None:
    plain = synthesise((Feature("x", "float64", "X"),), [ColumnHint()])
    assert set(plain) == {"usual", "extremes", "whole"}


def test_rows_survive_json_and_become_tensors() -> None:
    table = rows_at(GROUPS["missing"], slice(0, 50))
    again = from_json(as_json(table), FEATURES)
    tensors, same = for_graph(table, FEATURES), for_graph(again, FEATURES)
    assert all(np.array_equal(tensors[n], same[n], equal_nan=n in ("number", "gap")) for n in tensors)
    assert tensors["free"].shape == (50, 1)
    assert MISSING_TEXT in tensors["free"].ravel().tolist()


def test_whole_rows_hold_steps_zeros_and_equal_columns() -> None:
    table = synthesise(tuple(Feature(name, "float64", "X") for name in "ab"), [ColumnHint(centre=3.0, spread=2.0)] * 2)[
        "whole"
    ]
    assert (table["a"] == np.round(table["a"])).all()
    assert 0.2 < (table["a"] == 0).mean() < 0.6
    assert (table["a"][::4] == table["b"][::4]).all()


def test_remembered_rows_come_themselves_with_one_cell_changed_and_as_a_lattice() -> None:
    known = np.arange(100.0)
    hints = [ColumnHint(remembered=known), ColumnHint(remembered=-known)]
    groups = synthesise(tuple(Feature(name, "float64", "X") for name in "ab"), hints)
    itself, beside, lattice = groups["remembered"], groups["beside"], groups["lattice"]
    assert sorted(itself["a"]) == sorted(known)
    assert (itself["a"] == -itself["b"]).all()
    assert {*beside["a"], *-beside["b"]} <= set(known)
    assert 0 < (beside["a"] != -beside["b"]).mean() <= 1
    aside = np.arange(len(lattice["a"])) // 3 % 3 > 0  # next to the middle of two rows
    whole = lattice["a"][~(aside & (np.arange(len(aside)) % 3 == 0))]
    assert {value % 1 for value in whole.tolist()} == {0.0, 0.5}
