"""Owns the assembly of door one: FastAPI with our routes, and the checks and errors round every request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from copy import deepcopy
from time import monotonic
from typing import Any

import orjson
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from server.asgi.live import build_live_router
from server.asgi.openapi import document
from server.asgi.page_routes import build_page_router, is_open_page
from server.asgi.repository_routes import build_repository_router
from server.asgi.routes import build_router
from server.asgi.v2_routes import build_v2_router
from server.codecs.refusals import no_route, shown
from server.endpoints.framing import Headers, check_framing
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import JSON
from server.endpoints.serving import HotRoute
from server.errors import CODE_OF_STATUS, STATUS, ServerError, envelope
from server.logs import log
from server.models.repository import Repository

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class App:
    """The ASGI application. ``line``: the process's line on the scoreboard."""

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.line = 0
        self._inner = _build(endpoints)
        self._operations = self._inner.openapi()["paths"]
        self._document()

    def replace_models(self, repository: Repository) -> None:
        """Raises as `Endpoints.replace_models`. The routes stay: FastAPI never frees one, nor what it refers to."""
        self.endpoints.replace_models(repository)
        self._document()

    def _document(self) -> None:
        endpoints = self.endpoints
        keyed = bool(endpoints.settings.api_keys)
        described = document(endpoints.repository, deepcopy(self._operations), keyed)
        endpoints.openapi_document = orjson.dumps(described)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request; the lifespan opens and closes the endpoints."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.endpoints.open(self.line)
            else:
                self.endpoints.close()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = self.endpoints.gate.identify(scope["headers"])
        state = scope.setdefault("state", {})
        state["request_id"] = request_id.decode()
        state["head_only"] = scope["method"] == "HEAD"
        state["began"] = monotonic()  # of a prediction, later: when its body is complete
        started = False
        ours = [(b"x-request-id", request_id)]
        if _asks_to_upgrade(scope["headers"]):
            ours.append((b"connection", b"close"))  # a server may take its body for the next request

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._count(inner, message["status"], scope["method"])
                message["headers"] = [*message.get("headers", ()), *ours]
            await send(message)

        # HEAD is routed as GET; uvicorn omits the body.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        gate = self.endpoints.gate
        try:
            check_framing(scope["headers"], scope["http_version"])
            gate.check_host(scope["headers"], scope["http_version"])
            if not self._is_preflight(scope) and not is_open_page(scope):
                gate.authorise(scope["path"], scope["headers"])
            gate.check_lengths(scope["headers"])
            await self._inner(inner, receive, send_with_id)
        except ClientDisconnect:
            return  # within its body: nobody waits for an answer
        except Exception as error:  # noqa: BLE001  every error reaches the client as an envelope
            if not isinstance(error, ServerError):
                log.exception("a request failed", extra={"request_id": request_id.decode()})
                error = ServerError("internal", "the server failed on this request; its log says why")
            if not started:
                await _respond(self.endpoints, error, request_id.decode())(inner, receive, send_with_id)

    def _count(self, scope: Scope, status: int, method: str) -> None:
        """Counts how long a request took whose answer begins, and tells it in the access log."""
        state = scope["state"]
        seconds = monotonic() - state["began"]
        entered: HotRoute | None = state.get("route")
        if entered is not None:
            entered.batcher.metrics.request(entered.route_name, status, seconds)
        else:
            tags = getattr(scope.get("route"), "tags", None) or ["none"]
            self.endpoints.metrics.other_request(tags[0], status, seconds)
        access_log = self.endpoints.access_log
        if access_log is not None and access_log.admits(status):
            model = entered.batcher.name if entered is not None else None
            path = self.endpoints.gate.without_token(scope["path"])
            access_log.write(state["request_id"], method, path, status, seconds, model=model)

    def _is_preflight(self, scope: Scope) -> bool:
        """Whether the CORS middleware answers by itself: a browser asks without a key whether it may send one."""
        names = {name for name, _ in scope["headers"]}
        asks = {b"origin", b"access-control-request-method"} <= names
        return asks and scope["method"] == "OPTIONS" and bool(self.endpoints.settings.cors_origins)


def _asks_to_upgrade(headers: Headers) -> bool:
    values = dict(headers)
    return b"upgrade" in values and b"upgrade" in values.get(b"connection", b"").lower()


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
        app.add_middleware(
            CORSMiddleware,
            allow_origins=endpoints.settings.cors_origins,
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id", "retry-after", "server-timing"],
        )
    return app


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
