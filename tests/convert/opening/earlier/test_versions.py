"""A file of an earlier booster is left to the release that wrote it, which it names; so are the libraries it needs."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from convert.errors import OtherVersion, Refused
from convert.opening.builder import Builder
from convert.opening.earlier.versions import refuse_versions
from convert.opening.opener import OpenPolicy, open_model
from tests.campaigns.versions import pickles


def old(made_by: str, name: str) -> bytes:
    """One of the old pickles, of a booster that is installed here."""
    pytest.importorskip(made_by.partition("-")[0], reason="an optional extra")
    return {one.name: one.content for one in pickles.read(made_by)}[name]


@pytest.mark.parametrize(
    ("made_by", "told"),
    [("xgboost-1.7", "1.7.6"), ("xgboost-2.0", "2.0.3"), ("xgboost-2.1", "2.1.4"), ("lightgbm-3", "3")],
)
@pytest.mark.parametrize("name", ["numbers", "booster"])
def test_a_booster_without_a_scikit_learn_is_left_to_its_release(made_by: str, told: str, name: str) -> None:
    module = made_by.partition("-")[0]
    with pytest.raises(OtherVersion, match=rf"the model was pickled with (XGBoost|LightGBM) {told}") as refusal:
        open_model(old(made_by, name))
    assert (refusal.value.version, refusal.value.libraries) == ("", {module: told})
    assert "--allow-version-mismatch" in refusal.value.remedy
    open_model(old(made_by, name), OpenPolicy(any_version=True))


@pytest.mark.parametrize(
    ("made_by", "version", "told"), [("xgboost-2.0", "1.3.2", "2.0.3"), ("lightgbm-4", "1.5.2", "4")]
)
def test_behind_a_step_of_an_old_scikit_learn_both_are_told(made_by: str, version: str, told: str) -> None:
    with pytest.raises(OtherVersion) as refusal:
        open_model(old(made_by, "scaled"))
    assert refusal.value.version == version
    assert refusal.value.libraries == {made_by.partition("-")[0]: told}


@pytest.mark.parametrize(("module", "kind"), [("xgboost", "XGBRegressor"), ("lightgbm", "LGBMRegressor")])
def test_one_of_today_is_answered_for_here(module: str, kind: str) -> None:
    library = pytest.importorskip(module, reason="an optional extra")
    rows = np.arange(80.0).reshape(40, 2)
    model: Any = getattr(library, kind)(n_estimators=2, n_jobs=1).fit(rows, rows[:, 0])
    assert open_model(pickle.dumps(model)) is not None


def test_boosters_of_two_releases_are_refused() -> None:
    pytest.importorskip("xgboost", reason="an optional extra")
    builder = Builder(())
    builder.boosters = {("xgboost", "1.7.6"), ("xgboost", "2.1.4")}
    with pytest.raises(Refused, match=r"the model was pickled with XGBoost 1\.7\.6") as refusal:
        refuse_versions(builder, None, is_skops=False)
    assert not isinstance(refusal.value, OtherVersion)
