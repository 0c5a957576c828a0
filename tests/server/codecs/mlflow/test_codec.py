"""MLflow's protocol: every form gives the original's own predictions."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from server.codecs.mlflow.codec import mlflow_codec
from server.models.folder import VersionFile
from tests.support.models.loading import load_version
from tests.support.server.codecs.mlflow import Served, forms_of, serve_all
from tests.support.server.models import ARTEFACTS, mixed, mixed_matrix, plain_two_inputs


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    return serve_all(tmp_path_factory.mktemp("models"))


def original(kind: str) -> Any:
    """What scikit-learn says of the rows of a model."""
    made = ARTEFACTS[kind]()
    if kind == "mixed":
        return made.original.predict(mixed_matrix(made.rows))
    return made.original.transform(made.rows) if kind == "transformer" else made.original.predict(made.rows)


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
