"""MLflow's protocol: every form gives the original's own predictions; every refusal says where and why."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pytest

from server.artefact.metadata import Feature
from server.codecs.json_columns import JsonGroup
from server.codecs.mlflow import Media, MlflowCodec, media_of, mlflow_codec
from server.codecs.rows import RowReader
from server.errors import ServerError
from server.models.folder import VersionFile
from server.models.repository import Model
from tests.support.models.loading import load_version
from tests.support.server.decoding import decode
from tests.support.server.models import ARTEFACTS, PLAIN, mixed, mixed_matrix, plain_two_inputs

MAX_ROWS = 100


class Served:
    """A loaded model and its MLflow codec."""

    def __init__(self, folder: Path, data: bytes) -> None:
        path = folder / "m.onnx"
        path.write_bytes(data)
        self.model: Model = load_version(VersionFile("m", "1", path), max_rows=MAX_ROWS)
        assert isinstance(self.model.mlflow, MlflowCodec)
        self.codec = self.model.mlflow

    def answer(self, body: Any, media: Media = "json") -> Any:
        """What the model answers to a body, which is JSON unless it is bytes."""
        text = body if isinstance(body, bytes) else orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        entry = decode(self.codec, text, media)
        assert not entry.single
        group = entry.group
        outputs = self.model.runtime.run(group.outputs, group.feed([entry], None, entry.rows))
        group.deliver([entry], outputs)
        assert entry.body is not None
        assert entry.body == group.body_of(group.encode(outputs), 0, entry.rows)
        return orjson.loads(entry.body)

    def refusal(self, body: Any, media: Media = "json") -> str:
        """Code and message of what is refused."""
        with pytest.raises(ServerError) as caught:
            self.answer(body, media)
        return f"{caught.value.code}: {caught.value}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    folder = tmp_path_factory.mktemp("models")
    return {kind: Served(folder, make().data) for kind, make in (ARTEFACTS | PLAIN).items()}


def original(kind: str) -> Any:
    """What scikit-learn says of the rows of a model."""
    made = ARTEFACTS[kind]()
    if kind == "mixed":
        return made.original.predict(mixed_matrix(made.rows))
    return made.original.transform(made.rows) if kind == "transformer" else made.original.predict(made.rows)


def forms_of(names: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    """The same rows in each way there is to send them."""
    records = [dict(zip(names, row, strict=True)) for row in rows]
    turned = [row[::-1] for row in rows]
    index = [f"row {at}" for at in range(len(rows))]
    return {
        "split": {"dataframe_split": {"columns": names, "index": index, "data": rows}},
        "split, turned": {"dataframe_split": {"columns": names[::-1], "data": turned}},
        "split, without names": {"dataframe_split": {"data": rows}},
        "split, numbered": {"dataframe_split": {"index": None, "columns": [*range(len(names))], "data": rows}},
        "records": {"dataframe_records": records},
        "records, turned": {"dataframe_records": [dict(reversed(record.items())) for record in records]},
        "records as lists": {"dataframe_records": rows},
        "instances": {"instances": rows},
        "instances by name": {"instances": records},
        "inputs": {"inputs": rows, "params": {"n": 1}},
        "inputs by name": {"inputs": records},
        "inputs by column": {"inputs": {name: [row[at] for row in rows] for at, name in enumerate(names)}},
    }


def csv_of(names: list[str], rows: list[list[Any]]) -> bytes:
    """A table as Python's csv module writes it; a missing value is an empty cell."""
    text = io.StringIO()
    csv.writer(text).writerows([names, *rows])
    return text.getvalue().encode()


@pytest.mark.parametrize("kind", ARTEFACTS)
def test_every_form_gives_the_original_predictions(served: dict[str, Served], kind: str) -> None:
    made = ARTEFACTS[kind]()
    assert made.artefact
    names = [feature.name for feature in made.artefact.features]
    rows = [list(row) for row in np.asarray(made.rows, dtype=object).tolist()]
    want = original(kind)
    model = served[kind]
    for form, body in forms_of(names, rows).items():
        check(model.answer(body), want, form)
    if kind != "mixed":  # its plan may be "", which an empty cell is not
        check(model.answer(csv_of(names, rows), "csv"), want, "csv")
        check(model.answer(csv_of(names[::-1], [row[::-1] for row in rows]), "csv"), want, "csv, turned")
        frame = pd.DataFrame(rows, columns=pd.Index(names))
        check(model.answer(frame.to_csv(index=False).encode(), "csv"), want, "csv of pandas")
        check(model.answer({"dataframe_split": frame.to_dict(orient="split")}), want, "split of pandas")


def check(answer: Any, want: Any, form: str) -> None:
    """Predictions against the original's."""
    assert list(answer) == ["predictions"], form
    got = answer["predictions"]
    assert len(got) == len(want), form
    if np.asarray(want).dtype.kind == "f":
        np.testing.assert_allclose(got, want, rtol=1e-9, err_msg=form)
    else:
        assert got == want.tolist(), form


