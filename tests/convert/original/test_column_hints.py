"""What an estimator gives away of its columns, and what of it no file can hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from convert.errors import Refused
from convert.original.column_hints import find_hints


@pytest.mark.parametrize("kind", [OneHotEncoder, OrdinalEncoder])
def test_spans_of_time_are_refused_by_the_name_of_their_column(kind: Any) -> None:
    table = pandas.DataFrame({"n": [1, 2], "took": pandas.to_timedelta(["1h", "2h"])})
    with pytest.raises(Refused, match="column 'took' holds dates") as refusal:
        find_hints(kind().fit(table), 2)
    assert refusal.value.where == kind.__name__
    with pytest.raises(Refused, match="column 0 holds dates"):
        find_hints(kind().fit(np.array([["2026-01-01"]], "M8[D]")), 1)


def test_none_is_put_to_the_model_as_none() -> None:
    table = pandas.DataFrame({"a": ["x", None], "b": ["x", np.nan], "c": [1.0, None]}, dtype=object)
    hints = find_hints(OneHotEncoder().fit(table), 3)
    assert [hint.missing is None for hint in hints] == [True, False, True]
    assert [hint.text for hint in hints] == [True, True, False]
    with pytest.raises(Refused, match="both None and NaN"):
        find_hints(OneHotEncoder().fit(pandas.DataFrame({"a": ["x", None, np.nan]}, dtype=object)), 1)
