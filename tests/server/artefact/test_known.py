"""Known values: a file tells of few or of none, whoever wrote it; one that is older tells of none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from server.artefact.known import LONGEST_KNOWN, MOST_KNOWN, read_known, within_bounds
from server.artefact.metadata import Feature, from_metadata, to_metadata
from tests.support.server.models import mixed

TEXT = Feature("a", "string", "a")


def told(*columns: tuple[Any, ...]) -> list[int]:
    """How many values are kept of each column."""
    features = [replace(TEXT, name=f"f{at}", known=known) for at, known in enumerate(columns)]
    kept = within_bounds(features)
    assert [feature.name for feature in kept] == [feature.name for feature in features]
    return [len(feature.known) for feature in kept]


def test_a_column_tells_of_all_its_values_or_of_none() -> None:
    most = tuple(map(str, range(MOST_KNOWN)))
    assert told(most, (*most, "one more"), ("a",), ()) == [MOST_KNOWN, 0, 1, 0]


def test_all_columns_together_tell_of_so_many_bytes() -> None:
    half = ("x" * (LONGEST_KNOWN // 2),)
    assert told(half, half, ("a",)) == [1, 0, 1], "what does not fit leaves room for what does"
    assert told(("é" * LONGEST_KNOWN,)) == [0]


def test_a_file_of_a_strangers_tells_of_no_more() -> None:
    made = mixed().artefact
    assert made is not None
    metadata = to_metadata(made)
    features = orjson.loads(metadata["dynonnx.features"])
    for known in ([str(at) for at in range(MOST_KNOWN + 1)], ["x" * LONGEST_KNOWN]):
        features[1]["known"] = known
        read = from_metadata(metadata | {"dynonnx.features": orjson.dumps(features).decode()})
        assert read is not None
        assert read.features[1].known == ()


def test_a_file_from_before_tells_of_none() -> None:
    made = mixed().artefact
    assert made is not None
    metadata = to_metadata(made)
    old = [{name: of for name, of in entry.items() if name != "known"} for entry in _features(metadata)]
    read = from_metadata(metadata | {"dynonnx.features": orjson.dumps(old).decode()})
    assert read is not None
    assert [feature.known for feature in read.features] == [()] * len(old)


@pytest.mark.parametrize(
    ("values", "dtype"), [(["a", 1], "string"), ([True], "float64"), ([1], "bool"), ("ab", "string"), ([None], "int64")]
)
def test_values_of_another_type_are_damage(values: Any, dtype: str) -> None:
    with pytest.raises(ValueError, match=dtype):
        read_known(values, dtype)


def _features(metadata: dict[str, str]) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = orjson.loads(metadata["dynonnx.features"])
    return entries
