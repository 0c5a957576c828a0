"""The forms of a table: every refusal says where and why; columns go by their names."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from server.artefact.metadata import Feature
from server.codecs.json.group import JsonGroup
from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.rows import RowReader
from server.errors import ServerError
from tests.support.server.codecs.mlflow import MAX_ROWS, Served, serve_all
from tests.support.server.decoding import decode


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    return serve_all(tmp_path_factory.mktemp("models"))


ROW = ["Bern", "gold", 31.5, 3, True]
NAMES = ["city", "plan", "age", "visits", "member"]
FORMS = "'dataframe_split', 'dataframe_records', 'instances', 'inputs'"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "bad_json: the body is empty; expected JSON"),
        (
            b'{"inputs": [[NaN]]}',
            "expected a JSON value at character 13; JSON has no NaN, send null",
        ),
        (b"[" * 2000, "too_deep: the JSON is nested too deep"),
        ({"inputs": [[[[[[[[[[1]]]]]]]]]]}, "too_deep: the JSON is nested more than 8 levels deep"),
        ([ROW], 'invalid_input: expected an object like {"inputs": [...]}, got an array'),
        ({}, f"invalid_input: expected exactly one of {FORMS}"),
        ({"inputs": [ROW], "instances": [ROW]}, f"invalid_input: expected exactly one of {FORMS}"),
        ({"inputs": [ROW], "x": 1}, f"invalid_input: unexpected key \"x\": expected one of {FORMS}, and 'params'"),
        ({"inputs": []}, "invalid_input: no rows; send at least one"),
        ({"inputs": 3}, "invalid_input: inputs: expected a list, got 3"),
        ({"inputs": ROW}, 'inputs[0]: expected a row as a list or as an object by feature name, got "Bern"'),
        (
            {"instances": [ROW, ROW[:4]]},
            "instances[1]: expected 5 values ('city', 'plan', 'age', 'visits', 'member'), got 4",
        ),
        (
            {"instances": [["Paris", *ROW[1:]]]},
            'instances[0], feature \'city\': expected one of "Bern", "Oslo", "Rome", got "Paris"',
        ),
        ({"instances": [[*ROW[:4], 1]]}, "instances[0], feature 'member': expected true or false, got 1"),
        (
            {"instances": [[*ROW[:3], 2**63, True]]},
            "out_of_range: instances[0], feature 'visits': 9223372036854775808 is",
        ),
        ({"instances": [[*ROW[:3], None, True]]}, "instances[0], feature 'visits': expected a whole number, got null"),
        (
            {"instances": [{"city": "Bern"}]},
            "invalid_input: instances[0]: missing features 'plan', 'age', 'visits', 'member'",
        ),
        ({"dataframe_records": {"city": ["Bern"]}}, "dataframe_records: expected a list, got an object"),
        ({"dataframe_split": [ROW]}, "dataframe_split: expected an object with 'data'"),
        ({"dataframe_split": {"columns": NAMES}}, "dataframe_split: expected an object with 'data'"),
        ({"dataframe_split": {"data": [ROW], "x": 1}}, "dataframe_split: expected an object with 'data'"),
        ({"dataframe_split": {"data": 1}}, "dataframe_split.data: expected a list, got 1"),
        ({"dataframe_split": {"data": [ROW], "columns": 1}}, "dataframe_split.columns: expected a list, got 1"),
        ({"dataframe_split": {"data": [ROW], "index": [1, 2]}}, "dataframe_split.index: expected a list of 1"),
        ({"dataframe_split": {"data": [ROW], "index": 1}}, "dataframe_split.index: expected a list of 1"),
        (
            {"dataframe_split": {"data": [ROW], "columns": NAMES[1:]}},
            "dataframe_split.columns: missing feature 'city': this",
        ),
        (
            {"dataframe_split": {"data": [ROW], "columns": [*NAMES[1:], "City"]}},
            "dataframe_split.columns: missing feature 'city'",
        ),
        ({"dataframe_split": {"data": [ROW], "columns": [*NAMES, "x"]}}, 'columns: unexpected or repeated feature "x"'),
        (
            {"dataframe_split": {"data": [ROW], "columns": [*NAMES, "age"]}},
            'columns: unexpected or repeated feature "age"',
        ),
        (
            {"dataframe_split": {"data": [ROW], "columns": [[], {}, 1, None, True]}},
            "columns: missing features 'city', 'plan'",
        ),
        ({"dataframe_split": {"data": [ROW], "columns": [0, 1, 2, 4, 3]}}, "columns: missing features 'city', 'plan'"),
        (
            {"dataframe_split": {"columns": NAMES[::-1], "data": [ROW[::-1], ROW]}},
            "data[1], feature 'city': expected a string, got true",
        ),
        (
            {"dataframe_split": {"columns": NAMES[::-1], "data": [ROW[1:]]}},
            "dataframe_split.data[0]: expected 5 values",
        ),
        ({"inputs": {"city": ["Bern"]}}, "inputs: missing features 'plan', 'age'"),
        ({"inputs": {}}, "inputs[0]: missing features 'city', 'plan'"),
        (
            {"inputs": dict.fromkeys(NAMES, 1) | {"age": [1]}},
            "inputs: expected a list of one length for every feature, or a value for each: one row",
        ),
        ({"inputs": {name: [1] for name in NAMES} | {"age": [1, 2]}}, "inputs: expected a list of one length"),
        (
            {"inputs": {name: ["Bern", 1] for name in NAMES}},
            "inputs, value 0 of feature 'age': expected a number, got \"Bern\"",
        ),
        (
            {"inputs": [ROW] * (MAX_ROWS + 1)},
            "too_many_rows: 101 rows are more than the 100 allowed: send several requests",
        ),
    ],
)
def test_json_that_is_refused(served: dict[str, Served], body: Any, message: str) -> None:
    assert message in served["mixed"].refusal(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "bad_request: the body is empty; expected CSV with a header"),
        ("city,plan,age,visits,member\n", "invalid_input: no rows; send at least one"),
        ("city,plan\nBern,gold\n", "invalid_input: header: missing features 'age', 'visits', 'member'"),
        (
            ",city,plan,age,visits,member\n0,Bern,gold,1,1,True\n",
            'repeated feature ""; pandas leaves its index out with to_csv(index=False)',
        ),
        (
            "city,plan,age,visits,member\nBern,,,1,True\nBern,,1\n",
            "row 2: expected 5 values ('city', 'plan', 'age', 'visits', 'member'), got 3",
        ),
        (
            "city,plan,age,visits,member\nBern,,,1,True\nBern,,x,1,True",
            "row 2, feature 'age': expected a number, got \"x\"",
        ),
        ("city,plan,age,visits,member\n,,,1,True", "row 1, feature 'city': expected one of"),
        ("city,plan,age,visits,member\nBern,,,,True", "row 1, feature 'visits': expected a whole number, got \"\""),
        (
            "city,plan,age,visits,member\nBern,,,1.0,True",
            "row 1, feature 'visits': expected a whole number, got \"1.0\"",
        ),
        (
            "city,plan,age,visits,member\nBern,,,9223372036854775808,True",
            "out_of_range: row 1, feature 'visits': 9223372036854775808",
        ),
        (
            "city,plan,age,visits,member\nBern,,,-9999999999999999999,True",
            "row 1, feature 'visits': expected a whole number",
        ),
        ("city,plan,age,visits,member\nBern,,,1,1", "row 1, feature 'member': expected true or false, got \"1\""),
        (
            "age,plan,city,member,visits\n1,,Bern,True,1\nNaN,,Bern,True,1",
            "row 2, feature 'age': expected a number, got \"NaN\"",
        ),
    ],
)
def test_csv_that_is_refused(served: dict[str, Served], body: str, message: str) -> None:
    assert message in served["mixed"].refusal(body.encode(), "csv")


def test_numbers_in_csv_are_checked_as_in_json(served: dict[str, Served]) -> None:
    iris = served["string labels"]
    header = b"0,1,2,3\n"
    assert "row 2: expected 4 values" in iris.refusal(header + b"1,2,3,4\n1,2,3\n", "csv")
    assert "row 2, feature 'petal length (cm)': expected a number, got \"\"" in iris.refusal(
        header + b"1,2,3,4\n1,2,,4", "csv"
    )
    assert "too_many_rows" in iris.refusal(header + b"1,2,3,4\n" * (MAX_ROWS + 1), "csv")
    plain = served["plain"]
    assert "row 1, feature 'X[1]': 1e+300 is beyond the range of float32" in plain.refusal(b"0,1,2\n1,1e300,1", "csv")
    whole = served["whole numbers"]
    assert "row 1, feature 'X[1]': expected a whole number, got 1.5" in whole.refusal(b"0,1\n1,1.5", "csv")


def test_a_million_columns_are_refused(served: dict[str, Served]) -> None:
    wide = b",".join(b"c%d" % column for column in range(1_000_000))
    assert "header: missing feature" in served["string labels"].refusal(wide + b"\n" + b"1," * 999_999 + b"1", "csv")
    names = b"sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)"
    assert "row 1: expected 4 values" in served["string labels"].refusal(names + b"\n" + b"1," * 999_999 + b"1", "csv")


def test_names_that_are_numbers_are_names() -> None:
    features = [Feature(name, "float64", "X") for name in ("1", "0")]
    reader = RowReader(features)
    codec = MlflowCodec(reader, features, JsonGroup(reader.layouts, ["value"], {}, None), MAX_ROWS)
    want = np.array([[2.0, 1.0]]).tobytes()
    for columns in ([0, 1], ["0", "1"]):
        body = orjson.dumps({"dataframe_split": {"columns": columns, "data": [[1, 2]]}})
        assert decode(codec, body, "json").buffers == (want,)
    assert decode(codec, b"0,1\n1,2", "csv").buffers == (want,)


def test_columns_that_were_sent_before_mean_the_same_and_others_do_not() -> None:
    features = [Feature(name, "float64", "X") for name in ("1", "0")]
    reader = RowReader(features)
    codec = MlflowCodec(reader, features, JsonGroup(reader.layouts, ["value"], {}, None), MAX_ROWS)
    turned, straight = np.array([[2.0, 1.0]]).tobytes(), np.array([[1.0, 2.0]]).tobytes()
    for _ in range(3):
        for columns, want in ((["0", "1"], turned), (["1", "0"], straight), ([0, 1], turned), ([1, 0], straight)):
            body = orjson.dumps({"dataframe_split": {"columns": columns, "data": [[1, 2]]}})
            assert decode(codec, body, "json").buffers == (want,)
        for wrong in ([False, True], [0.0, 1.0], ["0", "1", "1"], ["0"], [["0", "1"]]):
            body = orjson.dumps({"dataframe_split": {"columns": wrong, "data": [[1, 2]]}})
            with pytest.raises(ServerError, match=r"dataframe_split\.columns"):
                decode(codec, body, "json")


def test_columns_that_the_model_drops_may_stand_in_every_form() -> None:
    features = [Feature(name, "float64", "X") for name in ("a", "b")]
    reader = RowReader(features, ["comment"])
    group = JsonGroup(reader.layouts, ["value"], {}, None)
    codec = MlflowCodec(reader, features, group, MAX_ROWS, ignored=["comment"])
    want = (np.array([[2.0, 1.0]]).tobytes(),)
    split = {"columns": ["comment", "b", "a"], "data": [["x", 1, 2]]}
    for document in (
        {"dataframe_split": split},
        {"dataframe_records": [{"a": 2, "comment": None, "b": 1}]},
        {"inputs": {"a": [2], "b": [1], "comment": ["x"]}},
    ):
        assert decode(codec, orjson.dumps(document), "json").buffers == want
    assert decode(codec, b"b,comment,a\n1,any text,2\n", "csv").buffers == want
    assert decode(codec, b"a,b\n2,1\n", "csv").buffers == want
    for broken in (
        orjson.dumps({"dataframe_split": split | {"data": [["x", 1]]}}),
        orjson.dumps({"dataframe_split": {"columns": ["a", "b", "comment", "comment"], "data": [[1, 2, 3, 4]]}}),
    ):
        with pytest.raises(ServerError) as refused:
            decode(codec, broken, "json")
        assert refused.value.code == "invalid_input"
    with pytest.raises(ServerError, match="3 columns, but a row has 2 values"):
        decode(codec, b"b,comment,a\n1,2\n", "csv")
