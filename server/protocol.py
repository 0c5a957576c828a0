"""Owns the HTTP/1.1 connection: uvicorn's own protocol, with our envelope where uvicorn would answer in plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from server.errors import ServerError, envelope

if TYPE_CHECKING:
    from server.endpoints import Endpoints


class Connection(HttpToolsProtocol):
    """One client connection. ``endpoints`` is set on a subclass, one per worker: uvicorn makes instances itself."""

    endpoints: Endpoints

    def send_400_response(self, msg: str) -> None:
        """What uvicorn answers to bytes that are not HTTP; it then closes the connection."""
        error = ServerError("bad_request", "the request is not valid HTTP/1.1")
        self.endpoints.metrics.error(error.code)
        request_id = self.endpoints.gate.identify(())
        body = envelope(error, request_id.decode())
        head = [
            STATUS_LINE[error.status],
            *(b"%b: %b\r\n" % header for header in self.server_state.default_headers),
            b"content-type: application/json\r\nconnection: close\r\n",
            b"content-length: %d\r\nx-request-id: %b\r\n\r\n" % (len(body), request_id),
        ]
        self.transport.write(b"".join(head) + body)
        self.transport.close()


def connection_class(endpoints: Endpoints) -> type[Connection]:
    """The protocol class of one worker."""
    return type("Connection", (Connection,), {"endpoints": endpoints})
