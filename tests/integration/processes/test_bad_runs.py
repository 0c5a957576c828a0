"""A model that crashes its worker is quarantined; a worker with a run that does not end is replaced."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.integration.conftest import Report
from tests.support.integration.running import ROOT, STOP_SECONDS, Running, poll, running
from tests.support.integration.wire import Answer
from tests.support.load.bad_runs import CRASH, HANG
from tests.support.models.endless_models import counting, filling
from tests.support.server.models import plain

LAUNCHER = ROOT / "tests/support/load/bad_runs.py"
GOOD, OTHER, LOOP = "/models/good/predict", "/models/bad/predict", "/models/loop/predict"
FULL = "/models/full/predict"


def row(number: float, width: int = 3) -> bytes:
    return orjson.dumps({"features": [[number, *[0.0] * (width - 1)]]})


@contextlib.contextmanager
def bad_server(folder: Path, **settings: str) -> Iterator[Running]:
    """Serves the same file as two models, whose runs go wrong where a row says so; ``loop`` counts to its row."""
    models = folder / "models"
    for name, made in (("bad", plain()), ("good", plain()), ("loop", counting()), ("full", filling())):
        (models / name / "1").mkdir(parents=True)
        (models / name / "1" / "model.onnx").write_bytes(made.data)
    command = (sys.executable, str(LAUNCHER))
    with running({"DYNONNX_MODELS": str(models), **settings}, folder / "server.log", command) as server:
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("bad")
    with bad_server(folder, WEB_CONCURRENCY="1", DYNONNX_DEADLINE_MS="500", DYNONNX_ADMIN_KEYS="k" * 16) as running:
        yield running


def ask(server: Running, path: str, number: float) -> Answer:
    return server.ask("POST", path, row(number, 1 if path == FULL else 3), {"authorization": "Bearer " + "k" * 16})


def crash(server: Running) -> None:
    """Has a worker crash in a run, and waits until another serves."""
    (worker,) = server.workers()
    with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
        ask(server, OTHER, CRASH)
    await_another(server, worker)


def await_another(server: Running, gone: int) -> None:
    """Waits until another worker serves."""
    poll(lambda: server.workers() not in ([gone], []), "the worker is replaced")
    server.wait_until_live()


@pytest.mark.fault(53)
def test_a_model_that_crashes_its_worker_twice_is_quarantined_until_a_load_call(server: Running) -> None:
    crash(server)
    assert ask(server, OTHER, 1.0).status == 200, "once is chance"
    crash(server)
    answer = ask(server, OTHER, CRASH)
    assert (answer.status, answer.json()["code"]) == (503, "model_unavailable")
    assert ask(server, GOOD, 1.0).status == 200
    rows = {row["name"]: row for row in server.ask("GET", "/models").json()["models"]}
    assert [name for name, model in rows.items() if not model["ready"]] == ["bad"]
    assert "crashed their worker" in rows["bad"]["reason"]
    assert server.ask("GET", "/v2/models/bad/ready").status == 503
    assert server.read_log().count("a worker died within a run") == 2
    loaded = server.ask("POST", "/v2/repository/models/bad/load", b"{}", {"authorization": "Bearer " + "k" * 16})
    assert loaded.status == 200
    assert ask(server, OTHER, 1.0).status == 200
    crash(server)
    crash(server)
    assert ask(server, OTHER, 1.0).status == 503
    os.kill(server.pid, signal.SIGHUP)
    poll(lambda: ask(server, OTHER, 1.0).status == 200, "SIGHUP lifts the quarantine")


def hang(server: Running) -> tuple[threading.Thread, list[Answer]]:
    """Has a run hang in the thread of its model, and returns who waits for it, and the answers."""
    answers: list[Answer] = []

    def wait() -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            answers.append(server.ask("POST", LOOP, b'{"features":[[%f]]}' % HANG, seconds=40))

    waiting = threading.Thread(target=wait)
    waiting.start()
    gauge = b'nv_inference_pending_request_count{model="loop",version="1"} 1.0'
    poll(lambda: gauge in server.ask("GET", "/metrics").body, "the run has begun")
    return waiting, answers


@pytest.mark.fault(53)
def test_a_worker_that_is_killed_is_held_against_no_model(server: Running) -> None:
    """SIGKILL says nothing of a run; and between runs no signal does."""
    for number, within in ((signal.SIGSEGV, False), (signal.SIGKILL, True)):
        for _ in range(2):
            (worker,) = server.workers()
            assert ask(server, OTHER, 1.0).status == 200
            waiting = hang(server)[0] if within else None
            os.kill(worker, number)
            await_another(server, worker)
            if waiting is not None:
                waiting.join()
    assert all(row["ready"] for row in server.ask("GET", "/models").json()["models"])


@pytest.mark.fault(52)
@pytest.mark.slow
def test_a_worker_with_a_run_that_does_not_end_is_replaced_and_serves_until_then(server: Running) -> None:
    (worker,) = server.workers()
    waiting, answers = hang(server)
    waiting.join()
    assert [answer.status for answer in answers] == [504]
    while server.workers() == [worker]:
        assert ask(server, GOOD, 1.0).status == 200
        time.sleep(0.05)
    poll(lambda: len(server.workers()) == 1 and worker not in server.workers(), "the old worker has gone")
    assert server.ask("POST", LOOP, b'{"features":[[3]]}').status == 200
    assert "a run does not end" in server.read_log()
    assert server.process.poll() is None


@pytest.mark.fault(44)
@pytest.mark.slow
def test_a_stop_while_a_run_hangs_refuses_it_and_ends_in_time(tmp_path: Path, report: Report) -> None:
    with bad_server(tmp_path, WEB_CONCURRENCY="1") as server:
        waiting, answers = hang(server)
        began = time.monotonic()
        server.signal_all(signal.SIGTERM)
        assert server.process.wait(STOP_SECONDS) == 0
        seconds = time.monotonic() - began
        waiting.join()
        assert [(answer.status, answer.json()["code"]) for answer in answers] == [(503, "draining")]
        report(f"SIGTERM while a run hangs: refused and gone in {seconds:.0f} s")


@pytest.mark.fault(50)
def test_a_run_that_asks_for_more_memory_than_there_is_gets_an_error_and_ends_no_worker(server: Running) -> None:
    """Its trial was small; the number that says how much it holds is the client's."""
    workers = server.workers()
    limits = Path(f"/proc/{workers[0]}/limits").read_text()
    assert re.search(r"Max data size +[0-9]+ +", limits), "no bound below what the kernel promises to anybody"
    assert ask(server, FULL, 3.0).status == 200
    answer = ask(server, FULL, 1e12)
    assert (answer.status, answer.json()["code"]) == (500, "model_error")
    assert ask(server, GOOD, 1.0).status == 200
    assert server.workers() == workers
