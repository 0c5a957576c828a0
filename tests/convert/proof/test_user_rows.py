"""A person's own rows: read as they are, fitted to the schema by name or position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas
import pytest

from convert.errors import Refused
from convert.proof.user_rows import fit_to_schema, read_rows
from server.artefact.metadata import SINCE_1970, Dtype, Feature


def test_an_empty_cell_is_an_empty_text_where_none_may_be_missing() -> None:
    table = read_rows("rows.csv", b"city,plan,age\nParis,,3\n,b,\n")
    features = [
        Feature("city", "string", "city", True),
        Feature("plan", "string", "plan"),
        Feature("age", "float64", "X"),
    ]
    fitted = fit_to_schema(table, features)
    assert fitted["city"].tolist() == ["Paris", None]
    assert fitted["plan"].tolist() == ["", "b"]
    assert fitted["age"].tolist()[:1] == [3.0]


@pytest.mark.parametrize(
    ("column", "dtype", "values"),
    [
        (pandas.Series([1, None], dtype="Int64"), "float64", [1.0, None]),
        (pandas.Series([1.5, None], dtype="Float64"), "float64", [1.5, None]),
        (pandas.Series([1, pandas.NA], dtype=object), "float64", [1.0, None]),
        (pandas.Series([True, None], dtype="boolean"), "float64", [1.0, None]),
        (pandas.Series([True, False], dtype="boolean"), "bool", [True, False]),
        (pandas.Series(["a", None], dtype="string"), "string", ["a", None]),
        (pandas.Series(["a", None], dtype="category"), "string", ["a", None]),
        (pandas.Series([3, None], dtype="category"), "float64", [3.0, None]),
        (pandas.Series([3, 4], dtype="UInt8"), "float64", [3.0, 4.0]),
    ],
)
def test_columns_of_every_type_of_pandas(column: Any, dtype: Dtype, values: list[Any]) -> None:
    fitted = fit_to_schema(pandas.DataFrame({"c": column}), [Feature("c", dtype, "c", None in values)])["c"]
    assert [None if value is None or value != value else value for value in fitted.tolist()] == values


@pytest.mark.parametrize("kind", ["boolean", object])
def test_a_missing_boolean_is_no_boolean(kind: Any) -> None:
    rows = pandas.DataFrame({"c": pandas.Series([True, None], dtype=kind)})
    with pytest.raises(Refused, match="'c' is no bool"):
        fit_to_schema(rows, [Feature("c", "bool", "c")])


@pytest.mark.parametrize(
    "column",
    [
        pandas.Series(["2024-02-29", None, "2024-03-01T12:00:00.5"]),
        pandas.Series(["2024-02-29", None, "2024-03-01T12:00:00.5"], dtype="datetime64[ms]"),
        pandas.Series(["2024-02-29", None, "2024-03-01T12:00:00.5"], dtype="datetime64[us, Asia/Tokyo]"),
        pandas.Series([1709164800, None, 1709294400.5]),
    ],
)
def test_dates_of_any_kind_are_seconds(column: Any) -> None:
    feature = Feature("at", "float64", "X", True, unit=SINCE_1970)
    (fitted,) = fit_to_schema(pandas.DataFrame({"at": column}), [feature]).values()
    assert fitted.tolist()[::2] == [1709164800.0, 1709294400.5]
    assert np.isnan(fitted[1])


@pytest.mark.parametrize("text", ["soon", "Dec-2015"])
def test_what_is_no_iso_date_is_refused_with_how_it_is_written(text: str) -> None:
    with pytest.raises(Refused, match="'at' holds dates that are not") as refusal:
        fit_to_schema(pandas.DataFrame({"at": [text]}), [Feature("at", "float64", "X", unit=SINCE_1970)])
    assert "2024-05-31" in refusal.value.remedy


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"x,y\n"),
        ("a.csv", b""),
        ("a.json", b"[]"),
        ("a.json", b"5"),
        ("a.json", b"[[[["),
        ("a.npy", b"\x93NUMPY"),
    ],
)
def test_what_holds_no_rows_is_refused_by_its_name(name: str, content: bytes) -> None:
    with pytest.raises(Refused, match=f"--data {name}"):
        read_rows(name, content)
