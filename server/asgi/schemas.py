"""Owns the JSON Schemas of requests and their answers: rows, predictions, errors. Pure: knows no routes.

As strict as the codecs, as far as JSON Schema can express it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from server.artefact.metadata import SINCE_1970, Artefact, Feature, Scalar
from server.codecs.json.fields import class_key
from server.codecs.mlflow.codec import PREDICTIONS
from server.codecs.predict import DTYPE_OF_NUMPY
from server.errors import CODES
from server.models.repository import Model

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": ["number", "null"], "description": "null where it is not finite"}
ANYTHING: Schema = {"type": ["number", "string", "boolean", "null"]}
FLOAT32_END = float(2**128 - 2**103)  # numbers from here on round beyond float32
OF_DTYPE: dict[str, Schema] = {
    "float64": {"type": "number"},
    "float32": {"type": "number", "exclusiveMinimum": -FLOAT32_END, "exclusiveMaximum": FLOAT32_END},
    "int64": {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
    "bool": {"type": "boolean"},
    "string": TEXT,
}


def record(properties: Schema, optional: tuple[str, ...] = (), **more: Any) -> Schema:
    """An object with these properties only; all but the ``optional`` are required."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "required": required, "additionalProperties": False, "properties": properties, **more}


def list_of(items: Schema, **more: Any) -> Schema:
    """An array with one schema for every item."""
    return {"type": "array", "items": items, **more}


def error_schema() -> Schema:
    """The envelope of every error."""
    return record({"error": TEXT, "code": TEXT | {"enum": list(CODES)}, "request_id": TEXT})


# Requests


def row_schemas(model: Model) -> list[Schema]:
    """The forms of a row: a list, and an object if features have names."""
    features = model.artefact.features if model.artefact else ()
    # A file without feature names has rows only if its one input is a matrix.
    columns = [OF_DTYPE[DTYPE_OF_NUMPY[model.layouts[0].dtype]]] * model.layouts[0].row_items
    items = [_feature_schema(feature) for feature in features] or columns
    width = len(items)
    row = {
        "type": "array",
        "prefixItems": items,
        "items": False,
        "minItems": width,
        "maxItems": width,
        "title": "a row",
    }
    if not features:
        return [row]
    return [
        row,
        record({feature.name: _feature_schema(feature) for feature in features}, title="a row by feature name"),
    ]


def _feature_schema(feature: Feature) -> Schema:
    schema = dict(OF_DTYPE[feature.dtype])
    if feature.unit == SINCE_1970:
        return _date_schema(feature)
    if feature.nullable:
        schema["type"] = [schema["type"], "null"]
    if feature.categories is not None:
        schema["enum"] = [*feature.categories, *([None] if feature.nullable else [])]
    if feature.unit is not None:
        schema["description"] = feature.unit
    return schema


def _date_schema(feature: Feature) -> Schema:
    """A number, of the known ones where there are no others, or such a date as a text."""
    number = {"type": "number"} if feature.categories is None else {"enum": list(feature.categories)}
    text = {"type": "string", "examples": ["2024-02-29", "2024-02-29T10:30:00"]}
    forms: list[Schema] = [number, text, *([{"type": "null"}] if feature.nullable else [])]
    return {"anyOf": forms, "description": f"{feature.unit}, or a date in ISO 8601 without a time zone"}


def predict_schema(model: Model) -> Schema:
    """The body of `/predict`."""
    rows = row_schemas(model)
    many = list_of({"anyOf": list(rows)}, title="many rows", minItems=1)
    properties: Schema = {"features": {"anyOf": [*rows, many]}}
    if model.artefact and model.artefact.output_names("probabilities"):
        properties["probabilities"] = {
            "type": "boolean",
            "default": False,
            "description": "also answer the probability of every class",
        }
    return record(properties, optional=("probabilities",))


