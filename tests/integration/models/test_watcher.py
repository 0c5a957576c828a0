"""The watcher of a running server: new, removed and bad files, and signals meanwhile."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
from pathlib import Path

import orjson
import psutil
import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import Running, poll
from tests.support.integration.wire import Answer
from tests.support.models.bad_models import BAD, endless

ADMIN = "admin-key-0123456789"
ROW = b'{"features":[5.1,3.5,1.4,0.2]}'
PATIENCE_SECONDS = 60.0


@pytest.fixture
def folder(models: Path, tmp_path: Path) -> Path:
    """A repository with iris alone."""
    shutil.copytree(models / "iris", tmp_path / "models" / "iris")
    return tmp_path / "models"


@pytest.fixture
def server(start: Start, folder: Path) -> Running:
    """Serves it, with an admin key."""
    settings = {"DYNONNX_MODELS": str(folder), "DYNONNX_DEFAULT_MODEL": "iris", "DYNONNX_ADMIN_KEYS": ADMIN}
    return start(**settings, WEB_CONCURRENCY="2")


def control(server: Running, action: str, name: str, key: str = ADMIN) -> Answer:
    """A call to load or unload, as tritonclient writes it."""
    headers = {"authorization": f"Bearer {key}", "content-type": "application/octet-stream"}
    return server.ask("POST", f"/v2/repository/models/{name}/{action}", b"{}", headers)


def index(server: Running) -> dict[tuple[str, str], tuple[str, str]]:
    """State and reason of every version."""
    rows = server.ask("POST", "/v2/repository/index").json()
    return {(row["name"], row["version"]): (row["state"], row["reason"]) for row in rows}


def version(server: Running) -> str:
    """Which version answers; none where none does."""
    return str(server.ask("POST", "/predict", ROW).json().get("model_version"))


def put(folder: Path, place: str, data: bytes) -> None:
    """Writes a model file."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def trial_of(server: Running) -> list[psutil.Process]:
    """The child in which a file is being tried: of all it alone has no listener."""
    return [psutil.Process(pid) for pid in set(server.workers()) - accepting(server)]


def accepting(server: Running) -> set[int]:
    """The processes that have a listener."""
    pids = set()
    for pid in server.workers():
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).net_connections("tcp"):
                pids.add(pid)
    return pids


def all_serve(server: Running, wanted: str) -> bool:
    """Whether every answer of many is of one version."""
    return {version(server) for _ in range(10)} == {wanted}


def test_what_comes_and_goes_is_noticed(server: Running, folder: Path, report: Report) -> None:
    shutil.copytree(folder / "iris" / "1", folder / "iris" / "2")
    came = poll(lambda: all_serve(server, "2"), "version 2 serves")
    shutil.rmtree(folder / "iris" / "2")
    went = poll(lambda: all_serve(server, "1"), "version 1 serves again")
    report(f"a new version served after {came:.2f} s, a removed one was gone after {went:.2f} s")


@pytest.mark.fault(47)
def test_an_empty_folder_becomes_ready_with_its_first_model(start: Start, models: Path, tmp_path: Path) -> None:
    server = start(DYNONNX_MODELS=str(tmp_path / "later"), WEB_CONCURRENCY="1")
    assert server.ask("GET", "/v2/health/ready").status == 503
    shutil.copytree(models / "iris", tmp_path / "later" / "iris")
    poll(lambda: all_serve(server, "1"), "the first model serves")
    assert server.ask("GET", "/v2/health/ready").status == 200


def test_load_and_unload(server: Running, folder: Path) -> None:
    assert control(server, "unload", "iris").status == 200
    refused = server.ask("POST", "/predict", ROW)
    assert (refused.status, refused.json()["code"]) == (503, "model_unavailable")
    assert index(server)["iris", "1"][0] == "UNAVAILABLE"
    shutil.copytree(folder / "iris" / "1", folder / "iris" / "2")
    assert control(server, "load", "iris").status == 200
    assert [version(server) for _ in range(20)] == ["2"] * 20, "only fresh workers accept"
    assert index(server) == {("iris", "1"): ("READY", ""), ("iris", "2"): ("READY", "")}
    assert control(server, "load", "iris").status == 200, "nothing to do"


def test_a_load_that_is_refused_says_why_and_changes_nothing(server: Running, folder: Path) -> None:
    workers = server.workers()
    put(folder, "iris/2/model.onnx", b"")
    answer = control(server, "load", "iris")
    assert (answer.status, answer.json()["code"]) == (400, "bad_request")
    assert "iris/2/model.onnx is empty" in answer.json()["error"]
    assert version(server) == "1"
    assert server.workers() == workers
    assert control(server, "load", "nobody").status == 404
    assert control(server, "load", "iris", "no-such-key-0123456789").status == 401
    assert ADMIN not in server.read_log()


QUICK = [kind for kind in BAD if kind != "never ends"]


def test_every_bad_file_is_refused_and_all_goes_on(server: Running, folder: Path) -> None:
    workers = server.workers()
    for number, kind in enumerate(QUICK, 2):
        put(folder, f"iris/{number}/model.onnx", BAD[kind][0]())
    poll(lambda: len(index(server)) == 1 + len(QUICK), "all are refused", PATIENCE_SECONDS)
    log = server.read_log()
    states = index(server)
    shown = {row["version"]: row for row in server.ask("GET", "/models").json()["models"]}
    for number, kind in enumerate(QUICK, 2):
        state, reason = states["iris", str(number)]
        assert state == "UNAVAILABLE"
        assert BAD[kind][1] in reason
        assert shown[str(number)]["reason"] == reason
        assert log.count(f"model refused: iris/{number}/model.onnx") == 1
    assert version(server) == "1"
    assert server.workers() == workers


def test_the_server_stops_during_a_trial(server: Running, folder: Path) -> None:
    put(folder, "endless.onnx", endless())
    poll(lambda: bool(trial_of(server)), "it is being tried")
    (child,) = trial_of(server)
    assert server.stop() == 0
    assert not child.is_running()
    assert "Traceback" not in server.read_log()


def test_a_worker_killed_during_a_trial_is_replaced_at_once(server: Running, folder: Path) -> None:
    put(folder, "endless.onnx", endless())
    poll(lambda: bool(trial_of(server)), "it is being tried")
    trial = trial_of(server)
    before = accepting(server)
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    poll(lambda: len(accepting(server) - {victim}) == 2, "the killed one is replaced")
    assert trial_of(server) == trial, "the trial goes on"
    assert version(server) == "1"


@pytest.mark.slow
def test_one_that_never_ends_is_ended(server: Running, folder: Path) -> None:
    put(folder, "endless.onnx", endless())
    poll(lambda: ("endless", "1") in index(server), "it is refused", 40)
    assert BAD["never ends"][1] in index(server)["endless", "1"][1]
    assert trial_of(server) == []


def test_a_stop_answers_a_load_that_waits(server: Running, folder: Path) -> None:
    put(folder, "endless.onnx", endless())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", "/v2/repository/models/endless/load", b"", {"authorization": f"Bearer {ADMIN}"})
    poll(lambda: bool(trial_of(server)), "it is being tried")
    server.process.terminate()
    with contextlib.closing(connection), connection.getresponse() as response:
        assert (response.status, orjson.loads(response.read())["code"]) == (503, "draining")
    assert server.stop() == 0