def test_one_row_of_values_by_name(served: dict[str, Served]) -> None:
    made = ARTEFACTS["string labels"]()
    assert made.artefact
    row = dict(zip([feature.name for feature in made.artefact.features], made.rows[0].tolist(), strict=True))
    assert served["string labels"].answer({"inputs": row}) == {"predictions": ["setosa"]}


def test_csv_of_every_dtype(served: dict[str, Served]) -> None:
    rows: list[list[Any]] = [
        ["Bern", "gold", 31.5, 3, True],
        ["Rome", None, None, 0, False],
        ["Oslo", "tin, 2\n3", -1e-3, -7, True],
    ]
    names = [feature.name for feature in mixed().artefact.features]  # type: ignore[union-attr]
    check(served["mixed"].answer(csv_of(names, rows), "csv"), mixed().original.predict(mixed_matrix(rows)), "csv")
    frame = pd.DataFrame(rows, columns=pd.Index(names))
    check(
        served["mixed"].answer(frame.to_csv(index=False, lineterminator="\r\n").encode(), "csv"),
        mixed().original.predict(mixed_matrix(rows)),
        "pandas",
    )


def test_plain_files_answer_output_by_output(served: dict[str, Served]) -> None:
    rows = [[1, 2], [3, -4]]
    want = {"predictions": {"same": rows, "total": [[3], [-1]]}}
    bodies: list[Any] = [
        {"inputs": rows},
        {"instances": rows},
        {"inputs": {"X": rows}},
        {"dataframe_split": {"columns": [0, 1], "data": rows}},
        {"dataframe_records": [{"X[0]": 1, "X[1]": 2}, [3, -4]]},
        {"inputs": {"X[0]": [1, 3], "X[1]": [2, -4]}},
    ]
    model = served["whole numbers"]
    for body in bodies:
        assert model.answer(body) == want
    for header in (b"0,1", b"X[0],X[1]"):
        assert model.answer(header + b"\n1,2\n3,-4", "csv") == want


def test_a_plain_file_of_two_inputs_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(plain_two_inputs().data)
    model = load_version(VersionFile("m", "1", tmp_path / "m.onnx"), max_rows=9, max_batch_rows=9)
    assert mlflow_codec(None, model.runtime.inputs, model.runtime.outputs, 9) is None


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
        ({"instances": [{"city": "Bern"}]}, "invalid_input: instances[0]: missing feature 'plan'"),
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
        ({"dataframe_split": {"data": [ROW], "columns": [[], {}, 1, None, True]}}, "columns: missing feature 'city'"),
        ({"dataframe_split": {"data": [ROW], "columns": [0, 1, 2, 4, 3]}}, "columns: missing feature 'city'"),
        (
            {"dataframe_split": {"columns": NAMES[::-1], "data": [ROW[::-1], ROW]}},
            "data[1], feature 'city': expected a string, got true",
        ),
        (
            {"dataframe_split": {"columns": NAMES[::-1], "data": [ROW[1:]]}},
            "dataframe_split.data[0]: expected 5 values",
        ),
        ({"inputs": {"city": ["Bern"]}}, "inputs: missing feature 'plan'"),
        ({"inputs": {}}, "inputs[0]: missing feature 'city'"),
        (
            {"inputs": dict.fromkeys(NAMES, 1) | {"age": [1]}},
            "inputs: expected a list of one length for every feature, or a value for each: one row",
        ),
        ({"inputs": {name: [1] for name in NAMES} | {"age": [1, 2]}}, "inputs: expected a list of one length"),
        (
            {"inputs": {name: ["Bern", 1] for name in NAMES}},
            "inputs, value 0 of feature 'age': expected a number, got \"Bern\"",
        ),
        ({"inputs": [ROW] * (MAX_ROWS + 1)}, "too_many_rows: 101 rows are more than the 100 allowed"),
    ],
)
def test_json_that_is_refused(served: dict[str, Served], body: Any, message: str) -> None:
    assert message in served["mixed"].refusal(body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "bad_request: the body is empty; expected CSV with a header"),
        ("city,plan,age,visits,member\n", "invalid_input: no rows; send at least one"),
        ("city,plan\nBern,gold\n", "invalid_input: header: missing feature 'age'"),
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


@pytest.mark.parametrize(
    ("content_types", "media"),
    [
        ([], "json"),
        ([b"application/json"], "json"),
        ([b"Application/JSON ; Charset=UTF-8;"], "json"),
        ([b'text/csv; charset="utf-8"'], "csv"),
        ([b"text/csv"], "csv"),
    ],
)
def test_media(content_types: list[bytes], media: Media) -> None:
    assert media_of(content_types) == media


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"application/json; format=pandas-split",
        b"text/csv; header=absent",
        b"application/json; charset=latin-1",
        b"application/json; charset",
        b"application/vnd.apache.parquet",
    ],
)
def test_other_media_are_refused(content_type: bytes) -> None:
    with pytest.raises(ServerError) as caught:
        media_of([content_type])
    assert caught.value.code == "unsupported_media_type"
