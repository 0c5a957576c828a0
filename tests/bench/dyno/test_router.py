"""The router: Heroku's headers, dynos at random, requests held for a dyno that starts, failures by Heroku's codes."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from bench.dyno import router as routers
from bench.dyno.router import codes_in, executable, routing
from bench.errors import BenchError
from bench.load.client import Address, Connection
from bench.machine.processes import free_port

pytestmark = pytest.mark.skipif(executable() is None, reason="HAProxy is not installed")
ANYWHERE: frozenset[int] = frozenset()
LOG = """[NOTICE]   (1) : New worker (2) forked
-- 200 0 -
sH 504 0 -
SH 502 0 -
SC 503 +10 -
SC 503 0 H20
SD 200 0 -
CD 200 0 -
CH -1 0 -
XX 500 0 -
-- 200 2 -
"""


class FakeDyno(socketserver.ThreadingTCPServer):
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
    server: FakeDyno

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
def dynos(number: int, *, mute: bool = False) -> Iterator[list[FakeDyno]]:
    with ExitStack() as stack:
        made = [stack.enter_context(FakeDyno(mute=mute)) for _ in range(number)]
        for each in made:
            threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True).start()
            stack.callback(each.shutdown)
        yield made


def ask(url: str, times: int = 1) -> list[int]:
    target = Address.parse(url)
    request = target.request("POST", "/predict", b"{}", (("X-Forwarded-For", "6.6.6.6"), ("X-Request-Id", "mine")))
    with Connection(target, timeout_s=10.0) as connection:
        return [connection.exchange(request).status for _ in range(times)]


def test_headers_are_those_of_herokus_router(tmp_path: Path) -> None:
    with dynos(1) as (dyno,), routing(tmp_path, "x", ANYWHERE, [dyno.port]) as router:
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


def test_connections_are_kept_and_dynos_chosen_at_random(tmp_path: Path) -> None:
    with dynos(2) as both, routing(tmp_path, "x", ANYWHERE, [each.port for each in both]) as router:
        assert ask(router.url, 60) == [200] * 60
    assert all(len(each.heads) > 10 for each in both)
    assert sum(each.connections for each in both) < 10
    assert router.codes() == {}


def test_a_dyno_that_says_nothing_is_an_h13(tmp_path: Path) -> None:
    with dynos(1, mute=True) as (dyno,), routing(tmp_path, "x", ANYWHERE, [dyno.port]) as router:
        assert ask(router.url) == [503]
        assert router.end() == {"H13": 1}


def test_requests_wait_for_a_dyno_that_is_starting(tmp_path: Path) -> None:
    with dynos(2) as (old, new), routing(tmp_path, "x", ANYWHERE, [old.port]) as router:
        assert ask(router.url) == [200]
        router.hold()
        began = time.monotonic()
        threading.Timer(0.5, router.send_to, [new.port]).start()
        assert ask(router.url, 3) == [200] * 3
        assert time.monotonic() - began > 0.4
        assert router.end() == {}
    assert (len(old.heads), len(new.heads)) == (1, 3)


def test_without_any_dyno_the_wait_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_HOLD_S", "1")
    with dynos(1) as (dyno,), routing(tmp_path, "x", ANYWHERE, [dyno.port]) as router:
        router.hold()
        assert ask(router.url) == [503]
        assert router.end() == {"H20": 1}


def test_dynos_come_and_go(tmp_path: Path) -> None:
    with dynos(2) as (first, second), routing(tmp_path, "x", ANYWHERE, [first.port], most=3) as router:
        assert ask(router.url, 5) == [200] * 5
        router.send_to(second.port, 3)
        assert ask(router.url, 60) == [200] * 60
        came = len(second.heads)
        router.hold(3)
        assert ask(router.url, 5) == [200] * 5
        assert 10 < came == len(second.heads)
        assert router.end() == {}


def test_a_dyno_that_refuses_is_left_for_another(tmp_path: Path) -> None:
    with dynos(1) as (dyno,), routing(tmp_path, "x", ANYWHERE, [free_port(), dyno.port]) as router:
        assert ask(router.url, 20) == [200] * 20
        assert set(router.end()) <= {"H21"}


def test_without_haproxy_there_is_no_router(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routers, "executable", lambda: None)
    with pytest.raises(BenchError, match="apt install haproxy"), routing(tmp_path, "x", ANYWHERE, []):
        pytest.fail("there is none")


def test_what_the_log_says_becomes_herokus_codes() -> None:
    assert codes_in(LOG) == {"H12": 1, "H13": 1, "H20": 1, "H21": 13, "H18": 1, "H27": 2, "router XX": 1}
