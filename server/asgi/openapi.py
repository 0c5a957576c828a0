"""Owns the OpenAPI document: a path per loaded model, with its features and a golden row as example. Knows no ASGI."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from server import __version__
from server.artefact.metadata import NAME_PATTERN, Artefact
from server.asgi.brief import in_brief
from server.asgi.schemas import (
    TEXT,
    Schema,
    error_schema,
    list_of,
    mlflow_answer_schema,
    mlflow_request_schema,
    predict_schema,
    prediction_schema,
    row_schemas,
)
from server.endpoints.gate import OPEN_PATHS
from server.models.repository import Model, Repository

ERRORS = {
    "400": "The request is not valid HTTP, or its body is not JSON or not CSV, or on v2 does not fit the model",
    "401": "No key, or a wrong one",
    "404": "No such model or version",
    "408": "The request did not come in time",
    "413": "The body or the number of rows is larger than allowed",
    "414": "The request target is too long",
    "415": "The body is not sent as a media type that is taken here",
    "422": "The body does not fit the model; the message names the feature",
    "431": "The headers are too many or too large",
    "500": "The model failed on this input, or the server did",
    "501": "An extension of v2 that this server does not have",
    "429": "This client sends more requests than it may; see Retry-After",
    "503": "Too much work waits, or the model is not available; see Retry-After",
    "504": "Not answered before the deadline",
}
OPEN_PAGES = {"/docs"}  # a browser opens it without a key; "/" too, but not as JSON
ANYWHERE = ("400", "408", "414", "431", "500")  # statuses of every operation
PREDICTING = ("404", "413", "415", "422", "429", "503", "504")
DESCRIPTION = """Predictions from verified ONNX artefacts.

Send one row as a list in feature order or as an object by feature name, or a list of such rows. One row gives one
prediction; a list of rows, even of one, gives lists. Every error is `{"error", "code", "request_id"}`."""
REQUEST_ID = {"X-Request-ID": {"required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{1,64}$"}}}


def document(repository: Repository, operations: dict[str, Any], keyed: bool) -> dict[str, Any]:
    """Makes the document. ``operations``: the paths that do not depend on models; ``keyed``: clients need a key."""
    schemas: Schema = {"Error": error_schema()}
    paths: dict[str, Any] = {}
    newest = [next(iter(versions.values())) for versions in repository.models.values()]
    briefs = in_brief(model for model in newest if model.predict is not None)
    if repository.default_model in repository.models:
        default = repository.get_default()
        if default.predict is not None:
            brief = briefs[default.name]
            schemas["Rows"] = list_of({"anyOf": row_schemas(brief)} if brief else {}, minItems=1)
            paths["/predict"] = {"post": _predict(brief, f"{default.name}, the default", "predict")}
            paths["/invocations"] = {"post": _invocations(brief, default.name)}
    for name, brief in briefs.items():
        paths[f"/models/{name}/predict"] = {"post": _predict(brief, name, f"predict_{name}")}
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": "dynonnx", "version": __version__, "description": DESCRIPTION},
        "paths": paths | operations,
        "components": {"schemas": schemas},
    }
    for path, operation in _operations(described["paths"]):
        _complete(operation, repository, keyed and path not in OPEN_PATHS | OPEN_PAGES)
    if keyed:
        described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        described["security"] = [{"key": []}]
    return described


def _operations(paths: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in paths.items():
        for operation in methods.values():
            yield path, operation


def _complete(operation: dict[str, Any], repository: Repository, keyed: bool) -> None:
    """Adds what every operation has, and removes what the framework adds wrongly."""
    responses = operation.setdefault("responses", {})
    if "HTTPValidationError" in str(responses.get("422")):
        del responses["422"]
    for status, response in error_responses(*ANYWHERE, *(["401"] if keyed else [])).items():
        responses.setdefault(status, response)
    for response in responses.values():
        response.setdefault("headers", {}).update(REQUEST_ID)
    if not keyed:
        operation["security"] = []
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in ("name", "version"):
            parameter["schema"] = _path_schema(parameter["name"], repository)


def _path_schema(name: str, repository: Repository) -> Schema:
    """The schema of ``{name}`` or ``{version}``, with the served ones as examples."""
    versions = {version for versions in repository.models.values() for version in versions}
    known = sorted(repository.models) if name == "name" else sorted(versions)
    return {"type": "string", "pattern": f"^{NAME_PATTERN.pattern}$", **({"examples": known} if known else {})}


def _predict(model: Model | None, title: str, operation: str) -> dict[str, Any]:
    """``model``: in brief."""
    content: dict[str, Any] = {"schema": predict_schema(model) if model else {"type": "object"}}
    if model and model.artefact:
        content["examples"] = _examples(model.artefact)
    return {
        "tags": ["predictions"],
        "operationId": operation,
        "summary": f"Predict with {title}",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": _responses("The prediction of each row", prediction_schema(model) if model else {}),
    }


def _invocations(model: Model | None, name: str) -> dict[str, Any]:
    """``model``: in brief."""
    rows = {"$ref": "#/components/schemas/Rows"}
    content: dict[str, Any] = {
        "application/json": {"schema": mlflow_request_schema(model, rows) if model else {"type": "object"}},
        "text/csv": _csv(model),
    }
    if model and model.artefact and model.artefact.golden.rows:
        content["application/json"]["examples"] = _scoring_examples(model.artefact)
    return {
        "tags": ["predictions"],
        "operationId": "invocations",
        "summary": f"Predict with {name}, the default, by the protocol of MLflow and SageMaker",
        "requestBody": {"required": True, "content": content},
        "responses": _responses("The prediction of each row", mlflow_answer_schema(model) if model else {}),
    }


def _csv(model: Model | None) -> dict[str, Any]:
    if model is None:
        return {"schema": TEXT}
    width = model.layouts[0].row_items
    names = [feature.name for feature in model.artefact.features] if model.artefact else [*map(str, range(width))]
    return {"schema": {"type": "string", "description": f"a header with the names {', '.join(names)}, and rows"}}


def _responses(description: str, schema: Schema) -> dict[str, Any]:
    answered = {"description": description, "content": {"application/json": {"schema": schema}}}
    return {"200": answered, **error_responses(*PREDICTING)}


def error_responses(*statuses: str) -> dict[str, Any]:
    """The error responses with these statuses."""
    schema = {"$ref": "#/components/schemas/Error"}
    return {
        status: {"description": ERRORS[status], "content": {"application/json": {"schema": schema}}}
        for status in statuses
    }


def answers(schema: Schema, *errors: str, html: bool = False) -> Any:
    """The responses of a reading route: 200 with JSON of this schema (``html``: or a page), and these errors."""
    page = {"text/html": {"schema": {"type": "string"}}} if html else {}
    return {"200": {"content": {"application/json": {"schema": schema}, **page}}, **error_responses(*errors)}


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


def _scoring_examples(artefact: Artefact) -> dict[str, Any]:
    names = [feature.name for feature in artefact.features]
    rows = [list(golden) for golden in artefact.golden.rows[:2]]
    records = [dict(zip(names, row, strict=True)) for row in rows]
    columns = {name: [row[at] for row in rows] for at, name in enumerate(names)}
    return {
        "split": {"value": {"dataframe_split": {"columns": names, "data": rows}}},
        "records": {"value": {"dataframe_records": records}},
        "instances": {"value": {"instances": rows}},
        "columns": {"value": {"inputs": columns}},
    }
