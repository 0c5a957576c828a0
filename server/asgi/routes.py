"""Owns door one: thin FastAPI routes over the endpoints. Decides nothing; any ASGI server can run it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse

from server.asgi.openapi import answers
from server.asgi.schemas import HEALTH, INDEX, LIVE, MODEL, MODELS, READY
from server.batching.batch import Entry
from server.codecs.mlflow import media_of
from server.codecs.v2.body import Reply
from server.endpoints.gate import Admission
from server.endpoints.serving import JSON, Answer, Endpoints, HotRoute, server_timing
from server.errors import ServerError


def build_router(endpoints: Endpoints, docs_page: bytes) -> APIRouter:
    """Every route there is."""
    router = APIRouter()
    _add_predict(router, endpoints)
    _add_reads(router, endpoints)

    @router.get("/", tags=["pages"], summary="What this is", responses=answers(INDEX, html=True))
    async def index(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(docs_page)
        return respond(endpoints.index())

    @router.get("/docs", tags=["pages"], summary="The models, with a form to try each", response_class=HTMLResponse)
    async def docs() -> Response:
        return HTMLResponse(docs_page)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return respond(endpoints.openapi())

    return router


def _add_predict(router: APIRouter, endpoints: Endpoints) -> None:
    @router.post("/predict", include_in_schema=False)
    async def predict_default(request: Request) -> Response:
        return await _predict(endpoints, request, None, None)

    @router.post("/models/{name}/predict", include_in_schema=False)
    async def predict(request: Request, name: str) -> Response:
        return await _predict(endpoints, request, name, None)

    @router.post("/models/{name}/versions/{version}/predict", include_in_schema=False)
    async def predict_version(request: Request, name: str, version: str) -> Response:
        return await _predict(endpoints, request, name, version)

    @router.post("/invocations", include_in_schema=False)
    async def invocations(request: Request) -> Response:
        return await _invoke(endpoints, request)


def _add_reads(router: APIRouter, endpoints: Endpoints) -> None:
    @router.get("/models", tags=["models"], summary="What is served", responses=answers(MODELS))
    async def models() -> Response:
        return respond(endpoints.models())

    @router.get("/models/{name}", tags=["models"], summary="One model", responses=answers(MODEL, "404", "503"))
    async def model(name: str) -> Response:
        return respond(endpoints.model(name))

    @router.get(
        "/models/{name}/versions/{version}",
        tags=["models"],
        summary="One version of a model",
        responses=answers(MODEL, "404", "503"),
    )
    async def model_version(name: str, version: str) -> Response:
        return respond(endpoints.model(name, version))

    @router.get("/health", tags=["operations"], summary="This process runs", responses=answers(HEALTH))
    async def health() -> Response:
        return respond(endpoints.health())

    @router.get("/ping", tags=["operations"], summary="Models are loaded", responses=answers(READY, "503"))
    async def ping() -> Response:
        return respond(endpoints.ready())

    @router.get("/version", tags=["operations"], summary="The server's version", response_class=PlainTextResponse)
    async def version() -> Response:
        return respond(endpoints.version())

    @router.get("/v2/health/live", tags=["operations"], summary="This process runs", responses=answers(LIVE))
    async def live() -> Response:
        return respond(endpoints.live())

    @router.get("/v2/health/ready", tags=["operations"], summary="Models are loaded", responses=answers(READY, "503"))
    async def ready() -> Response:
        return respond(endpoints.ready())

    @router.get(
        "/metrics",
        tags=["operations"],
        summary="Prometheus metrics, summed over workers",
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        return respond(endpoints.exposition())


def respond(answer: Answer) -> Response:
    """An endpoint's answer as an ASGI response."""
    return Response(answer.body, answer.status, media_type=answer.media_type)


class _Waiting(Entry):
    """An entry whose caller awaits a future."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.arrived = monotonic()
        self.future: asyncio.Future[bytes | Reply] = asyncio.get_running_loop().create_future()

    def answer(self, body: bytes) -> None:
        if not self.future.done():
            self.future.set_result(body)

    def reply(self, reply: Reply) -> None:
        if not self.future.done():
            self.future.set_result(reply)

    def refuse(self, error: ServerError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


async def _predict(endpoints: Endpoints, request: Request, name: str | None, version: str | None) -> Response:
    route = endpoints.find(name, version)
    admission = endpoints.gate.admit(request.scope["headers"])
    return await ask(endpoints, request, route, admission, endpoints.predict)


async def _invoke(endpoints: Endpoints, request: Request) -> Response:
    route = endpoints.find(None, None)
    headers = request.scope["headers"]
    media = media_of(value for header, value in headers if header == b"content-type")
    admission = endpoints.gate.admit((header, value) for header, value in headers if header != b"content-type")
    return await ask(endpoints, request, route, admission, partial(endpoints.invoke, media=media))


async def ask(
    endpoints: Endpoints,
    request: Request,
    route: HotRoute,
    admission: Admission,
    enter: Callable[[HotRoute, Entry, bytes], None],
) -> Response:
    """Waits for the answer of what ``enter`` submits; its caller may leave meanwhile. Raises ServerError."""
    route.batcher.check_capacity()
    body = await read_body(request, endpoints)
    began = monotonic()
    entry = _Waiting(admission.deadline)
    enter(route, entry, body)
    watching = asyncio.create_task(_watch(request, entry))
    try:
        result = await entry.future
    finally:
        entry.done = True
        watching.cancel()
    timing = {"server-timing": server_timing(entry, began)} if entry.timing else {}
    if isinstance(result, bytes):
        return Response(result, media_type=JSON, headers=timing)
    named = {name.decode(): value.decode() for name, value in result.headers}
    return Response(b"".join(result.pieces), media_type=result.media_type.decode(), headers=named | timing)


async def _watch(request: Request, entry: _Waiting) -> None:
    """Lets the request go whose caller leaves: it is not run, and what is answered reaches nobody."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    entry.done = True
    entry.answer(b"")


async def read_body(request: Request, endpoints: Endpoints) -> bytes:
    """The whole body. Raises ServerError ``body_too_large`` before it is."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        endpoints.gate.check_size(size)
        chunks.append(chunk)
    return b"".join(chunks)
