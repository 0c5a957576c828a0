"""Names of columns and steps of imputers, as pandas and scikit-learn pickle them, and as a stranger might."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas
import pytest
import scipy.stats
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.preprocessing import StandardScaler

from convert.errors import Refused
from convert.opening.inert import Absent, Inert
from convert.opening.making import tables
from convert.opening.making.makers import MAKERS
from convert.opening.opener import open_model

X = np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize(
    "columns",
    [
        pandas.Index(["a", "b"]),
        pandas.Index(["a", "b"], dtype=object),
        pandas.Index([0, 1]),
        pandas.RangeIndex(2),
        make_column_selector(dtype_include=np.number),
        make_column_selector(dtype_include=[np.integer, np.floating, "number"]),
    ],
    ids=["index", "objects", "numbers", "range", "a kind", "kinds"],
)
def test_columns_are_chosen_as_people_choose_them(columns: Any) -> None:
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    model = ColumnTransformer([("n", StandardScaler(), columns)]).fit(table)
    opened = open_model(pickle.dumps(model))
    np.testing.assert_array_equal(opened.transform(table), model.transform(table))


@pytest.mark.parametrize(
    "state",
    [
        {"data": 1},
        {"data": np.zeros((2, 2))},
        {"data": np.array([open], object)},
        {"start": 0, "stop": 1 << 40, "step": 1},
        {"start": 0, "stop": 2, "step": 0},
        {"start": "a", "stop": 2, "step": 1},
        [],
    ],
)
def test_what_is_no_list_of_columns_is_refused(state: Any) -> None:
    with pytest.raises(Refused, match="no list of columns"):
        tables.make_index((Inert("pandas.Index"), state))
    with pytest.raises(Refused, match="no list of columns"):
        tables.fill_strings(tables.make_strings(()), state)


def test_an_imputers_steps_come_back() -> None:
    x = np.where(np.random.default_rng(1).random(X.shape) < 0.2, np.nan, X)
    model = IterativeImputer(max_iter=3, random_state=0).fit(x)
    np.testing.assert_array_equal(open_model(pickle.dumps(model)).transform(x), model.transform(x))
    for broken in (
        (0, np.zeros(2, np.int64)),
        (-1, np.zeros(2, np.int64), None),
        (0, [1], None),
        (0, np.ones(2), None),
    ):
        with pytest.raises(Refused, match="a step of an imputer in the file is broken"):
            tables.make_imputer_step(broken)


@pytest.mark.parametrize(
    "drawn", [scipy.stats.loguniform(0.1, 1), scipy.stats.randint(2, 5), scipy.stats.norm(), scipy.stats.poisson(3)]
)
def test_distributions_are_not_opened(drawn: Any) -> None:
    opened = open_model(pickle.dumps([StandardScaler().fit(X), {"C": drawn}]))
    assert isinstance(opened[1]["C"], Inert)


def test_an_attribute_is_taken_of_a_stand_in_alone() -> None:
    take = MAKERS["builtins.getattr"][0]
    nothing = Inert("scipy.stats._discrete_distns.randint_gen")
    assert take((nothing, "_pmf")) is nothing
    for asked in ((StandardScaler(), "fit"), ("a", "format"), (np, "load"), (nothing,)):
        assert isinstance(take(asked), Absent)
