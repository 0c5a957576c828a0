"""The router in front: both programs pass requests with Heroku's headers, to dynos at random, and count what fails."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.dyno import haproxy, routing
from bench.load.client import Address, Connection
from bench.machine.processes import free_port

ANYWHERE: frozenset[int] = frozenset()


class Dyno(socketserver.ThreadingTCPServer):
    """Answers every request with 200 and keeps its heads; closes without a word where ``mute``."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, *, mute: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Talk)
        self.heads: list[bytes] = []
        self.connections = 0
        self.mute = mute
        self.port = int(self.server_address[1])


class _Talk(socketserver.StreamRequestHandler):
    server: Dyno

    def handle(self) -> None:
        self.server.connections += 1
        head = b""
        while line := self.rfile.readline():
            head += line
            if line == b"\r\n":
                self.rfile.read(2)
                self.server.heads.append(head)
                if self.server.mute:
                    return
                self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                head = b""


@contextmanager
def dynos(number: int, *, mute: bool = False) -> Iterator[list[Dyno]]:
    with ExitStack() as stack:
        made = [stack.enter_context(Dyno(mute=mute)) for _ in range(number)]
        for each in made:
            threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(each.shutdown)
        yield made


@pytest.fixture(params=["haproxy", "own"])
def program(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each test runs with both; ``own`` is what a machine without HAProxy gets."""
    if request.param == "own":
        monkeypatch.setattr(haproxy, "found", lambda: None)
    elif haproxy.found() is None:
        pytest.skip("HAProxy is not installed")
    return str(request.param)


def ask(url: str, times: int = 1) -> list[int]:
    target = Address.parse(url)
    request = target.request("POST", "/predict", b"{}", (("X-Forwarded-For", "6.6.6.6"), ("X-Request-Id", "mine")))
    with Connection(target, timeout_s=10.0) as connection:
        return [connection.exchange(request).status for _ in range(times)]


def test_headers_are_those_of_herokus_router(program: str, tmp_path: Path) -> None:
    with dynos(1) as (dyno,), routing.passing(tmp_path, program, ANYWHERE, [dyno.port]) as router:
        assert ask(router.url) == [200]
    head = dyno.heads[0].decode().lower()
    for line in ("x-forwarded-proto: https", "x-forwarded-port: 443", "via: 1.1 heroku-router"):
        assert f"\r\n{line}\r\n" in head
    forwarded = [line.split(": ")[1] for line in head.split("\r\n") if line.startswith("x-forwarded-for")]
    assert ", ".join(forwarded).split(", ") == ["6.6.6.6", "127.0.0.1"]  # the real peer on the right
    assert head.count("x-request-id: ") == 1
    assert "mine" not in head
    start = next(line for line in head.split("\r\n") if line.startswith("x-request-start: "))
    assert len(start.split()[1]) == 13


def test_connections_are_kept_and_dynos_chosen_at_random(program: str, tmp_path: Path) -> None:
    with dynos(2) as both, routing.passing(tmp_path, program, ANYWHERE, [each.port for each in both]) as router:
        assert ask(router.url, 60) == [200] * 60
    assert all(len(each.heads) > 10 for each in both)
    assert sum(each.connections for each in both) < 10
    assert router.read() == {}


def test_a_dyno_that_says_nothing_is_an_h13(program: str, tmp_path: Path) -> None:
    with dynos(1, mute=True) as (dyno,), routing.passing(tmp_path, program, ANYWHERE, [dyno.port]) as router:
        assert ask(router.url) == [503]
        assert router.end() == {"H13": 1}


def test_what_stands_in_front_is_said(program: str) -> None:
    assert ("HAProxy (" in routing.said()) is (program == "haproxy")
    assert "Not simulated" in routing.said()


def test_only_our_own_router_changes_its_dynos(tmp_path: Path) -> None:
    with dynos(1) as (dyno,), routing.holding(tmp_path, "x", ANYWHERE) as router:
        router.send_to(dyno.port)
        assert ask(router.url) == [200]
    fixed = routing.Router(router.child, router.url, None, router.read)
    with pytest.raises(ValueError, match="HAProxy"):
        fixed.send_to(free_port())
