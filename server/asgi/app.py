"""Owns door one: the checks and errors round every request that FastAPI answers, which is assembled for the first.

docs/decisions.md: "FastAPI waits for a cold request".
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import TYPE_CHECKING, Any

from server.endpoints.entering import HotRoute
from server.endpoints.framing import Headers, check_framing
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import JSON
from server.errors import ServerError, envelope
from server.logs import log
from server.models.repository import Repository

if TYPE_CHECKING:
    from server.asgi.framework import Framework

# After a run and after each wait for sockets the loop waits so long for a thread that assembles; usually that is 5 ms.
# docs/decisions.md: "The interpreter changes hands often while FastAPI is assembled"
SWITCH_SECONDS = 0.0002
CLOSED = "handler is closed"  # what uvloop says of a transport whose client has left

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class _ClientLeft(Exception):
    """Nobody takes the rest of an answer."""


class App:
    """The ASGI application.

    ``line``: the process's line on the scoreboard. ``assembled``: called once FastAPI was assembled for a request.
    """

    def __init__(self, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.line = 0
        self.assembled: Callable[[], object] | None = None
        self._framework: Framework | None = None
        self._lock = threading.Lock()
        self._assembling: asyncio.Future[Framework] | None = None

    def replace_models(self, repository: Repository) -> None:
        """Raises as `Endpoints.replace_models`. The routes stay: FastAPI never frees one, nor what it refers to."""
        self.endpoints.replace_models(repository)
        if self._framework is not None:
            self._framework.document(self.endpoints)

    def assemble(self) -> Framework:
        """Imports FastAPI and makes the routes, if that was not done: 0.3 s of a processor."""
        with self._lock:
            if self._framework is None:
                from server.asgi.framework import Framework

                framework = Framework(self.endpoints)
                framework.document(self.endpoints)
                self._framework = framework
            return self._framework

    async def _assemble_apart(self) -> Framework:
        """Has a thread assemble, once for all who wait; others are served meanwhile."""
        if self._assembling is None:
            threads = ThreadPoolExecutor(1, "assembling")
            try:
                self._assembling = asyncio.get_running_loop().run_in_executor(threads, self._assemble_late)
            except RuntimeError:  # the system has no more threads: better late than no answer to whether we live
                return self._assemble_late()
            finally:
                threads.shutdown(wait=False)
        assembling = self._assembling
        try:
            return await asyncio.shield(assembling)
        finally:
            if assembling.done():
                self._assembling = None

    def _assemble_late(self) -> Framework:
        """Assembles beside the loop, which so often has the interpreter back that predictions hardly wait."""
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            framework = self.assemble()
            if self.assembled is not None:
                self.assembled()
        finally:
            sys.setswitchinterval(usual)
        return framework

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
        if scope["http_version"] == "1.0":
            _expect_nothing(receive)
        ours = [(b"x-request-id", request_id)]
        if _asks_to_upgrade(scope["headers"]):
            ours.append((b"connection", b"close"))  # a server may take its body for the next request

        async def send_with_id(message: MutableMapping[str, Any]) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                self._count(inner, message["status"], scope["method"])
                message["headers"] = [*message.get("headers", ()), *ours]
            try:
                await send(message)
            except (OSError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and CLOSED not in str(error):
                    raise
                raise _ClientLeft from error

        # HEAD is routed as GET; uvicorn omits the body.
        inner = {**scope, "method": "GET"} if scope["method"] == "HEAD" else scope
        gate = self.endpoints.gate
        try:
            framework = self._framework or await self._assemble_apart()
            check_framing(scope["headers"], scope["http_version"])
            gate.check_host(scope["headers"], scope["http_version"])
            if not self._is_preflight(scope) and not framework.is_open_page(scope):
                gate.authorise(scope["path"], scope["headers"])
            gate.check_lengths(scope["headers"])
            await framework.app(inner, receive, send_with_id)
        except Exception as error:  # noqa: BLE001  every error reaches the client as an envelope
            if isinstance(error, _ClientLeft):
                return  # within its answer
            if self._framework is not None and isinstance(error, self._framework.disconnected):
                return  # within its body: nobody waits for an answer
            if not isinstance(error, ServerError):
                log.exception("a request failed", extra={"request_id": request_id.decode()})
                error = ServerError("internal", "the server failed on this request; its log says why")
            if not started:
                await self._refuse(error, request_id, send_with_id)

    async def _refuse(self, error: ServerError, request_id: bytes, send: Send) -> None:
        """Answers a refusal, also where FastAPI could not be assembled."""
        self.endpoints.metrics.error(error.code)
        body = envelope(error, request_id.decode())
        headers = [(name.encode(), value.encode()) for name, value in error.headers.items()]
        headers += [(b"content-length", b"%d" % len(body)), (b"content-type", JSON.encode())]
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

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


def _expect_nothing(receive: Receive) -> None:
    """Keeps uvicorn from sending a `100 Continue`, which a client of HTTP/1.0 takes for its answer."""
    cycle: Any = getattr(receive, "__self__", None)
    if getattr(cycle, "waiting_for_100_continue", False):
        cycle.waiting_for_100_continue = False


def _asks_to_upgrade(headers: Headers) -> bool:
    values = dict(headers)
    return b"upgrade" in values and b"upgrade" in values.get(b"connection", b"").lower()
