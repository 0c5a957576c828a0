"""What a person reads of a conversion fits on a screen."""

from __future__ import annotations

from convert.cli.report import SHOWN_FEATURES, description
from server.artefact.metadata import Artefact, Feature, Golden, Output


def test_a_wide_model_is_described_in_part_unless_all_is_asked_for() -> None:
    features = tuple(Feature(f"f{number}", "float64", "X") for number in range(3_000))
    outputs = (Output("value", "value"),)
    wide = Artefact("wide", "regressor", features, outputs, None, Golden((), {}), {}, "now", "0" * 64)
    shown = description(wide, SHOWN_FEATURES).splitlines()
    assert shown[-2].split()[0] == f"f{SHOWN_FEATURES - 1}"
    assert shown[-1] == "and 2,960 more"
    assert description(wide).splitlines()[-1].split()[0] == "f2999"
