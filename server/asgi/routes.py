"""Owns the routes of predictions and reads but v2's, and `ask`, which awaits an entry's answer. Knows ASGI alone."""

from __future__ import annotations

import asyncio
from time import monotonic

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from server.asgi.openapi import answers
from server.asgi.read_schemas import HEALTH, LIVE, MODEL, MODELS, READY, SCALE
from server.batching.entry import Entry, PiecedAnswer
from server.endpoints import reads
from server.endpoints.entering import HotRoute, enter, server_timing
from server.endpoints.ledger import SMALL_BODY_BYTES, Lease
from server.endpoints.lifecycle import Endpoints
from server.endpoints.portions import PORTION_BYTES, Portions
from server.endpoints.reads import JSON, Answer
from server.errors import ServerError


def build_router(endpoints: Endpoints) -> APIRouter:
    """Makes the routes of predictions and reads."""
    router = APIRouter()
    _add_predict(router, endpoints)
    _add_reads(router, endpoints)

    @router.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return respond(reads.openapi(endpoints))

    return router


def _add_predict(router: APIRouter, endpoints: Endpoints) -> None:
    @router.post("/predict", include_in_schema=False)
    async def predict_default(request: Request) -> Response:
        return await ask(endpoints, request, endpoints.serving.find("predict"))

    @router.post("/models/{name}/predict", include_in_schema=False)
    async def predict(request: Request, name: str) -> Response:
        return await ask(endpoints, request, endpoints.serving.find("predict", name))

    @router.post("/models/{name}/versions/{version}/predict", include_in_schema=False)
    async def predict_version(request: Request, name: str, version: str) -> Response:
        return await ask(endpoints, request, endpoints.serving.find("predict", name, version))

    @router.post("/invocations", include_in_schema=False)
    async def invocations(request: Request) -> Response:
        return await ask(endpoints, request, endpoints.serving.find("mlflow"))


def _add_reads(router: APIRouter, endpoints: Endpoints) -> None:
    @router.get("/models", tags=["models"], summary="What is served", responses=answers(MODELS))
    async def models() -> Response:
        return respond(reads.models(endpoints))

    @router.get("/models/{name}", tags=["models"], summary="One model", responses=answers(MODEL, "404", "503"))
    async def model(name: str) -> Response:
        return respond(reads.model(endpoints, name))

    @router.get(
        "/models/{name}/versions/{version}",
        tags=["models"],
        summary="One version of a model",
        responses=answers(MODEL, "404", "503"),
    )
    async def model_version(name: str, version: str) -> Response:
        return respond(reads.model(endpoints, name, version))

    @router.get("/health", tags=["operations"], summary="This process runs", responses=answers(HEALTH))
    async def health() -> Response:
        return respond(reads.health())

    @router.get("/ping", tags=["operations"], summary="Models are loaded", responses=answers(READY, "503"))
    async def ping() -> Response:
        return respond(reads.ready(endpoints))

    @router.get("/version", tags=["operations"], summary="The server's version", response_class=PlainTextResponse)
    async def version() -> Response:
        return respond(reads.version())

    @router.get("/v2/health/live", tags=["operations"], summary="This process runs", responses=answers(LIVE))
    async def live() -> Response:
        return respond(reads.live())

    @router.get("/v2/health/ready", tags=["operations"], summary="Models are loaded", responses=answers(READY, "503"))
    async def ready() -> Response:
        return respond(reads.ready(endpoints))

    @router.get(
        "/scale",
        tags=["operations"],
        summary="How much of this dyno is used, and how many the demand needs",
        responses=answers(SCALE),
    )
    async def scale() -> Response:
        return respond(reads.scale(endpoints))

    @router.get("/hirefire/{token}/info", include_in_schema=False, tags=["operations"])
    async def hirefire(token: str) -> Response:
        endpoints.gate.check_token(token)
        return respond(reads.hirefire(endpoints))

    @router.get(
        "/metrics",
        tags=["operations"],
        summary="Prometheus metrics, summed over workers",
        response_class=PlainTextResponse,
    )
    async def metrics() -> Response:
        return respond(await reads.metrics(endpoints))


