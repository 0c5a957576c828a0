"""Rows that are dicts keep their numbers as the vectorizer does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer

from convert.errors import Refused

ROWS = [{"age": 40, "debt": 3}, {"age": 20}, {"debt": 7, "city": "Łódź"}, {"age": 3, "city": "Paris"}] * 5


@pytest.mark.parametrize("dtype", [int, np.int64, np.float32], ids=["int", "int64", "float32"])
def test_numbers_are_kept_as_the_vectorizer_keeps_them(agrees: Callable[[Any], object], dtype: Any) -> None:
    agrees(DictVectorizer(dtype=dtype).fit(ROWS))


def test_small_whole_numbers_are_refused(agrees: Callable[[Any], object]) -> None:
    with pytest.raises(Refused, match="it keeps numbers as int8"):
        agrees(DictVectorizer(dtype=np.int8).fit(ROWS))
