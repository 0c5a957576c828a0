"""Owns a host of files for one test: what it answers to each path, well or badly, over http or https."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

Answer = Callable[[BaseHTTPRequestHandler], None]


def gives(body: bytes, claimed: int | None = None) -> Answer:
    """The body, with its length or another."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-length", str(len(body) if claimed is None else claimed))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def says(status: int, **headers: str) -> Answer:
    """A status with these headers and no body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body without a length that ends only when nobody reads it any more."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(bytes(1 << 16))


def endless_chunks(handler: BaseHTTPRequestHandler) -> None:
    """The same in chunks."""
    handler.protocol_version = "HTTP/1.1"
    handler.send_response(200)
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    while True:
        handler.wfile.write(b"10000\r\n" + bytes(1 << 16) + b"\r\n")


class _Quiet(ThreadingHTTPServer):
    """Clients leave as they like here."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Tells nobody."""


class FileHost:
    """Answers by path, and notes what it was asked: paths, and headers in small letters."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.over = threading.Event()
        host = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """Answers as the test has it."""
                headers = {name.lower(): value for name, value in self.headers.items()}
                host.asked.append((self.path, headers))
                with contextlib.suppress(ConnectionError):
                    host.answers.get(self.path.partition("?")[0], says(404))(self)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
                """Tells nobody."""

        self.server = _Quiet(("127.0.0.1", 0), Handler)
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.base = f"{'http' if certificate is None else 'https'}://127.0.0.1:{self.server.server_port}"

    def silent(self, handler: BaseHTTPRequestHandler) -> None:
        """A first byte, and then nothing until the test is over."""
        handler.send_response(200)
        handler.send_header("content-length", "100")
        handler.end_headers()
        handler.wfile.write(b"x")
        self.over.wait(60)

    def dripping(self, handler: BaseHTTPRequestHandler) -> None:
        """A header that comes in drops, so that no wait for one byte is long, until the test is over."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nx: ")
        while not self.over.wait(0.05):
            handler.wfile.write(b"x")

    @property
    def paths(self) -> list[str]:
        """The paths that were asked, in order."""
        return [path for path, _ in self.asked]


@contextlib.contextmanager
def file_host(certificate: Path | None = None) -> Iterator[FileHost]:
    """A host that answers while the block runs. ``certificate``: its key and certificate, for https."""
    host = FileHost(certificate)
    thread = threading.Thread(target=host.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield host
    finally:
        host.over.set()
        host.server.shutdown()
        host.server.server_close()


def make_certificate(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that vouches for itself, in one file."""
    file = folder / "host.pem"
    subject = ("-subj", "/CN=host", "-addext", "subjectAltName=IP:127.0.0.1")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(file))
    command = ["openssl", "req", "-x509", *key, "-days", "2", *subject, "-out", str(folder / "only.pem")]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / "only.pem").read_text())
    return file
