"""Tables become graph inputs as the server's own reader makes them of JSON rows and of CSV, cell by cell."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")

from score.columns import ColumnReader  # noqa: E402
from score.errors import Refused  # noqa: E402
from server.artefact.metadata import SINCE_1970, Feature  # noqa: E402
from server.artefact.tensors import concatenate  # noqa: E402
from server.codecs.cells import converters  # noqa: E402
from server.codecs.rows import RowReader  # noqa: E402
from server.errors import ServerError  # noqa: E402
from tests.score.tables import TEXTS  # noqa: E402

FEATURES = (
    Feature("a", "float64", "numbers"),
    Feature("b", "float64", "numbers", nullable=True),
    Feature("c", "float32", "small", nullable=True),
    Feature("d", "int64", "whole"),
    Feature("e", "bool", "flag"),
    Feature("f", "string", "text", nullable=True),
    Feature("g", "string", "code", categories=("", "month", "two years")),
    Feature("h", "float64", "level", nullable=True, categories=(1.0, 2.0, 0.5)),
    Feature("i", "string", "other", nullable=True, categories=("Oslo", "007")),
    Feature("j", "int64", "grade", categories=(1, 2, -3)),
)
FLOATS = [
    0.0,
    -0.0,
    1.5,
    1.0,
    2.0,
    0.5,
    1e300,
    -1e39,
    3.4028235677973366e38,
    5e-324,
    math.nan,
    math.inf,
    -math.inf,
    None,
]
WHOLE = [0, 1, 2, -3, 2**53 + 1, 2**63 - 1, -(2**63), None]
CELLS: dict[str, list[Any]] = {
    **dict.fromkeys("abch", FLOATS),
    **dict.fromkeys("dj", WHOLE),
    "e": [True, False, None],
    **{name: [*TEXTS, None] for name in "fgi"},
}
GOOD_TEXTS = {"e": "True", "f": "any", "g": "month", "i": "007"}
GOOD = {**dict.fromkeys("abch", 0.5), **dict.fromkeys("dj", 2), **GOOD_TEXTS, "e": False}
TYPES: dict[str, Any] = {
    **dict.fromkeys("abch", pa.float64()),
    **dict.fromkeys("dj", pa.int64()),
    "e": pa.bool_(),
    **dict.fromkeys("fgi", pa.string()),
}
CSV_NUMBER_TEXTS = """
    0 1 2 -3 +1.5 .5 5. 1e308 1e309 nan inf NaN 1_0 0x10 \u0663 1. 1e -0 007 0.1 1e-400 abc true 9223372036854775807
    -9223372036854775808 9223372036854775808 123456789012345678901234567890 2.2250738585072011e-308 0.30000000000000004
