"""JSON rows: numpy's own reading for what is good, a named feature for what is not, the same on both paths."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.metadata import MISSING_TEXT, Dtype, Feature
from server.artefact.tensors import Array, concatenate
from server.codecs.row_checks import RowChecker
from server.codecs.rows import NUMPY_OF_DTYPE, RowReader
from server.codecs.slices import finish
from server.errors import ServerError
from tests.support.server.models import MIXED_FEATURES


def features(dtype: Dtype, width: int, **more: Any) -> list[Feature]:
    """Columns of one matrix."""
    return [Feature(f"f{column}", dtype, "X", **more) for column in range(width)]


def arrays(reader: RowReader, rows: list[Any], clean: bool) -> list[Array]:
    """What the rows become, by input."""
    buffers = reader.read_rows(rows, clean)
    return [concatenate(layout, [buffer]) for layout, buffer in zip(reader.layouts, buffers, strict=True)]


def refusal(reader: RowReader, row: Any, clean: bool = False) -> ServerError:
    """The error of a row; the same alone, among others, and on both paths."""
    with pytest.raises(ServerError) as alone:
        reader.read_row(row, clean)
    with pytest.raises(ServerError) as slow:
        reader.read_row(row, False)
    with pytest.raises(ServerError) as among:
        reader.read_rows([row], clean)
    assert str(alone.value) == str(slow.value)
    assert alone.value.code == slow.value.code == among.value.code
    assert alone.value.status in (400, 422)
    return alone.value


NUMBERS: dict[Dtype, st.SearchStrategy[Any]] = {
    "float64": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1),
    "float32": st.floats(allow_nan=False, allow_infinity=False, width=32) | st.integers(-(2**63), 2**64 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bool": st.booleans(),
    "string": st.text(max_size=5).filter(lambda text: text != MISSING_TEXT),
}


@pytest.mark.parametrize("dtype", NUMBERS)
@given(data=st.data())
def test_rows_are_what_numpy_reads(dtype: Dtype, data: st.DataObject) -> None:
    width = data.draw(st.integers(1, 4))
    rows = data.draw(st.lists(st.lists(NUMBERS[dtype], min_size=width, max_size=width), min_size=1, max_size=4))
    rows = orjson.loads(orjson.dumps(rows))
    reader = RowReader(features(dtype, width))
    want = np.array(rows, NUMPY_OF_DTYPE[dtype])
    clean = dtype not in ("bool", "string")
    for read in (arrays(reader, rows, clean), arrays(reader, rows, False)):
        assert read[0].dtype == want.dtype
        np.testing.assert_array_equal(read[0], want, strict=True)
    named = [dict(zip([f"f{i}" for i in reversed(range(width))], reversed(row), strict=True)) for row in rows]
    np.testing.assert_array_equal(arrays(reader, named, clean)[0], want, strict=True)
    assert reader.read_row(rows[0], clean) == reader.read_rows(rows[:1], clean)


JSON_VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=3)


def told(read: Callable[..., Any], *given: Any) -> Any:
    """The buffers, or the refusal."""
    try:
        read_rows = read(*given)
        return finish(read_rows) if isinstance(read_rows, Generator) else read_rows
    except ServerError as error:
        return error.code, str(error)


@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
@given(
    row=st.lists(JSON_VALUES | st.lists(JSON_VALUES, max_size=2), min_size=1, max_size=3),
    names=st.permutations(["f0", "f1", "f2", "f3"]),
    named=st.booleans(),
)
def test_fast_and_slow_path_agree(dtype: Dtype, nullable: bool, row: list[Any], names: list[str], named: bool) -> None:
    """`clean` is a promise about the text; where it can be given, all paths give the same buffers or error."""
    row = orjson.loads(orjson.dumps(row))
    clean = not any(value is True or value is False for value in row)
    own = features(dtype, len(row), nullable=nullable and dtype != "int64")
    reader, slow = RowReader(own), RowReader(own)
    slow.pack_row = None
    given_row: Any = dict(zip(names, row, strict=False)) if named else row
    for path in {clean, False}:
        assert told(reader.read_row, given_row, path) == told(slow.read_row, given_row, False)
        for rows in ([given_row], [given_row, given_row], [row, given_row]):
            wanted = told(slow.read_rows, rows, False)
            assert told(reader.read_rows, rows, path) == told(reader.read_in_slices, rows, path) == wanted


def test_named_rows_and_missing_values_are_packed_as_rows_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("checked one by one")

    monkeypatch.setattr(RowChecker, "checked", never)
    monkeypatch.setattr(RowChecker, "checked_at", never)
    reader = RowReader(features("float64", 2, nullable=True))
    named = [{"f1": 2, "f0": None}, {"f0": 1.5, "f1": 3}]
    lists = [[None, 2], [1.5, 3]]
    want = np.array([[math.nan, 2], [1.5, 3]]).tobytes()
    for clean in (True, False):
        assert reader.read_rows(named, clean) == reader.read_rows(lists, clean) == (want,)
        assert reader.read_row(named[0], clean) == reader.read_row(lists[0], clean) == (want[:16],)


@pytest.mark.parametrize(
    ("dtype", "value", "code", "message"),
    [
        ("float64", True, "invalid_input", "features[1]: expected a number, got true"),
        ("float64", None, "invalid_input", "features[1]: expected a number, got null"),
        ("float64", "1.5", "invalid_input", 'features[1]: expected a number, got "1.5"'),
        ("float64", [1.0], "invalid_input", "features[1]: expected a number, got an array"),
        ("float64", {}, "invalid_input", "features[1]: expected a number, got an object"),
        ("float32", 1e300, "out_of_range", "features[1]: 1e300 is beyond the range of float32"),
        ("float32", -3.5e38, "out_of_range", "features[1]: -3.5e38 is beyond the range of float32"),
        ("int64", 2**63, "out_of_range", "features[1]: 9223372036854775808 is beyond the range of int64"),
        ("int64", 1.0, "invalid_input", "features[1]: expected a whole number, got 1.0"),
        ("int64", 1e30, "invalid_input", "features[1]: expected a whole number, got 1e30"),
        ("int64", False, "invalid_input", "features[1]: expected a whole number, got false"),
        ("bool", 1, "invalid_input", "features[1]: expected true or false, got 1"),
        ("bool", "true", "invalid_input", 'features[1]: expected true or false, got "true"'),
        ("bool", None, "invalid_input", "features[1]: expected true or false, got null"),
        ("string", 1, "invalid_input", "features[1]: expected a string, got 1"),
        ("string", None, "invalid_input", "features[1]: expected a string, got null"),
    ],
)
def test_a_value_of_another_kind_is_refused(dtype: Dtype, value: Any, code: str, message: str) -> None:
    good = {"bool": True, "string": "a"}.get(dtype, 1)
    error = refusal(RowReader(features(dtype, 2)), [good, value])
    assert error.code == code
    assert str(error).replace("e+", "e") == message
    named = refusal(RowReader(features(dtype, 2)), {"f0": good, "f1": value})
    assert str(named).startswith(("feature 'f1': ",))


def test_whole_numbers_are_exact() -> None:
    reader = RowReader(features("int64", 2))
    row = [2**53 + 1, -(2**63)]
    for clean in (True, False):
        assert arrays(reader, [row], clean)[0].tolist() == [row]


@pytest.mark.parametrize(
    "text", ["9007199254740993", "-9007199254740993", "18446744073709551617", "9223372036854776000"]
)
def test_a_whole_number_where_a_number_is_due_is_the_nearest(text: str) -> None:
    """As `float(text)` and scikit-learn have it. JavaScript writes the double 2^63 as the last of these."""
    row = orjson.loads(f"[{text}]")
    want = np.array([int(text)]).astype(np.float64).tolist()
    for clean in (True, False):
        assert arrays(RowReader(features("float64", 1)), [row], clean)[0].tolist() == [want]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1.0], "features: expected 3 values ('f0', 'f1', 'f2'), got 1"),
        ([1.0] * 4, "features: expected 3 values ('f0', 'f1', 'f2'), got 4"),
        (5, "features: expected a row as a list or as an object by feature name, got 5"),
        ("abc", 'features: expected a row as a list or as an object by feature name, got "abc"'),
        (None, "features: expected a row as a list or as an object by feature name, got null"),
        ({"f0": 1, "f2": 1}, "missing feature 'f1'"),
        ({"f0": 1, "f1": 1, "f3": 1}, "missing feature 'f2', got \"f3\""),
        (
            {"f0": 1, "f1": 1, "f2": 1, "f3": 1},
            "unexpected feature \"f3\": this model takes 'f0', 'f1', 'f2'",
        ),
    ],
)
def test_a_row_of_another_shape_is_refused(row: Any, message: str) -> None:
    error = refusal(RowReader(features("float64", 3)), row, clean=True)
    assert (error.code, str(error)) == ("invalid_input", message)


def test_among_many_rows_the_guilty_one_is_named() -> None:
    reader = RowReader(features("float64", 2))
    cases: list[tuple[list[Any], str]] = [
        ([[1, 2], [1, None]], "features[1][1]: expected a number, got null"),
        ([[1, 2], [1]], "features[1]: expected 2 values ('f0', 'f1'), got 1"),
        ([[1, 2], 3], "features[1]: expected a row as a list or as an object by feature name, got 3"),
        ([[1, 2], {"f0": 1}], "features[1]: missing feature 'f1'"),
    ]
    for rows, message in cases:
        with pytest.raises(ServerError) as caught:
            reader.read_rows(rows, True)
        assert str(caught.value) == message


def test_one_feature() -> None:
    reader = RowReader(features("float64", 1))
    for row in ([1.5], {"f0": 1.5}):
        assert concatenate(reader.layouts[0], list(reader.read_row(row, True))).tolist() == [[1.5]]
    assert str(refusal(reader, [])) == "features: expected 1 value ('f0'), got 0"


def test_missing_values() -> None:
    numbers = RowReader(features("float64", 2, nullable=True))
    read = arrays(numbers, [[1, None], [None, 2.5]], True)[0]
    np.testing.assert_array_equal(read, [[1, math.nan], [math.nan, 2.5]])
    small = RowReader(features("float32", 1, nullable=True))
    assert math.isnan(arrays(small, [[None]], False)[0][0, 0])
    texts = RowReader(features("string", 2, nullable=True))
    assert arrays(texts, [["", None]], False)[0].tolist() == [["", MISSING_TEXT]]


def test_a_column_of_each_dtype_is_an_input_of_its_own() -> None:
    reader = RowReader(MIXED_FEATURES)
    read = arrays(reader, [["Bern", None, None, 3, True], ["Oslo", "tin", 40, -1, False]], False)
    assert [layout.name for layout in reader.layouts] == ["city", "plan", "age", "visits", "member"]
    assert [array.shape for array in read] == [(2, 1)] * 5
    assert read[0].tolist() == [["Bern"], ["Oslo"]]
    assert read[1].tolist() == [[MISSING_TEXT], ["tin"]]
    np.testing.assert_array_equal(read[2], [[math.nan], [40.0]])
    assert read[3].tolist() == [[3], [-1]]
    assert read[4].tolist() == [[True], [False]]
    assert [array.dtype.kind for array in read] == ["O", "O", "f", "i", "b"]


def test_only_known_categories_pass() -> None:
    error = refusal(RowReader(MIXED_FEATURES), ["Rom", None, None, 3, True])
    assert str(error) == 'features[0]: expected one of "Bern", "Oslo", "Rome", got "Rom"'
    numbers = RowReader(features("float64", 1, categories=(1.0, 2.5)))
    assert arrays(numbers, [[1], [2.5]], True)[0].tolist() == [[1.0], [2.5]]
    assert refusal(numbers, [3], clean=True).code == "invalid_input"


def test_an_error_tells_a_few_of_many_categories_and_features() -> None:
    many = tuple(f"category number {i}" for i in range(5000))
    error = refusal(RowReader([Feature("a", "string", "a", categories=many)]), ["x"])
    assert len(str(error)) < 400
    assert "and 4992 more" in str(error)
    wide = refusal(RowReader(features("float64", 500)), [1])
    assert str(wide).endswith("'f7' and 492 more), got 1")


@pytest.mark.parametrize("depth", [9, 100, 1000])
def test_nesting_is_measured_without_recursion(depth: int) -> None:
    deep: Any = 1
    for _ in range(depth):
        deep = [deep]
    reader = RowReader(features("float64", 2))
    assert refusal(reader, [1, deep], clean=True).code == "too_deep"
    assert refusal(reader, {"f0": 1, "f1": {"a": deep}}).code == "too_deep"


def test_columns_that_the_model_drops_may_be_sent_as_anything() -> None:
    reader = RowReader(features("float64", 2), ["comment", "when"])
    for more in ({}, {"comment": "any"}, {"comment": None, "when": [1, {}]}, {"when": True}):
        assert arrays(reader, [{"f0": 1, "f1": 2.5, **more}], clean=False)[0].tolist() == [[1.0, 2.5]]
    assert 'unexpected feature "other"' in str(refusal(reader, {"f0": 1, "f1": 2, "comment": 1, "other": 2}))
    assert "missing feature 'f1'" in str(refusal(reader, {"f0": 1, "comment": 1}))
    assert "expected 2 values" in str(refusal(reader, [1, 2, "comment"]))
