"""One cell: a set that scikit-learn ships agrees, and a converter that leaves its checks out is caught."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas
import pytest
from sklearn.neighbors import KNeighborsClassifier

from convert.proof.parity import Proof
from tests.campaigns.coverage.measure import Outcome
from tests.campaigns.realdata import cell
from tests.campaigns.realdata.kinds import build, kinds
from tests.campaigns.realdata.sets import all_sets, halves

IRIS = next(one for one in all_sets() if one.name == "iris")


@pytest.fixture(autouse=True)
def fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 1000)


def iris(name: str) -> cell.Fitted:
    kind = next(kind for kind in kinds("classification") if kind.name == name)
    parts = halves(IRIS, Path())
    return cell.Fitted(build(kind, parts.x).fit(parts.x, parts.y), parts.unseen)


def survey() -> cell.Fitted:
    """Neighbours on whole numbers, of which many are equally near."""
    random = np.random.default_rng(0)
    x, y = random.integers(1, 6, (1200, 4)).astype(float), random.integers(0, 3, 1200)
    table = pandas.DataFrame(x, columns=list("abcd"))
    return cell.Fitted(KNeighborsClassifier(weights="distance").fit(table[:600], y[:600]), table[600:])


def test_half_of_a_set_answers_the_other_half() -> None:
    assert cell.judge(iris("tree of 5")) == Outcome("agrees")


def test_a_file_with_other_answers_is_caught() -> None:
    other = pickle.dumps(iris("logistic, raw").model)
    outcome = cell.judge(iris("calibrated SVC"), lambda _: cell.as_people_do(other))
    assert outcome.status == "differs"
    assert "probabilities" in outcome.why


def test_a_converter_that_looks_for_no_ties_is_caught() -> None:
    fitted = survey()
    assert cell.judge(fitted).status == "refused"
    outcome = cell.judge(fitted, lambda pickled: replace(cell.as_people_do(pickled), proof=Proof((), (), {})))
    assert outcome.status == "differs"
    assert "accidents" in outcome.why
