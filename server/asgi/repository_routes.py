"""Owns the model repository's routes of door one, in Triton's protocol. Knows no folder: calls the endpoints."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from server.asgi.openapi import answers, error_responses
from server.asgi.routes import read_body, respond
from server.endpoints import reads
from server.endpoints.ledger import Lease
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import Answer
from server.errors import ServerError

DONE = Answer(b"")
MAX_CONTROL_BYTES = 65_536  # of a body, which is parsed on the loop
TEXT = {"type": "string"}
STATE = {
    "type": "object",
    "required": ["name", "version", "state", "reason"],
    "properties": {"name": TEXT, "version": TEXT, "state": {"enum": ["READY", "UNAVAILABLE"]}, "reason": TEXT},
}
STATES = {"type": "array", "items": STATE}
INDEX_BODY = {"type": "object", "properties": {"ready": {"type": "boolean", "default": False}}}
CONTROL_BODY = {
    "type": "object",
    "properties": {
        "parameters": {"type": "object", "propertyNames": {"type": "string", "not": {"pattern": "^(config$|file:)"}}}
    },
}


def build_repository_router(endpoints: Endpoints) -> APIRouter:
    """Makes the index route, and load and unload, which need an admin key."""
    router = APIRouter(prefix="/v2/repository", tags=["repository"])
    _add_control(router, endpoints)

    @router.post(
        "/index",
        summary="Every version with its state",
        responses=answers(STATES, "400", "413"),
        openapi_extra=_body(INDEX_BODY),
    )
    async def index(request: Request) -> Response:
        document = await _read_object(request, endpoints)
        ready = document.get("ready", False)
        if not isinstance(ready, bool):
            raise ServerError("bad_request", "'ready' is true, false or left out")
        return respond(reads.repository_index(endpoints, ready))

    return router


def _add_control(router: APIRouter, endpoints: Endpoints) -> None:
    described: dict[str, Any] = {
        "include_in_schema": endpoints.gate.controlled,
        "response_class": Response,  # without a body, so without a media type
        "responses": {"200": {"description": "Only workers with what is loaded now accept"}}
        | error_responses("400", "401", "404", "413", "503"),
        "openapi_extra": _body(CONTROL_BODY),
    }

    @router.post("/models/{name}/load", summary="Load what the folder holds of a model", **described)
    async def load(request: Request, name: str) -> Response:
        endpoints.gate.authorise_admin(request.scope["headers"])
        _check_parameters(await _read_object(request, endpoints))
        await endpoints.load(name)
        return respond(DONE)

    @router.post("/models/{name}/unload", summary="Let a model go until it is loaded", **described)
    async def unload(request: Request, name: str) -> Response:
        endpoints.gate.authorise_admin(request.scope["headers"])
        _check_parameters(await _read_object(request, endpoints))
        await endpoints.unload(name)
        return respond(DONE)


async def _read_object(request: Request, endpoints: Endpoints) -> dict[str, Any]:
    """Reads the body as a JSON object, empty without a body. Any media type: Triton's clients send none.

    Raises ServerError: bad_json, bad_request, body_too_large.
    """
    body = await read_body(request, endpoints, Lease(endpoints.ledger.account()))
    if not body:
        return {}
    if len(body) > MAX_CONTROL_BYTES:
        raise ServerError("body_too_large", f"the body is larger than the {MAX_CONTROL_BYTES} bytes allowed here")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ServerError("bad_json", f"the body is not JSON, at byte {error.pos}") from None
    if not isinstance(document, dict):
        raise ServerError("bad_request", "the body is not a JSON object")
    return document


def _check_parameters(document: dict[str, Any]) -> None:
    """Raises ServerError ``bad_request`` for a call that sends a model or its configuration."""
    parameters = document.get("parameters", {})
    if not isinstance(parameters, dict):
        raise ServerError("bad_request", "'parameters' is not a JSON object")
    if any(name == "config" or name.startswith("file:") for name in parameters):
        raise ServerError(
            "bad_request", "models are not sent here: put the file into the models folder, and load without parameters"
        )


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": False, "content": {"application/json": {"schema": schema}}}}