"""
CSV_NUMBERS = ["", " 1", *CSV_NUMBER_TEXTS.split()]
CSV_CELLS: dict[str, list[str]] = {
    **dict.fromkeys("abchdj", CSV_NUMBERS),
    "e": ["True", "false", "TRUE", "1", "", "yes"],
    **dict.fromkeys("fgi", TEXTS),
}


def table(rows: list[dict[str, Any]], types: dict[str, Any]) -> Any:
    return pa.RecordBatch.from_arrays(
        [pa.array([row[name] for row in rows], types[name]) for name in types], list(types)
    )


def as_json(value: Any) -> Any:
    """A cell of a table as the JSON of a request has it; infinity has none."""
    return None if isinstance(value, float) and math.isnan(value) else value


def expect(reader: RowReader, row: dict[str, Any]) -> dict[str, bytes | list[str]] | str:
    """What the server makes of a row: its inputs, or the refusal."""
    if any(isinstance(value, float) and math.isinf(value) for value in row.values()):
        return "finite"
    try:
        buffers = reader.read_row(row, clean=False)
    except ServerError as error:
        return error.message
    arrays = {
        layout.name: concatenate(layout, [buffer]) for layout, buffer in zip(reader.layouts, buffers, strict=True)
    }
    return {name: array.tobytes() if array.dtype.kind != "O" else array[0].tolist() for name, array in arrays.items()}


def rows_of(cells: dict[str, list[Any]], good: dict[str, Any], count: int) -> list[dict[str, Any]]:
    """Rows of which most cells are good."""
    generator = random.Random(0)
    return [
        {name: generator.choice(values) if generator.random() < 0.15 else good[name] for name, values in cells.items()}
        for _ in range(count)
    ]


def compare(got: Any, wanted: list[dict[str, bytes | list[str]] | str]) -> None:
    refused = {refusal.row: refusal.reason for refusal in got.refused}
    at = 0
    for number, want in enumerate(wanted):
        assert got.taken[number] == (number not in refused)
        if isinstance(want, str):
            assert want in refused[number], (number, want)
            continue
        assert number not in refused, refused[number]
        for name, expected in want.items():
            row = got.feed[name][at]
            assert (row.tolist() if row.dtype.kind == "O" else row.tobytes()) == expected, (number, name)
        at += 1
    assert all(len(array) == at for array in got.feed.values())


def test_a_typed_table_is_read_as_json_rows_are() -> None:
    rows = rows_of(CELLS, GOOD, 3000)
    reader = RowReader(FEATURES)
    wanted = [expect(reader, {name: as_json(value) for name, value in row.items()}) for row in rows]
    assert 300 < sum(isinstance(want, str) for want in wanted) < 2700
    compare(ColumnReader(FEATURES, texts=False).read(table(rows, TYPES)), wanted)


def test_csv_is_read_as_the_servers_csv_is() -> None:
    rows = rows_of(CSV_CELLS, {**dict.fromkeys(CELLS, "1"), **GOOD_TEXTS}, 3000)
    reader = RowReader(FEATURES)
    convert = dict(zip((feature.name for feature in FEATURES), converters(FEATURES), strict=True))
    wanted = [expect(reader, {name: convert[name](text) for name, text in row.items()}) for row in rows]
    assert 300 < sum(isinstance(want, str) for want in wanted) < 2700
    compare(ColumnReader(FEATURES, texts=True).read(table(rows, dict.fromkeys(TYPES, pa.string()))), wanted)


@pytest.mark.parametrize("name", sorted(CSV_CELLS))
def test_each_cell_of_csv_alone(name: str) -> None:
    (feature,) = [feature for feature in FEATURES if feature.name == name]
    reader, (convert,) = RowReader([feature]), converters([feature])
    wanted = [expect(reader, {name: convert(text)}) for text in CSV_CELLS[name]]
    rows = [{name: text} for text in CSV_CELLS[name]]
    compare(ColumnReader([feature], texts=True).read(table(rows, {name: pa.string()})), wanted)


@pytest.mark.parametrize(
    ("dtype", "array", "expected"),
    [
        ("float64", pa.array([1, 2], pa.uint8()), [1.0, 2.0]),
        ("float64", pa.array([0.1], pa.float32()), [float(np.float32(0.1))]),
        ("float64", pa.array([2**64 - 1], pa.uint64()), [float(2**64 - 1)]),
        ("float32", pa.array([2**53 + 1], pa.int64()), [float(np.float32(2**53 + 1))]),
        ("float32", pa.array([0.5], pa.float16()), [0.5]),
        ("int64", pa.array([-1], pa.int8()), [-1]),
        ("string", pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        ("string", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
    ],
)
def test_other_types_of_the_same_kind_are_taken(dtype: Any, array: Any, expected: list[Any]) -> None:
    reader = ColumnReader([Feature("x", dtype, "x")], texts=False)
    batch = pa.RecordBatch.from_arrays([array], ["x"])
    reader.check(batch.schema)
    rows = reader.read(batch)
    assert rows.feed["x"][:, 0].tolist() == expected
    assert not rows.refused


def test_a_whole_number_beyond_64_bits_is_out_of_range() -> None:
    reader = ColumnReader([Feature("x", "int64", "x")], texts=False)
    rows = reader.read(pa.RecordBatch.from_arrays([pa.array([2**63, 5], pa.uint64())], ["x"]))
    assert [refusal.row for refusal in rows.refused] == [0]
    assert "beyond the range" in rows.refused[0].reason
    assert rows.feed["x"].tolist() == [[5]]


def test_a_column_without_any_value_is_missing_in_each_row() -> None:
    features = [Feature("x", "float64", "x", nullable=True), Feature("y", "string", "y", nullable=True)]
    batch = pa.RecordBatch.from_arrays([pa.nulls(2), pa.nulls(2)], ["x", "y"])
    reader = ColumnReader(features, texts=False)
    reader.check(batch.schema)
    rows = reader.read(batch)
    assert np.isnan(rows.feed["x"]).all()
    assert not rows.refused
    strict = ColumnReader([Feature("x", "bool", "x")], texts=False).read(batch)
    assert len(strict.refused) == 2


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (pa.array(["1"]), "float64"),
        (pa.array([True]), "float64"),
        (pa.array([1.0]), "int64"),
        (pa.array([1]), "bool"),
        (pa.array([1]), "string"),
        (pa.array([0], pa.timestamp("us")), "float64"),
        (pa.array([[1.0]]), "float64"),
        (pa.array([b"a"]), "string"),
    ],
)
def test_a_column_of_another_type_is_refused_before_any_row_is_read(array: Any, dtype: Any) -> None:
    with pytest.raises(Refused, match=r"'x' is .*, expected .*Cast them first"):
        ColumnReader([Feature("x", dtype, "x")], texts=False).check(pa.schema([("x", array.type)]))


def test_missing_and_repeated_columns_are_named() -> None:
    reader = ColumnReader(FEATURES[:2], texts=True)
    with pytest.raises(Refused, match="the table lacks 'b'; it has 'a', 'c'"):
        reader.check(pa.schema([("a", pa.string()), ("c", pa.string())]))
    with pytest.raises(Refused, match="has 'a' more than once"):
        reader.check(pa.schema([("a", pa.string()), ("b", pa.string()), ("a", pa.string())]))


def test_dates_are_read_as_timestamps_days_texts_and_seconds() -> None:
    features = (Feature("day", "float64", "X", nullable=True, unit=SINCE_1970),)
    moments = np.array(["2024-02-29T10:30", "1969-12-31", "NaT"], "datetime64[s]")
    texts = ["2024-02-29T10:30:00", "1969-12-31", None]
    tables = [pa.array(moments.astype(f"datetime64[{unit}]")) for unit in ("s", "ms", "us", "ns")]
    tables += [pa.array(texts), pa.array([1709202600.0, -86400.0, None]), pa.array(texts).dictionary_encode()]
    for array in tables:
        reader = ColumnReader(features, texts=False)
        batch = pa.record_batch({"day": array})
        reader.check(batch.schema)
        rows = reader.read(batch)
        assert not rows.refused
        np.testing.assert_array_equal(rows.feed["X"], [[1709202600.0], [-86400.0], [math.nan]])
    days = ColumnReader(features, texts=False).read(pa.record_batch({"day": pa.array(moments.astype("datetime64[D]"))}))
    np.testing.assert_array_equal(days.feed["X"], [[1709164800.0], [-86400.0], [math.nan]])
    csv = ColumnReader(features, texts=True).read(pa.record_batch({"day": ["2024-02-29T10:30", "-86400", "", "soon"]}))
    np.testing.assert_array_equal(csv.feed["X"], [[1709202600.0], [-86400.0], [math.nan]])
    assert [refusal.row for refusal in csv.refused] == [3]


def test_dates_in_a_time_zone_and_texts_of_no_date_are_refused() -> None:
    reader = ColumnReader((Feature("day", "float64", "X", unit=SINCE_1970),), texts=False)
    with pytest.raises(Refused, match="without a time zone"):
        reader.check(pa.schema([("day", pa.timestamp("us", "UTC"))]))
    refused = reader.read(pa.record_batch({"day": pa.array(["2024-02-29", "soon"])})).refused
    assert [refusal.row for refusal in refused] == [1]
