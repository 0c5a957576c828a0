"""JSON Schemas of bodies and answers: they take what the codecs take and answer, by a validator of others."""

from __future__ import annotations

import math
from typing import Any

import jsonschema_rs
import numpy as np
import orjson
import pytest

from server.asgi.schemas import (
    OF_DTYPE,
    Schema,
    error_schema,
    list_of,
    mlflow_answer_schema,
    mlflow_request_schema,
    row_schemas,
)
from server.errors import ServerError, envelope
from tests.support.server.codecs.mlflow import Served, forms_of, serve_all
from tests.support.server.models import ARTEFACTS, PLAIN

ALL = ARTEFACTS | PLAIN


def fits(schema: Schema, value: Any) -> bool:
    """Whether a value is one by its schema; it goes through JSON as it would on its way."""
    validator = jsonschema_rs.validator_for({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    return bool(validator.is_valid(orjson.loads(orjson.dumps(value))))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    return serve_all(tmp_path_factory.mktemp("models"))


def body_schema(served: Served) -> Schema:
    """The schema of a body of `/invocations`."""
    return mlflow_request_schema(served.model, list_of({"anyOf": row_schemas(served.model)}, minItems=1))


def rows_of(kind: str) -> list[list[Any]]:
    """Some rows that a model takes."""
    rows = [[3], [4]] if kind == "table lookup" else ALL[kind]().rows
    return [list(row) for row in np.asarray(rows, dtype=object).tolist()]


@pytest.mark.parametrize("kind", ALL)
def test_bodies_of_invocations_and_their_answers_fit(served: dict[str, Served], kind: str) -> None:
    model = served[kind].model
    artefact = model.artefact
    width = model.layouts[0].row_items
    names = [feature.name for feature in artefact.features] if artefact else [f"X[{at}]" for at in range(width)]
    for form, body in forms_of(names, rows_of(kind)).items():
        if artefact or ("by" not in form and "records" not in form):
            assert fits(body_schema(served[kind]), body), form
        assert fits(mlflow_answer_schema(model), served[kind].answer(body)), form


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"inputs": []},
        {"inputs": [["Bern", None, None, 1]]},
        {"inputs": [["Bern", None, None, 1, True]], "instances": [["Bern", None, None, 1, True]]},
        {"inputs": [["Bern", None, None, 1, True]], "x": 1},
        {"inputs": [["Paris", None, None, 1, True]]},
        {"inputs": [["Bern", None, None, 1.5, True]]},
        {"inputs": [["Bern", None, None, 2**63, True]]},
        {"inputs": [["Bern", None, None, 1, 1]]},
        {"inputs": {"city": ["Bern"]}},
        {"dataframe_records": {"city": ["Bern"]}},
        {"dataframe_split": {"columns": ["city"]}},
        {"dataframe_split": {"data": [["Bern", None, None, 1, True]], "x": 1}},
        {"dataframe_split": {"data": [["Bern", None, None, 1, []]]}},
        {"dataframe_split": {"data": [["Bern", None, None, 1]]}},
        {"dataframe_split": {"data": [["Bern", None, None, 1, True]], "columns": 1}},
    ],
)
def test_what_is_refused_does_not_fit(served: dict[str, Served], body: Any) -> None:
    assert served["mixed"].refusal(body)
    assert not fits(body_schema(served["mixed"]), body)


@pytest.mark.parametrize(
    ("dtype", "kind", "last"),
    [("float32", "plain", math.nextafter(2.0**128 - 2.0**103, 0)), ("int64", "whole numbers", 2**63 - 1)],
)
def test_the_ends_of_a_range_are_those_of_the_codec(
    served: dict[str, Served], dtype: str, kind: str, last: float
) -> None:
    width = served[kind].model.layouts[0].row_items
    beyond = 2**63 if dtype == "int64" else float(2.0**128 - 2.0**103)
    assert served[kind].answer({"inputs": [[last] * width]})
    assert fits(OF_DTYPE[dtype], last)
    assert served[kind].refusal({"inputs": [[beyond] * width]}).startswith("out_of_range")
    assert not fits(OF_DTYPE[dtype], beyond)


def test_errors_fit() -> None:
    assert fits(error_schema(), orjson.loads(envelope(ServerError("bad_json", "no"), "id")))
    assert not fits(error_schema(), {"error": "no", "code": "other", "request_id": "id"})
    assert not fits(error_schema(), {"detail": "no"})
