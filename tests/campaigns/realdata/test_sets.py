"""The catalogue of data sets: enough of them and of kinds, and files of the pinned packages only."""

from __future__ import annotations

from pathlib import Path

from tests.campaigns.realdata.kinds import build, kinds
from tests.campaigns.realdata.sets import all_sets, halves

PACKAGES = Path(__file__).parents[3] / "requirements-data.txt"


def test_there_are_enough_sets_and_kinds() -> None:
    assert len(all_sets()) >= 25
    assert all(len(kinds(one.task)) >= 40 for one in all_sets())


def test_every_file_is_of_a_pinned_package() -> None:
    pinned = {line.split("==")[0].replace("-", "_") for line in PACKAGES.read_text().splitlines() if "==" in line}
    assert {one.file.split("/")[0] for one in all_sets() if one.file is not None} == pinned


def test_no_row_is_in_both_halves() -> None:
    wine = next(one for one in all_sets() if one.name == "wine")
    parts = halves(wine, Path())
    assert not set(parts.x.itertuples(index=False)) & set(parts.unseen.itertuples(index=False))
    assert "target" not in parts.x
    assert build(kinds("classification")[0], parts.x).fit(parts.x, parts.y).n_features_in_ == 13
