"""Owns the page: its document at `/` and `/docs`, its files under `/static`, all held in memory. Knows no models.

What a model brings comes to the page by the reading routes, as JSON that needs a key like any other; so the files here
are the same for everyone, and open to a browser that has yet to ask its person for a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, NamedTuple

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from server.asgi.openapi import answers
from server.asgi.read_schemas import INDEX
from server.asgi.routes import respond
from server.endpoints import reads
from server.errors import ServerError

FOLDER = Path(__file__).parent / "pages"
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
HTML = "text/html; charset=utf-8"
# A page runs only what this server sends as files, asks nobody else, makes no markup of text, stands in no frame of
# another's, and tells nobody where its reader comes from.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    " require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "cache-control": "no-cache",  # kept, and asked for by its ETag each time
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


class _File(NamedTuple):
    """A file of the page, as it is sent."""

    body: bytes
    media_type: str
    etag: str


def _read_files() -> dict[str, _File]:
    found: dict[str, _File] = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in MEDIA_TYPES:
            found[path.name] = _file(path.read_bytes(), MEDIA_TYPES[path.suffix])
    return found


def _file(body: bytes, media_type: str) -> _File:
    return _File(body, media_type, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def _document(keyed: bool) -> _File:
    body = (FOLDER / "page.html").read_bytes()
    return _file(body.replace(b"<html ", b"<html data-keyed ", 1) if keyed else body, HTML)


FILES = _read_files()
STATIC_PATHS = {f"/static/{name}" for name in FILES}


def build_page_router(keyed: bool) -> APIRouter:
    """Makes the routes of the page. ``keyed``: it is told to ask its person for a key before it asks the server."""
    document = _document(keyed)
    router = APIRouter()

    @router.get("/", tags=["pages"], summary="The page; what this is, as JSON", responses=answers(INDEX, html=True))
    async def index(request: Request) -> Response:
        if not _is_browser(request.scope):
            return respond(reads.index())
        return _send(document, request, {"vary": "accept"})

    @router.get("/docs", tags=["pages"], summary="The page", response_class=HTMLResponse)
    async def docs(request: Request) -> Response:
        return _send(document, request)

    @router.get("/static/{name}", include_in_schema=False)
    async def static(request: Request, name: str) -> Response:
        if name not in FILES:
            raise ServerError("not_found", "the page has no such file")
        return _send(FILES[name], request)

    return router


def is_open_page(scope: MutableMapping[str, Any]) -> bool:
    """Whether a request is for the page itself, which a browser gets before its person is asked for a key."""
    path: str = scope["path"]
    if scope["method"] not in ("GET", "HEAD"):
        return False
    return path == "/docs" or path in STATIC_PATHS or (path == "/" and _is_browser(scope))


def _is_browser(scope: MutableMapping[str, Any]) -> bool:
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def _send(file: _File, request: Request, more: dict[str, str] | None = None) -> Response:
    headers = HEADERS | {"etag": file.etag} | (more or {})
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if file.etag in known:
        return Response(status_code=304, headers=headers)
    return Response(file.body, headers=headers, media_type=file.media_type)
