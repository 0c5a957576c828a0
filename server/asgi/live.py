"""Owns `GET /live`: the server's own numbers as server-sent events. Knows nothing of how they are made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import APIRouter, Request, Response

from server.endpoints.framing import has_body
from server.endpoints.lifecycle import Endpoints
from server.endpoints.live import Watcher
from server.errors import ServerError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

HEADERS = {"content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no"}


def build_live_router(endpoints: Endpoints) -> APIRouter:
    """Makes the route. It is not in openapi.json: what never ends has no schema."""
    router = APIRouter(tags=["operations"])

    @router.get("/live", include_in_schema=False)
    async def live(request: Request) -> Response:
        if request.scope["http_version"] == "1.0":
            raise ServerError("bad_request", "this answer never ends: ask by HTTP/1.1")
        if has_body(request.scope["headers"]):
            raise ServerError("bad_request", "this answer never ends: ask without a body")
        if request.state.head_only:
            return Response(headers=HEADERS)
        return _Events(endpoints)

    return router


class _Events(Response):
    """The history, then each sample, until the client has gone, is too slow, or this worker stops."""

    def __init__(self, endpoints: Endpoints) -> None:
        super().__init__()
        self._live = endpoints.live
        self._watcher, self._let_go = self._live.watch()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answers as ASGI wants it."""
        watching = asyncio.create_task(_watch(receive, self._watcher))
        try:
            headers = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            event: bytes | None = self._live.history()
            while event is not None:
                await send({"type": "http.response.body", "body": event, "more_body": True})
                event = await self._watcher.next()
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            watching.cancel()
            self._let_go()


async def _watch(receive: Receive, watcher: Watcher) -> None:
    """Ends with the client's connection."""
    while (await receive())["type"] != "http.disconnect":
        pass
    watcher.wake(None)
