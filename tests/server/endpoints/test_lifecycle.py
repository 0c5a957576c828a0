"""The life of the endpoints: models before the fork, one line while a worker serves, and no control without arbiter."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from server.batching.runs.quarantine import STRIKES
from server.endpoints import reads
from server.endpoints.lifecycle import Endpoints
from server.errors import ServerError
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.support.server.doors import load
from tests.support.server.models import classifier, plain
from tests.support.server.rig import in_loop


def repository(folder: Path, *names: str) -> Repository:
    """Plain models of these names."""
    return load(folder, dict.fromkeys(names, plain()), Settings())


def test_models_beyond_the_scoreboards_blocks_are_refused_and_the_others_stay(tmp_path: Path) -> None:
    scoreboard = Scoreboard(1, 2)
    before = repository(tmp_path / "a", "first", "second")
    endpoints = Endpoints(before, Settings(), scoreboard, 1)
    blocks = dict(scoreboard.blocks)
    with pytest.raises(ValueError, match="more than 2 model versions cannot be served at a time"):
        endpoints.replace_models(repository(tmp_path / "b", "another", "first", "second", "third"))
    assert endpoints.repository is before
    assert scoreboard.blocks == blocks
    assert reads.model(endpoints, "second").status == 200


def test_more_models_than_blocks_are_refused_before_the_start_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="more than 1 model versions"):
        Endpoints(repository(tmp_path, "first", "second"), Settings(), Scoreboard(1, 1), 1)


@in_loop
async def test_other_models_are_served_by_workers_that_open_after_them(tmp_path: Path) -> None:
    endpoints = Endpoints(repository(tmp_path / "a", "first"), Settings(), Scoreboard(1, 4), 1)
    endpoints.open(0)
    worker = endpoints.serving
    endpoints.replace_models(load(tmp_path / "b", {"iris": classifier()}, Settings()))
    assert set(worker.hot_routes()) > {b"/models/first/predict"}
    endpoints.close()
    endpoints.open(0)
    assert {path for path in endpoints.serving.hot_routes() if b"first" in path} == set()
    endpoints.close()


@in_loop
async def test_a_worker_accepts_from_open_to_stop_accepting_and_counts_on_its_own_line() -> None:
    scoreboard = Scoreboard(3, 1)
    endpoints = Endpoints(Repository([], {}), Settings(), scoreboard, 1)
    ids_before = endpoints.gate.next_id().split(b"-")[0]
    assert not scoreboard.serves(2)
    endpoints.open(2)
    assert [scoreboard.serves(line) for line in range(3)] == [False, False, True]
    assert endpoints.gate.next_id().split(b"-")[0] != ids_before, "two workers must not give the same ids"
    own = sum(scoreboard.line(2))
    endpoints.metrics.error("internal")
    assert sum(scoreboard.line(2)) == own + 1.0
    endpoints.stop_accepting()
    assert not scoreboard.serves(2)
    assert scoreboard.has_served(2)
    endpoints.close()


@in_loop
async def test_without_an_arbiter_nothing_is_loaded_or_unloaded() -> None:
    endpoints = Endpoints(Repository([], {}), Settings(), Scoreboard(1, 1), 1)
    for call in (endpoints.load, endpoints.unload):
        with pytest.raises(ServerError) as caught:
            await call("iris")
        assert (caught.value.code, caught.value.status) == ("unsupported", 501)


@in_loop
async def test_load_and_unload_go_to_the_arbiter_and_hand_its_refusal_on() -> None:
    endpoints = Endpoints(Repository([], {}), Settings(), Scoreboard(1, 1), 1)
    calls: list[tuple[str, str]] = []

    async def control(action: str, name: str) -> None:
        calls.append((action, name))
        if name == "bad":
            raise ServerError("bad_request", "not loaded")

    endpoints.control = control
    await endpoints.load("iris")
    await endpoints.unload("iris")
    with pytest.raises(ServerError, match="not loaded"):
        await endpoints.load("bad")
    assert calls == [("load", "iris"), ("unload", "iris"), ("load", "bad")]


@in_loop
async def test_a_call_that_waits_when_the_worker_has_no_time_left_is_refused() -> None:
    endpoints = Endpoints(Repository([], {}), Settings(), Scoreboard(1, 1), 1)
    endpoints.open(0)

    async def control(action: str, name: str) -> None:
        await asyncio.get_running_loop().create_future()

    endpoints.control = control
    call = asyncio.ensure_future(endpoints.load("iris"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    endpoints.abandon()
    with pytest.raises(ServerError) as caught:
        await call
    assert caught.value.code == "draining"
    endpoints.close()


def test_a_version_from_another_file_is_held_against_nothing_and_the_others_stay_quarantined(tmp_path: Path) -> None:
    before = repository(tmp_path / "a", "first", "second")
    endpoints = Endpoints(before, Settings(), Scoreboard(1, 2), 1)
    for model in before:
        record = endpoints.quarantine.record(endpoints.scoreboard.blocks[model.name, model.version])
        for _ in range(STRIKES):
            record.strike(1.0)
    old = endpoints.records()
    fresh = repository(tmp_path / "b", "first").get("first")
    kept = before.get("second")
    endpoints.replace_models(Repository([fresh, kept], {}))
    for _ in range(STRIKES):
        old["first", "1"].strike(2.0)
    assert endpoints.quarantined(fresh) is None
    assert endpoints.quarantined(kept) is not None
    endpoints.lift_quarantine()
    assert endpoints.quarantined(kept) is None
