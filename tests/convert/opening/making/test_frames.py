"""Series and frames of pandas: plain values come through, anything else does not."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas
import pytest

from convert.errors import Refused
from convert.opening.making import frames
from convert.opening.opener import OpenPolicy, open_model
from tests.support.convert.hostile import built, made, mapping, named, program, value

ENCODER = "category_encoders.ordinal.OrdinalEncoder"
TABLES = [
    pandas.Series([1.5, 2.0], index=["ä", "b"], name="x"),
    pandas.Series([1, 2, -2], index=["a", "b", np.nan]),
    pandas.Series([1, 2], index=[3, 7]),
    pandas.DataFrame({"sum": [1.0, 2.0], "count": [3, 4], "mean": [0.5, 0.25]}, index=["a", "b"]),
    pandas.DataFrame({"a": [0, 1, 0]}, index=[1, -1, -2]),
]


@pytest.mark.parametrize("table", TABLES, ids=["floats", "with NaN", "whole numbers", "several blocks", "one column"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_a_table_of_plain_values_comes_through(table: Any, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.opening.places.PLACES", {"series": {""}, "frame": {""}})
    opened = open_model(pickle.dumps(table, protocol=protocol), OpenPolicy(any_version=True))
    assert type(opened) is type(table)
    compare: Any = pandas.testing.assert_series_equal if table.ndim == 1 else pandas.testing.assert_frame_equal
    compare(opened, table)


def refusal(pickled: bytes) -> str:
    with pytest.raises(Refused) as refused:
        open_model(pickled, OpenPolicy(any_version=True))
    return refused.value.reason


@pytest.mark.parametrize("name", ["pandas.Series", "pandas.DataFrame"])
def test_a_table_without_its_values_is_refused(name: str) -> None:
    assert "gives it no state" in refusal(program(made(name)))
    for state in (value({}), value({"_mgr": 1}), mapping(_mgr=named("numpy.log1p")), value([1])):
        assert "table of pandas" in refusal(program(built(made(name), state)))


def test_a_table_stands_where_an_encoder_keeps_one() -> None:
    assert "where a model has none" in refusal(pickle.dumps(TABLES[0]))


def block(values: Any, places: Any) -> frames.Block:
    return frames.make_block((values, places, 2))


@pytest.mark.parametrize(
    "blocks",
    [
        (block(np.ones((1, 2)), slice(0, 2)),),
        (block(np.ones((2, 3)), slice(0, 2)),),
        (block(np.ones((1, 2)), np.array([5])),),
        (block(np.ones((1, 2)), np.array([0])), block(np.ones((1, 2)), np.array([0]))),
        (block(np.ones((1, 2)), "all"),),
    ],
    ids=["too few columns", "too many rows", "outside", "twice", "no places"],
)
def test_blocks_that_do_not_fit_are_refused(blocks: Any) -> None:
    manager = frames.make_manager((blocks, [["a", "b"], [1, 2]]))
    with pytest.raises(Refused, match="broken"):
        frames.fill_frame(object.__new__(pandas.DataFrame), {"_mgr": manager})


@pytest.mark.parametrize("values", [np.array([print], object), [1, 2], np.array(["2020"], "datetime64[D]")])
def test_only_plain_values_are_taken(values: Any) -> None:
    with pytest.raises(Refused, match="broken"):
        frames.make_block((values, slice(0, 1), 1))
