"""What a person reads of a conversion fits on a screen."""

from __future__ import annotations

from convert.cli.report import LONGEST_CELL, SHOWN_FEATURES, description, feature_cells, proof_table, verdict
from server.artefact.metadata import Artefact, Feature, Golden, Output


def test_a_wide_model_is_described_in_part_unless_all_is_asked_for() -> None:
    features = tuple(Feature(f"f{number}", "float64", "X") for number in range(3_000))
    outputs = (Output("value", "value"),)
    wide = Artefact("wide", "regressor", features, outputs, None, Golden((), {}), {}, "now", "0" * 64)
    shown = description(wide, SHOWN_FEATURES).splitlines()
    assert shown[-2].split()[0] == f"f{SHOWN_FEATURES - 1}"
    assert shown[-1] == "and 2,960 more"
    assert description(wide).splitlines()[-1].split()[0] == "f2999"


def test_one_long_name_does_not_make_every_line_as_long() -> None:
    """A file of some megabytes would take a machine's memory: a name of 5 MB beside 100,000 others."""
    long = "n" * 1_000_000
    features = tuple(Feature(name, "float64", "X") for name in (long, *(f"f{number}" for number in range(3_000))))
    wide = Artefact(
        "wide", "regressor", features, (Output("value", "value"),), None, Golden((), {}), {}, "now", "0" * 64
    )
    assert max(map(len, description(wide).splitlines())) < 2 * LONGEST_CELL
    line = {"rows": 1, "wrong": 0, "ties": 0, "worst": 0.0, "output": "value"}
    lines = [{**line, "group": group, "way": way} for group in (long, "usual") for way in ("batched", "alone")]
    assert len(proof_table({"lines": lines})) < 10 * LONGEST_CELL


def test_accidents_are_explained_where_there_are_any() -> None:
    line = {"group": "usual", "rows": 9, "wrong": 0, "ties": 0, "worst": 0.0, "output": "label"}
    both = [{**line, "way": way} for way in ("batched", "alone")]
    assert "accidents" not in proof_table({"lines": both})
    assert "accidents: rows whose neighbours are equally near" in proof_table(
        {"lines": [{**one, "accidents": 3} for one in both]}
    )


def test_known_values_are_told_apart_from_the_only_ones() -> None:
    assert feature_cells(Feature("a", "string", "a"))[-1] == "any"
    assert feature_cells(Feature("a", "string", "a", known=("x", "y")))[-1] == "any; known: x, y"
    assert feature_cells(Feature("a", "string", "a", categories=("x", "y")))[-1] == "x, y"


def test_what_is_answered_alone_is_said_with_how_much_company_changes() -> None:
    parity = {"wrong": 0, "rows": 10_000, "ties": 0, "company": {"rows": 200, "differ": 187, "worst": 0.0123}}
    assert verdict(parity).endswith("of 200 rows together it answers 187 otherwise, by up to 0.012 of their size")
