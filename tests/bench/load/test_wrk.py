"""wrk: its script goes round the cases as they are, and what it counts comes back whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from bench.baselines.serving import Running
from bench.errors import LoadFailed
from bench.load import wrk
from bench.load.cases import Case

needs_wrk = pytest.mark.skipif(wrk.executable() is None, reason="wrk is not installed")


def test_a_script_holds_every_case_as_a_lua_string(tmp_path: Path) -> None:
    cases = [Case("/predict", b'{"features":["a",1]}', {}), Case("/v2", "Ö\0".encode(), {}, headers={"X-A": "1"})]
    wrk.write_script(cases, tmp_path / "x.lua")
    script = (tmp_path / "x.lua").read_text("utf-8")
    assert script.startswith(
        'local skew = nil\nlocal unheard = false\nlocal cases = {\n  {"/predict", "{\\"features\\":[\\"a\\",1]}"},\n'
        '  {"/v2", "\\195\\150\\000", {["X-A"] = "1"}}\n}\n'
    )
    assert "done = function" in script


@needs_wrk
def test_what_wrk_counted_comes_back(standin: Callable[..., Running], cases: list[Case], tmp_path: Path) -> None:
    wrk.write_script(cases, tmp_path / "x.lua")
    counters = wrk.run(tmp_path / "x.lua", standin().url, 2, frozenset(), lambda: time.sleep(0.3))
    assert counters["requests"] > 10
    assert 2e5 < counters["us"] < 2e6
    assert all(counters[error] == 0 for error in wrk.ERRORS)


@needs_wrk
def test_by_zipfs_law_the_first_case_is_asked_most(
    standin: Callable[..., Running], cases: list[Case], tmp_path: Path
) -> None:
    """The second is refused: at a skew of 50 it is never drawn, and at none as often as the first."""
    url, asked = standin("--only-path", "/predict").url, [cases[0], replace(cases[0], path="/nowhere")]
    status = []
    for skew in (50.0, 0.0):
        wrk.write_script(asked, tmp_path / "x.lua", skew)
        status.append(wrk.run(tmp_path / "x.lua", url, 2, frozenset(), lambda: time.sleep(0.3))["status"])
    assert status[0] == 0 < status[1]


@needs_wrk
def test_what_is_asked_once_is_never_asked_again(tmp_path: Path) -> None:
    heard: list[bytes] = []

    class Listener(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    wrk.write_script([Case("/predict", b'{"features":[5.0000000,3.0000000]}', {})], tmp_path / "x.lua", unheard=True)
    with ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        Thread(target=server.serve_forever).start()
        cores = frozenset(os.sched_getaffinity(0))  # a thread of wrk each
        wrk.run(tmp_path / "x.lua", f"http://127.0.0.1:{server.server_port}", 2, cores, lambda: time.sleep(0.3))
        server.shutdown()
    assert len(heard) == len(set(heard)) > 10
    assert {len(body) for body in heard} == {34}


@needs_wrk
def test_a_script_that_fails_is_no_measurement(
    standin: Callable[..., Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """wrk says so, and asks at full speed all the same: that it is ready it never says."""
    monkeypatch.setattr(wrk, "_START_S", 0.5)
    (tmp_path / "x.lua").write_text("this is not Lua", "utf-8")
    with pytest.raises(LoadFailed, match="no result"):
        wrk.run(tmp_path / "x.lua", standin().url, 1, frozenset(), lambda: time.sleep(0.2))
