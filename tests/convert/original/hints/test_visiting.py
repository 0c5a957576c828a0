"""What an estimator gives away of its columns, and what of it no file can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from convert.errors import Refused
from convert.original.hints.visiting import find_hints

DATES = pandas.to_datetime(["2026-01-01", "2026-01-02"])


@pytest.mark.parametrize("kind", [OneHotEncoder, OrdinalEncoder])
def test_dates_of_a_table_are_known_to_encoders_as_seconds(kind: Any) -> None:
    table = pandas.DataFrame({"n": [1, 2], "when": DATES})
    plain, dates = find_hints(kind().fit(table), 2)
    assert (plain.dates, bool(dates.dates)) == ("", True)
    assert dates.known == [1767225600.0, 1767312000.0]


def test_dates_are_refused_by_the_name_of_their_column() -> None:
    with pytest.raises(Refused, match="column 0 holds dates") as refusal:
        find_hints(OneHotEncoder().fit(np.array([["2026-01-01"]], "M8[D]")), 1)
    assert refusal.value.where == "OneHotEncoder"


def test_none_is_put_to_the_model_as_none() -> None:
    table = pandas.DataFrame({"a": ["x", None], "b": ["x", np.nan], "c": [1.0, None]}, dtype=object)
    hints = find_hints(OneHotEncoder().fit(table), 3)
    assert [hint.missing is None for hint in hints] == [True, False, True]
    assert [hint.text for hint in hints] == [True, True, False]
    with pytest.raises(Refused, match="both None and NaN"):
        find_hints(OneHotEncoder().fit(pandas.DataFrame({"a": ["x", None, np.nan]}, dtype=object)), 1)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()], ids=str)
def test_categories_that_float64_does_not_tell_apart_are_refused(encoder: Any) -> None:
    find_hints(encoder.fit([[2**53], [1]]), 1)
    with pytest.raises(Refused, match="beyond 2\\^53"):
        find_hints(encoder.fit([[2**53 + 1], [1]]), 1)
