"""Columns of dates: a file takes seconds since 1970 and says so, an encoder behind knows the date again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from convert.errors import Refused
from convert.job import Converted
from convert.original.original import open_original
from convert.original.schema import describe
from server.artefact.metadata import SINCE_1970, from_metadata, to_metadata
from server.artefact.runtime import Runtime

Agrees = Callable[..., Converted]
DAYS = pandas.date_range("2024-02-27", periods=6)
ROWS = pandas.DataFrame(
    {"day": np.resize(DAYS, 120), "at": np.resize(DAYS[:4] + pandas.Timedelta("90ms"), 120), "n": np.arange(120.0)}
)
ROWS.loc[::10, "at"] = pandas.NaT
LABELS = (np.arange(120) % 6 > 2).astype(int) ^ (np.arange(120) % 11 == 0)


def fitted(encoder: Any, names: list[str]) -> Any:
    """A model of encoded dates and a number."""
    columns = ColumnTransformer([("dates", encoder, names), ("rest", "passthrough", ["n"])])
    return make_pipeline(columns, LogisticRegression(max_iter=500)).fit(ROWS[[*names, "n"]], LABELS)


def test_dates_are_seconds_and_unknown_and_missing_ones_are_as_the_encoder_has_them(agrees: Agrees) -> None:
    model = fitted(OneHotEncoder(handle_unknown="ignore"), ["day", "at"])
    done = agrees(model, ROWS.assign(day=ROWS["day"].astype(str)))
    day, at, number = done.artefact.features
    assert (day.dtype, day.unit, day.categories) == ("float64", SINCE_1970, None)
    assert (at.unit, at.nullable, number.unit) == (SINCE_1970, True, None)
    assert from_metadata(to_metadata(done.artefact)) == done.artefact
    seconds = [pandas.Timestamp("2024-02-29").timestamp(), pandas.Timestamp("2024-02-28 00:00:00.090").timestamp(), 3.0]
    (got,) = Runtime(done.onnx).run(["probabilities"], {"X": np.array([seconds])})
    row = {"day": [pandas.Timestamp("2024-02-29")], "at": [pandas.Timestamp("2024-02-28 00:00:00.090")], "n": [3.0]}
    assert got == pytest.approx(model.predict_proba(pandas.DataFrame(row)), abs=1e-12)


@pytest.mark.slow
def test_dates_that_an_encoder_has_not_seen_are_refused_by_the_schema(agrees: Agrees) -> None:
    done = agrees(fitted(OrdinalEncoder(), ["day"]))
    known = tuple(stamp.timestamp() for stamp in DAYS)
    assert done.artefact.features[0].categories == known


def test_dates_that_seconds_do_not_tell_apart_are_refused() -> None:
    rows = pandas.DataFrame({"at": pandas.to_datetime([1709000000000000001, 1709000000000000002], unit="ns")})
    with pytest.raises(Refused, match="'at' holds dates"):
        open_original(OneHotEncoder().fit(rows))


def test_dates_of_an_array_are_refused() -> None:
    with pytest.raises(Refused, match="column 0 holds dates"):
        describe(open_original(OneHotEncoder().fit(DAYS.to_numpy().reshape(-1, 1))))
