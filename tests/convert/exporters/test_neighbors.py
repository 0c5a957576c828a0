"""Neighbours that tie: found, counted, refused where they are common; every other answer is the original's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.impute import KNNImputer
from sklearn.linear_model import LinearRegression
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.semi_supervised import LabelPropagation

from convert.errors import Refused
from convert.export import export
from convert.graph.graph import Array
from convert.original.original import open_original
from convert.original.schema import describe
from convert.proof.enough import MOST_ACCIDENTS, refuse_ties
from convert.proof.parity import Proof, find_accidents, prove
from convert.proof.questions import ask_few_rows, ask_proof_rows
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import numbers

RANDOM = np.random.default_rng(7)
SURVEY = RANDOM.integers(1, 6, (300, 5)).astype(float)
MEASURED = RANDOM.normal(size=(300, 5))
SCORE = SURVEY.sum(axis=1) + RANDOM.normal(size=300)
LABEL = (SCORE.mean() < SCORE).astype(int)
MIXED = ColumnTransformer([("c", OneHotEncoder(), [0]), ("n", "passthrough", [1, 2])])


@pytest.fixture(autouse=True)
def fewer_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 3000)


def proof_of(model: Any) -> Proof:
    original = open_original(model)
    features = describe(original)
    exported = export(original, features, ask_few_rows(original, features))
    groups, expected = ask_proof_rows(original, features, None)
    marks = None if exported.accidents is None else Runtime(exported.accidents.SerializeToString())
    runtime = Runtime(exported.model.SerializeToString())
    return prove(runtime, features, groups, expected, find_accidents(marks, features, groups))


def half_missing() -> Array:
    return np.where(RANDOM.random(SURVEY.shape) < 0.2, np.nan, SURVEY)


@pytest.mark.parametrize(
    "model",
    [
        KNeighborsClassifier(),
        KNeighborsClassifier(1),
        KNeighborsClassifier(weights="distance"),
        KNeighborsClassifier(algorithm="brute"),
        KNeighborsClassifier(metric="manhattan", algorithm="ball_tree"),
        KNeighborsRegressor(),
        make_pipeline(StandardScaler(), KNeighborsClassifier()),
        make_pipeline(MinMaxScaler(), KNeighborsRegressor(weights="distance")),
        make_pipeline(MIXED, KNeighborsRegressor()),
        make_pipeline(OneHotEncoder(sparse_output=False), KNeighborsClassifier()),  # no way leads back to its rows
        make_pipeline(KBinsDiscretizer(3, encode="ordinal"), KNeighborsRegressor(3)),
    ],
    ids=lambda model: str(model).replace("\n", "")[:60],
)
def test_on_whole_numbers_ties_are_common_and_no_other_answer_differs(model: Any) -> None:
    proof = proof_of(model.fit(SURVEY, SCORE if "Regressor" in str(model) else LABEL))
    assert proof.wrong == 0, proof.bad
    assert proof.accident_share > MOST_ACCIDENTS
    with pytest.raises(Refused, match="neighbours at one distance"):
        refuse_ties(proof)


@pytest.mark.parametrize("model", [KNeighborsClassifier(), KNeighborsRegressor(weights="distance")])
def test_on_measured_numbers_ties_are_rare(model: Any) -> None:
    proof = proof_of(model.fit(MEASURED, LABEL))
    assert (proof.wrong, proof.accident_share) == (0, 0.0)
    refuse_ties(proof)


def test_equal_neighbours_that_agree_are_no_accident() -> None:
    proof = proof_of(KNeighborsClassifier().fit(SURVEY, np.zeros(300, np.int64)))
    assert (proof.wrong, proof.accidents) == (0, 0)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(KNNImputer(n_neighbors=2), LinearRegression()),
        LocalOutlierFactor(novelty=True, n_neighbors=10),
        KMeans(4, n_init=1, random_state=0),
    ],
    ids=["imputer", "outliers", "clusters"],
)
def test_other_models_that_look_for_near_points_mark_ties_too(model: Any) -> None:
    proof = proof_of(model.fit(half_missing() if "Imputer" in str(model) else SURVEY, SCORE))
    assert proof.wrong == 0, proof.bad
    assert proof.accidents > 0


def test_marks_never_stand_in_the_file() -> None:
    original = open_original(KNeighborsClassifier().fit(SURVEY, LABEL))
    features = describe(original)
    exported = export(original, features, ask_few_rows(original, features))
    assert [output.name for output in exported.model.graph.output] == ["label", "probabilities"]
    assert not {"Not", "Or", "LessOrEqual"} & {node.op_type for node in exported.model.graph.node}
    assert exported.accidents is not None


def test_labels_spread_over_rows_of_a_sparse_matrix(agrees: Callable[[Any], object]) -> None:
    rows = numbers()[:80]
    labels = np.where(np.arange(len(rows)) % 4, -1, rows[:, 0] > 0)
    agrees(LabelPropagation(gamma=1, tol=0.1).fit(sparse.csr_array(rows), labels))


def test_rows_that_were_remembered_as_a_sparse_matrix(agrees: Callable[[Any], object]) -> None:
    rows = np.where(numbers() > 0, numbers(), 0)[:200]
    agrees(KNeighborsClassifier(3).fit(sparse.csr_array(rows), rows[:, 0] > 0.5))


def test_sparse_rows_that_a_file_cannot_hold_are_refused(agrees: Callable[[Any], object]) -> None:
    rows = sparse.random_array((1000, 30_000), density=1e-4, format="csr", rng=0)
    with pytest.raises(Refused, match="its 1,000 rows of 30,000 columns are mostly zeros, and a file holds each"):
        agrees(KNeighborsRegressor(3).fit(rows, np.arange(1000.0)))
