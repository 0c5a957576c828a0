"""Owns FastAPI within door one: our routes and how it refuses. Imported by the first request that needs it.

With pydantic it takes 0.3 s of a processor and 18 MB. docs/decisions.md: "FastAPI waits for a cold request".
"""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from server.asgi.live import build_live_router
from server.asgi.openapi import document
from server.asgi.page_routes import build_page_router, is_open_page
from server.asgi.repository_routes import build_repository_router
from server.asgi.routes import build_router
from server.asgi.v2_routes import build_v2_router
from server.codecs.refusals import no_route, shown
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import JSON
from server.errors import CODE_OF_STATUS, STATUS, ServerError, envelope
from server.logs import log
from server.models.repository import Repository


class Framework:
    """FastAPI for the endpoints, and what of it App needs. ``app``: the ASGI application, whose errors App answers."""

    disconnected = ClientDisconnect
    is_open_page = staticmethod(is_open_page)

    def __init__(self, endpoints: Endpoints) -> None:
        self.app = _build(endpoints)
        self._operations = self.app.openapi()["paths"]

    def document(self, endpoints: Endpoints) -> None:
        """Makes the OpenAPI document of the models that are served now; of none of them where one cannot be told."""
        try:
            endpoints.openapi_document = self._document(endpoints, endpoints.repository)
        except Exception:  # noqa: BLE001  what a file claims costs no other route
            log.exception("/openapi.json tells of no model, as one of them cannot be described")
            endpoints.openapi_document = self._document(endpoints, endpoints.repository.only(()))

    def _document(self, endpoints: Endpoints, repository: Repository) -> bytes:
        return orjson.dumps(document(repository, deepcopy(self._operations), bool(endpoints.settings.api_keys)))


def _build(endpoints: Endpoints) -> FastAPI:
    # A redirect to the path without its slash would name the host that the client sent.
    app = FastAPI(title="dynonnx", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    app.include_router(build_page_router(endpoints.gate.keyed))
    app.include_router(build_router(endpoints))
    app.include_router(build_live_router(endpoints))
    app.include_router(build_repository_router(endpoints))
    app.include_router(build_v2_router(endpoints))
    app.add_exception_handler(ServerError, _on_server_error(endpoints))
    app.add_exception_handler(HTTPException, _on_http_exception(endpoints))
    if endpoints.settings.cors_origins:
        app.add_middleware(_Cors, endpoints=endpoints)
    return app


class _Cors(CORSMiddleware):
    """Starlette's, but for how it refuses a browser's question whether it may ask: as all here does."""

    def __init__(self, app: ASGIApp, endpoints: Endpoints) -> None:
        super().__init__(
            app,
            allow_origins=endpoints.settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after", "server-timing"],
        )
        self._endpoints = endpoints

    def preflight_response(self, request_headers: Headers) -> Response:
        """The answer to such a question."""
        response = super().preflight_response(request_headers)
        if response.status_code == HTTPStatus.OK:
            return response
        return _RefusedPreflight(self._endpoints, ServerError("bad_request", bytes(response.body).decode()))


class _RefusedPreflight(Response):
    def __init__(self, endpoints: Endpoints, error: ServerError) -> None:
        super().__init__()
        self._endpoints = endpoints
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _respond(self._endpoints, self._error, scope["state"]["request_id"])
        await refusal(scope, receive, send)


def _respond(endpoints: Endpoints, error: ServerError, request_id: str) -> Response:
    endpoints.metrics.error(error.code)
    return Response(envelope(error, request_id), error.status, headers=dict(error.headers), media_type=JSON)


def _on_server_error(endpoints: Endpoints) -> Any:
    async def handle(request: Request, error: ServerError) -> Response:
        return _respond(endpoints, error, request.state.request_id)

    return handle


def _on_http_exception(endpoints: Endpoints) -> Any:
    """Handles what the framework refuses: an unknown route, a wrong method."""

    async def handle(request: Request, error: HTTPException) -> Response:
        return _respond(endpoints, _refusal(request, error), request.state.request_id)

    return handle


def _refusal(request: Request, error: HTTPException) -> ServerError:
    """What the framework refuses, in our words."""
    path = request.url.path
    if error.status_code == STATUS["not_found"]:
        return no_route(path)
    if error.status_code == STATUS["method_not_allowed"]:
        takes = (error.headers or {}).get("Allow", "another")
        message = f"{shown(path)} does not take {request.method[:16]}; it takes {takes}"
        return ServerError("method_not_allowed", message, error.headers)
    return ServerError(CODE_OF_STATUS.get(error.status_code, "bad_request"), str(error.detail), error.headers)