def respond(answer: Answer) -> Response:
    """An answer of the endpoints as an ASGI response; a large one in portions."""
    if len(answer.body) + len(answer.more) > PORTION_BYTES:
        return _PiecedResponse(PiecedAnswer([answer.body, answer.more], answer.media_type.encode(), ()), {})
    whole = b"".join([answer.body, answer.more])
    return Response(whole, answer.status, media_type=answer.media_type if whole else None)


class _PiecedResponse(Response):
    """An answer in pieces, sent in portions, between which others have a turn."""

    def __init__(self, answer: PiecedAnswer, headers: dict[str, str]) -> None:
        self._portions = Portions(answer.pieces)
        named = {name.decode(): value.decode() for name, value in answer.headers}
        length = {"content-length": str(self._portions.left)}
        super().__init__(headers=named | headers | length, media_type=answer.media_type.decode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        portions = self._portions
        while portions.left > PORTION_BYTES:
            await send({"type": "http.response.body", "body": b"".join(portions.take()), "more_body": True})
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b"".join(portions.take())})


class _AwaitedEntry(Entry):
    """An entry whose answer a coroutine awaits; `App` counts how long that took."""

    timed_by_door = True

    def __init__(self, deadline: float, lease: Lease) -> None:
        super().__init__()
        self.deadline = deadline
        self._lease = lease
        self.arrived = monotonic()
        self.future: asyncio.Future[bytes | PiecedAnswer] = asyncio.get_running_loop().create_future()

    def hold(self, size: int) -> None:
        self._lease.hold(size)

    def weigh(self, size: int) -> None:
        self._lease.hold_at_least(size)

    def answer(self, body: bytes) -> None:
        if not self.future.done():
            self.future.set_result(body)

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        if not self.future.done():
            self.future.set_result(answer)

    def refuse(self, error: ServerError) -> None:
        if not self.future.done():
            error.__context__ = None  # its frames hold this entry and its body: a circle until a collection
            self.future.set_exception(error)


async def ask(endpoints: Endpoints, request: Request, route: HotRoute) -> Response:
    """Enters a request and awaits its answer; the client may disconnect meanwhile. Raises ServerError."""
    headers = request.scope["headers"]
    request.state.route = route
    admission = endpoints.gate.admit(headers)
    if endpoints.quota is not None:
        endpoints.quota.check(headers, request.client.host if request.client else None)
    described = route.codec.read_headers(headers)
    route.batcher.check_capacity(admission.deadline)
    lease = Lease(endpoints.ledger.account())
    try:
        entry = _AwaitedEntry(admission.deadline, lease)
        entry.request = described
        entry.no_store = admission.no_store
        try:
            body = await read_body(request, endpoints, lease)
        except ServerError as error:
            if error.code == "overloaded":
                route.batcher.metrics.failed(error.code)
            raise
        entry.arrived = request.state.began = monotonic()
        enter(route, entry, body)
        answer = await _answer_of(entry, request)
    finally:
        lease.release()
    timing = {"server-timing": server_timing(entry)} if entry.timing else {}
    if isinstance(answer, bytes):
        return Response(answer, media_type=JSON, headers=timing)
    return _PiecedResponse(answer, timing)


async def _answer_of(entry: _AwaitedEntry, request: Request) -> bytes | PiecedAnswer:
    watching = asyncio.create_task(_watch(request, entry))
    try:
        return await entry.future
    finally:
        entry.done = True
        watching.cancel()


async def _watch(request: Request, entry: _AwaitedEntry) -> None:
    """Marks the entry done when its client disconnects, so that it is not run."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    entry.done = True
    entry.answer(b"")


async def read_body(request: Request, endpoints: Endpoints, lease: Lease) -> bytearray:
    """Reads the whole body; counts it, unless it is small.

    Raises ServerError ``body_too_large`` as soon as it is too large, ``overloaded`` as soon as too much is held.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        endpoints.gate.check_size(len(body))
        if len(body) > SMALL_BODY_BYTES:
            lease.hold(len(chunk) if len(body) - len(chunk) > SMALL_BODY_BYTES else len(body))
    return body
