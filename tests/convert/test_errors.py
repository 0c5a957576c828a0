"""A person whose file was changed is told of which estimator which attribute is nothing that fitting writes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from convert.errors import CHANGED, UNFORESEEN, Blamed, Refused, find_blamed, unforeseen
from convert.opening.opener import open_model
from convert.original.original import open_original
from convert.original.schema import describe

X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0], [3.0, 2.0]])
Y = np.array([0, 1, 0, 1])


def raised(read: Any, model: Any) -> Exception:
    try:
        read(model)
    except Exception as error:  # noqa: BLE001  whatever it is
        return error
    raise AssertionError("it raised nothing")


def test_a_missing_attribute_is_named() -> None:
    model = MinMaxScaler().fit(X)
    del model.data_min_
    refusal = unforeseen(raised(lambda scaler: scaler.data_min_ + 1, model))
    assert refusal.reason == "this MinMaxScaler has no data_min_, which fitting writes"
    assert refusal.remedy == CHANGED + UNFORESEEN


def test_an_attribute_of_another_kind_is_named() -> None:
    model = MinMaxScaler().fit(X)
    model.data_min_ = "low"
    error = raised(lambda scaler: scaler.data_min_ / 2.0, model)
    assert find_blamed(error) == Blamed("MinMaxScaler", "data_min_", "str")
    assert "MinMaxScaler has as its data_min_, of type str" in unforeseen(error).reason
    error = raised(lambda scaler: scaler.scale_ / scaler.data_min_, model)
    assert find_blamed(error) == Blamed("MinMaxScaler", "data_min_", "str")


def test_an_attribute_that_no_estimator_has_is_the_mistake_of_who_reads_it() -> None:
    model = MinMaxScaler().fit(X)
    assert find_blamed(raised(lambda scaler: scaler.nothing_of_the_kind, model)) is None
    del model.clip
    assert find_blamed(raised(lambda scaler: scaler.clip, model)) == Blamed("MinMaxScaler", "clip", None)


def test_an_error_of_our_own_is_nobody_elses() -> None:
    model = MinMaxScaler().fit(X)
    refusal = unforeseen(raised(lambda _: [][1], model))
    assert refusal.remedy == UNFORESEEN
    assert find_blamed(raised(lambda thing: thing.nothing, object())) is None


def changed(step: int, attribute: str, value: Any) -> bytes:
    """A pickle of a pipeline, one of whose steps has something else as an attribute; None: has it not."""
    model = make_pipeline(MinMaxScaler(), LogisticRegression()).fit(X, Y)
    fitted = copy.deepcopy(model)[step]
    if value is None:
        del vars(fitted)[attribute]
    else:
        vars(fitted)[attribute] = value
    return pickle.dumps(make_pipeline(*[fitted if at == step else each for at, (_, each) in enumerate(model.steps)]))


@pytest.mark.parametrize(
    ("step", "attribute", "value"),
    [(0, "feature_names_in_", 4), (0, "data_min_", None), (0, "n_features_in_", "two"), (0, "data_max_", [])],
)
def test_a_changed_pickle_is_refused_by_the_estimator_and_its_attribute(step: int, attribute: str, value: Any) -> None:
    try:
        describe(open_original(open_model(changed(step, attribute, value))))
    except Refused as refusal:
        told = refusal
    except Exception as error:  # noqa: BLE001  as the child does
        told = unforeseen(error)
    assert "MinMaxScaler" in told.reason
    assert "changed" in told.remedy


def test_what_is_fitted_is_not_blamed_for_what_it_never_had() -> None:
    assert OneHotEncoder().fit(X).categories_ is not None
    assert find_blamed(ValueError("without a traceback")) is None
