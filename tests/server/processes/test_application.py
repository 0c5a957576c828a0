"""The server as gunicorn runs it: models between forks, what is held against them."""

from __future__ import annotations

import gc
import signal
import socket
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from server.__main__ import _serve
from server.batching.runs.quarantine import Quarantine
from server.metrics.counters import ModelMetrics
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.processes import application
from server.processes.application import Server, changes
from server.processes.plan import Box, make_plan
from server.settings import read_settings


@pytest.fixture(autouse=True)
def collector(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What freezes and thaws, counted: the real one would look through all that the tests of this process have made."""
    told = SimpleNamespace(frozen=0)

    def freeze() -> None:
        told.frozen += 1

    def unfreeze() -> None:
        told.frozen = 0

    monkeypatch.setattr(gc, "freeze", freeze)
    monkeypatch.setattr(gc, "unfreeze", unfreeze)
    monkeypatch.setattr(gc, "collect", lambda generation=2: generation * 0)
    return told


def _repository(names: Iterable[str], sha256: str = "") -> Repository:
    return Repository([SimpleNamespace(name=name, version="1", sha256=sha256) for name in names], {})  # type: ignore[misc]


def test_a_reload_tells_what_changed() -> None:
    assert changes(_repository("ab"), _repository("ab")) == "nothing changed"
    assert changes(_repository("ab"), _repository("bcd")) == "new c 1, d 1; gone a 1"
    assert changes(_repository("a", "x"), _repository("ab", "y")) == "new b 1; changed a 1"


def renewing(wanted: list[list[str]], served: list[str]) -> Any:
    """A server with places for two versions, whose folder holds the wanted names, one list after the other."""
    scoreboard = Scoreboard(2, 2)
    scoreboard.assign_all([(name, "1") for name in served])
    repositories = iter(wanted)

    def replace_models(repository: Repository) -> None:
        scoreboard.assign_all([(model.name, model.version) for model in repository])
        app.endpoints.repository = repository

    def assemble() -> None:
        server.assembled += 1

    app = SimpleNamespace(
        replace_models=replace_models, assemble=assemble, endpoints=SimpleNamespace(repository=_repository(served))
    )
    server: Any = Server.__new__(Server)
    server._plan, server.assembled = SimpleNamespace(workers=1), 0
    server._settings = SimpleNamespace(models="models")
    server.scoreboard, server._versions = scoreboard, {(name, "1") for name in served}
    server.watcher = SimpleNamespace(repository=lambda: _repository(next(repositories)))
    server.callable = app
    return server


@pytest.mark.parametrize(("workers", "assembled"), [(1, 0), (2, 1)])
def test_several_workers_share_what_a_single_one_may_never_need(workers: int, assembled: int) -> None:
    server = renewing([["a"]], ["a"])
    server._plan = SimpleNamespace(workers=workers)
    assert server.renew()
    assert server.assembled == assembled


def test_python_collects_again_once_all_is_loaded(monkeypatch: pytest.MonkeyPatch, collector: SimpleNamespace) -> None:
    server = renewing([["a"]], ["a"])
    server._plan = SimpleNamespace(workers=1, core_each=False, memory_bytes=None, cpus=1.0)
    server._settings.strict = False
    server.watcher.load_all = lambda strict: None
    monkeypatch.setattr(application, "Endpoints", lambda *_, **__: None)
    monkeypatch.setattr(application, "App", lambda _: server.callable)
    gc.disable()
    try:
        server.load()
        assert gc.isenabled()
        assert collector.frozen
    finally:
        gc.enable()


def test_python_collects_again_where_it_cannot_serve(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = read_settings({"DYNONNX_HOST": "127.0.0.1", "PORT": str(taken.getsockname()[1])})
        assert _serve(settings, make_plan(Box(None, 1.0), 1, 1)) == 1
    assert "cannot listen" in capsys.readouterr().err
    assert gc.isenabled()


def test_a_renewal_that_fails_keeps_the_blocks_of_what_is_served(collector: SimpleNamespace) -> None:
    server = renewing([["c", "d", "e"]] * 2, ["a", "b"])
    for _ in range(2):
        with pytest.raises(ValueError, match="more than 2 model versions"):
            server.renew()
        assert set(server.scoreboard.blocks) == {("a", "1"), ("b", "1")}, "workers still write these"
        assert server._versions == set(server.scoreboard.blocks)
    assert collector.frozen, "the pages of what is there are not copied by a later fork"


@pytest.mark.parametrize(
    ("served", "wanted", "first"),
    [("ab", "bc", "b"), ("ab", "cd", ""), ("a", "bc", "b"), ("ab", "ab", "ab"), ("ab", "c", ""), ("", "ab", "ab")],
)
def test_versions_without_a_block_beside_the_old_ones_come_once_these_have_gone(
    served: str, wanted: str, first: str
) -> None:
    server = renewing([list(wanted)] * 2, list(served))
    assert server.renew() is (first == wanted)
    assert [model.name for model in server.callable.endpoints.repository] == list(first)
    if first != wanted:
        assert server.renew()
    assert [model.name for model in server.callable.endpoints.repository] == list(wanted)


class Crashed:
    """A server with one version, and a worker of it that dies by a signal."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.processes.application.monotonic", lambda: 1000.0)
        scoreboard = Scoreboard(2, 1)
        self.run = ModelMetrics(scoreboard, 1, scoreboard.assign("a", "1"))
        self.record = Quarantine(1).record(0)
        self.worker: Any = SimpleNamespace(line=1, aborted=False, records={("a", "1"): self.record})
        self.server: Any = Server.__new__(Server)
        self.server.scoreboard = scoreboard

    def crashes(self) -> int:
        """How many are held against the version after one more."""
        self.server.note_crash(self.worker, signal.SIGABRT)
        return self.record.crash(1000.0) - 1


def test_a_crash_within_a_run_is_held_against_its_version(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = Crashed(monkeypatch)
    assert crashed.crashes() == 0
    crashed.record.lift()
    crashed.run.begin_run(999.9)
    assert crashed.crashes() == 1


def test_a_crash_of_a_worker_with_a_file_that_is_gone_is_held_against_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed = Crashed(monkeypatch)
    crashed.run.begin_run(999.9)
    crashed.worker.records = {}
    assert crashed.crashes() == 0


@pytest.mark.parametrize(("begun", "held"), [(999.0, 0), (973.0, 0), (971.0, 1)])
def test_a_worker_that_we_end_for_its_silence_has_crashed_in_a_run_that_was_silent_with_it(
    begun: float, held: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashed = Crashed(monkeypatch)
    crashed.worker.aborted = True
    crashed.run.begin_run(begun)
    assert crashed.crashes() == held
