"""Owns the OpenAPI document: one concrete path per loaded model, with its real features and a golden row as example."""

from __future__ import annotations

from typing import Any

from server import __version__
from server.artefact import Artefact, Feature, Scalar
from server.codecs.answers import class_key
from server.codecs.simple import DTYPE_OF_NUMPY
from server.errors import CODES
from server.repository import Model, Repository

JSON_TYPES = {"float64": "number", "float32": "number", "int64": "integer", "bool": "boolean", "string": "string"}
ERRORS = {
    "400": "The body is not JSON",
    "401": "No key, or a wrong one",
    "404": "No such model or version",
    "413": "The body or the number of rows is larger than allowed",
    "415": "The body is not sent as JSON",
    "422": "The JSON does not fit the model; the message names the feature",
    "500": "The model failed on this input",
    "503": "Too much work waits, or the model is not available; see Retry-After",
    "504": "Not answered before the deadline",
}
DESCRIPTION = """Predictions from verified ONNX artefacts.

Send one row as a list in feature order or as an object by feature name, or a list of such rows. One row gives one
prediction; a list of rows, even of one, gives lists. Every error is `{"error", "code", "request_id"}`."""


def document(repository: Repository, operations: dict[str, Any], keyed: bool) -> dict[str, Any]:
    """The whole document. ``operations``: the paths that are the same for every model; ``keyed``: a key is needed."""
    paths: dict[str, Any] = {}
    for model in repository:
        if model.codec is not None and model is repository.get(model.name):
            paths[f"/models/{model.name}/predict"] = {"post": _predict(model, model.name, f"predict_{model.name}")}
    if repository.default_model in repository.models:
        default = repository.get_default()
        if default.codec is not None:
            paths = {"/predict": {"post": _predict(default, f"{default.name}, the default", "predict")}} | paths
    schemas = {"Error": _error_schema()}
    components: dict[str, Any] = {"schemas": schemas}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "dynonnx", "version": __version__, "description": DESCRIPTION},
        "paths": paths | operations,
        "components": components,
    }
    if keyed:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"key": []}]
    return described


def _predict(model: Model, title: str, operation: str) -> dict[str, Any]:
    return {
        "tags": ["predictions"],
        "operationId": operation,
        "summary": f"Predict with {title}",
        "requestBody": {"required": True, "content": {"application/json": _request(model)}},
        "responses": {
            "200": {
                "description": "The prediction of each row",
                "headers": {"X-Request-ID": {"schema": {"type": "string"}}},
                "content": {"application/json": {"schema": _answer_schema(model.artefact)}},
            },
            **error_responses("400", "404", "413", "415", "422", "500", "503", "504"),
        },
    }


def error_responses(*statuses: str) -> dict[str, Any]:
    """The responses of an operation that may answer these statuses."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        status: {"description": ERRORS[status], "content": {"application/json": {"schema": schema}}}
        for status in statuses
    }


def _error_schema() -> dict[str, Any]:
    text = {"type": "string"}
    return {
        "type": "object",
        "required": ["error", "code", "request_id"],
        "properties": {"error": text, "code": text | {"enum": list(CODES)}, "request_id": text},
    }


def _request(model: Model) -> dict[str, Any]:
    properties: dict[str, Any] = {"features": _features_schema(model)}
    if model.artefact and model.artefact.output_names("probabilities"):
        properties["probabilities"] = {
            "type": "boolean",
            "default": False,
            "description": "also answer the probability of every class",
        }
    schema = {
        "type": "object",
        "required": ["features"],
        "additionalProperties": False,
        "properties": properties,
    }
    return {"schema": schema, "examples": _examples(model.artefact)} if model.artefact else {"schema": schema}


def _features_schema(model: Model) -> dict[str, Any]:
    features = model.artefact.features if model.artefact else ()
    # A file without names is served in rows only if one matrix is all it takes.
    columns = [{"type": JSON_TYPES[DTYPE_OF_NUMPY[model.layouts[0].dtype]]}] * model.layouts[0].row_items
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
    shapes: list[dict[str, Any]] = [row]
    if features:
        shapes.append(
            {
                "type": "object",
                "title": "a row by feature name",
                "required": [feature.name for feature in features],
                "additionalProperties": False,
                "properties": {feature.name: _feature_schema(feature) for feature in features},
            }
        )
    rows = {"type": "array", "title": "many rows", "minItems": 1, "items": {"anyOf": list(shapes)}}
    return {"anyOf": [*shapes, rows]}


def _feature_schema(feature: Feature) -> dict[str, Any]:
    kind = JSON_TYPES[feature.dtype]
    schema: dict[str, Any] = {"type": [kind, "null"] if feature.nullable else kind}
    if feature.categories is not None:
        schema["enum"] = [*feature.categories, *([None] if feature.nullable else [])]
    return schema


def _examples(artefact: Artefact) -> dict[str, Any]:
    if not artefact.golden.rows:
        return {}
    row = list(artefact.golden.rows[0])
    named = {feature.name: value for feature, value in zip(artefact.features, row, strict=True)}
    return {
        "by name": {"value": {"features": named}},
        "a list": {"value": {"features": row}},
        "many rows": {"value": {"features": [list(golden) for golden in artefact.golden.rows[:3]]}},
    }


def _answer_schema(artefact: Artefact | None) -> dict[str, Any]:
    properties: dict[str, Any] = {"model_version": {"type": "string"}}
    if artefact is None:
        return {"type": "object", "properties": properties | {"outputs": {"type": "object"}}}
    if artefact.output_names("label") or artefact.output_names("value"):
        properties["prediction"] = _prediction_schema(artefact)
    if artefact.output_names("probabilities"):
        properties["probability"] = {"description": "of the predicted label", "type": ["number", "array", "null"]}
        properties["probabilities"] = {"type": ["object", "array"], "description": _classes_text(artefact)}
    properties |= {role: {} for role in ("scores", "transformed") if artefact.output_names(role)}
    return {"type": "object", "required": ["model_version"], "properties": properties}


def _prediction_schema(artefact: Artefact) -> dict[str, Any]:
    classes = artefact.classes
    if not classes or isinstance(classes[0], tuple):
        return {"description": "a list for many rows or several targets"}
    one = {"enum": list(classes)}
    return {"anyOf": [one, {"type": "array", "items": one}]}


def _classes_text(artefact: Artefact) -> str:
    classes: tuple[Scalar, ...] = tuple(one for one in artefact.classes or () if not isinstance(one, tuple))
    keys = ", ".join(class_key(label).decode() for label in classes)
    return f"only when asked for: by class {keys}" if keys else "only when asked for: by class, a list per row"