def mlflow_request_schema(model: Model, rows: Schema) -> Schema:
    """The body of `/invocations` as JSON; ``rows``: the schema of a list of rows, or a reference to it."""
    names = [feature.name for feature in model.artefact.features] if model.artefact else []
    split = record(
        {
            "columns": {"type": ["array", "null"], "items": {"type": ["string", "integer"]}, "examples": [names]},
            "index": {"type": ["array", "null"], "description": "one for each row; not looked at"},
            "data": rows if _columns_are_alike(model) else _rows_in_any_order(model),
        },
        optional=("columns", "index"),
    )
    forms = {"dataframe_split": split, "dataframe_records": rows, "instances": rows, "inputs": _inputs(model, rows)}
    params: Schema = {"description": "ignored: no model here takes any"}
    return {"anyOf": [record({form: schema, "params": params}, optional=("params",)) for form, schema in forms.items()]}


def _columns_are_alike(model: Model) -> bool:
    row = row_schemas(model)[0]["prefixItems"]
    return all(column == row[0] for column in row)


def _rows_in_any_order(model: Model) -> Schema:
    """Rows whose ``columns`` give their order, so that any position may have any column's schema."""
    row = row_schemas(model)[0]["prefixItems"]
    return list_of(list_of({"anyOf": row}, minItems=len(row), maxItems=len(row)), minItems=1)


def _inputs(model: Model, rows: Schema) -> Schema:
    if model.artefact is None:
        return {"anyOf": [rows, record({model.layouts[0].name: rows}, title="the only tensor")]}
    features = {feature.name: _feature_schema(feature) for feature in model.artefact.features}
    columns = {name: list_of(schema, minItems=1) for name, schema in features.items()}
    return {
        "anyOf": [
            rows,
            record(columns, title="columns by feature name", description="of one length"),
            record(features, title="one row by feature name"),
        ]
    }


# Answers


def prediction_schema(model: Model) -> Schema:
    """The answer of `/predict`: values for one row, lists of them for a list of rows."""
    version = {"model_version": TEXT}
    artefact = model.artefact
    if artefact is None:
        return record({"outputs": record({spec.name: {} for spec in model.runtime.outputs})} | version)
    fields: Schema = {}
    if artefact.output_names("label") or artefact.output_names("value"):
        fields["prediction"] = _predicted(artefact, "label" if artefact.output_names("label") else "value")
    if artefact.output_names("probabilities"):
        fields["probability"] = _per_target(artefact, [NUMBER] * len(_targets(artefact)))
        probabilities = [_by_class(labels) for labels in _targets(artefact)]
        fields["probabilities"] = _per_target(artefact, probabilities)
    fields |= {role: _predicted(artefact, role) for role in ("scores", "transformed") if artefact.output_names(role)}
    fields = {name: {"anyOf": [schema, list_of(schema, minItems=1)]} for name, schema in fields.items()}
    return record(fields | version, optional=("probabilities",))


def _by_class(labels: Sequence[Scalar]) -> Schema:
    if not labels:  # too many to be told
        return {"type": "object", "additionalProperties": NUMBER}
    return record({class_key(label).decode()[1:-1]: NUMBER for label in labels})


def mlflow_answer_schema(model: Model) -> Schema:
    """The answer of `/invocations`."""
    artefact = model.artefact
    if artefact is None:
        outputs = {spec.name: {"type": "array", "minItems": 1} for spec in model.runtime.outputs}
        return record({"predictions": record(outputs)})
    role = next(role for role in PREDICTIONS if artefact.output_names(role))
    return record({"predictions": list_of(_predicted(artefact, role), minItems=1)})


def _predicted(artefact: Artefact, role: str) -> Schema:
    """The schema of one row of an output with this role."""
    if role == "label" and artefact.classes:
        return _per_target(artefact, [{"enum": list(labels)} for labels in _targets(artefact)])
    return {"anyOf": [ANYTHING, list_of(ANYTHING)]}


def _targets(artefact: Artefact) -> list[tuple[Scalar, ...]]:
    """The classes of each target, as a list of tuples."""
    classes: Any = artefact.classes or ()
    return list(classes) if classes and isinstance(classes[0], tuple) else [classes]


def _per_target(artefact: Artefact, schemas: list[Schema]) -> Schema:
    """The schema of the only target, or of a list with a value for each."""
    classes = artefact.classes
    if not classes or not isinstance(classes[0], tuple):
        return schemas[0]
    return list_of({"anyOf": schemas}, minItems=len(schemas), maxItems=len(schemas))
