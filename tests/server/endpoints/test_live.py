"""The numbers of the last ten minutes: how far they reach back, who watches, who is dropped. Time is moved by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.endpoints import live as module
from server.endpoints.lifecycle import Endpoints
from server.endpoints.live import HISTORY_SECONDS, MOST_WATCHERS, Live, Watcher
from server.errors import ServerError
from server.metrics.judoscale import Judoscale
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.support.server import models
from tests.support.server.doors import load
from tests.support.server.rig import in_loop, turns


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return load(tmp_path_factory.mktemp("m"), {"iris": models.classifier()}, Settings())


def opened(iris: Repository, **settings: Any) -> Endpoints:
    endpoints = Endpoints(iris, Settings(**settings), Scoreboard(2, 2), 1, memory_limit=512 << 20, cpus=2.0)
    endpoints.open(1)
    return endpoints


def samples(live: Live) -> list[dict[str, Any]]:
    event = live.history()
    assert event.startswith(b"event: history\ndata: ")
    assert event.endswith(b"\n\n")
    history: dict[str, Any] = orjson.loads(event.split(b"data: ", 1)[1])
    assert history["every"] == 1
    kept: list[dict[str, Any]] = history["samples"]
    return kept


@in_loop
async def test_a_sample_has_what_the_page_draws(iris: Repository) -> None:
    endpoints = opened(iris)
    live = endpoints.live
    assert samples(live) == []
    metrics = endpoints.serving.find("predict").batcher.metrics
    metrics.batch(6, 0.001, "turn")
    metrics.written("predict", [1.0, 1.0], 1.002)
    live.look(live._looked + 2.0, 1700000000.0)
    (sample,) = samples(live)
    assert sample["time"] == 1700000000.0
    assert sample["requests"] == 1.0
    assert sample["workers"] == 1
    assert sample["memory_limit"] == 512 << 20
    assert sample["memory"] > 1 << 20
    assert 0.0 <= sample["busy"] <= 1.0
    assert list(sample["models"]) == ["iris"]
    assert set(sample) == {
        *("time", "requests", "errors", "p50", "p95", "p99", "rows_per_batch", "waiting", "connections", "busy"),
        *("workers", "memory", "memory_limit", "models"),
    }
    own = {"requests", "errors", "p50", "p95", "p99", "rows_per_batch", "waiting"}
    assert set(sample["models"]["iris"]) == own
    endpoints.close()


@in_loop
async def test_the_history_is_ten_minutes_and_bounded_in_bytes(
    iris: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoints = opened(iris)
    live = endpoints.live
    for second in range(HISTORY_SECONDS + 7):
        live.look(live._looked + 1.0, float(second))
    kept = samples(live)
    assert [sample["time"] for sample in kept] == [float(second) for second in range(7, HISTORY_SECONDS + 7)]
    monkeypatch.setattr(module, "HISTORY_BYTES", 2000)
    live.look(live._looked + 1.0, 9999.0)
    assert 1 <= len(samples(live)) < 20
    assert samples(live)[-1]["time"] == 9999.0
    endpoints.close()


@in_loop
async def test_all_watchers_get_the_same_bytes_and_those_who_left_none(iris: Repository) -> None:
    endpoints = opened(iris)
    live = endpoints.live
    watching = [live.watch() for _ in range(20)]
    watching[3][1]()
    waiting = [asyncio.ensure_future(watcher.next()) for watcher, _ in watching]
    await turns()
    live._beat()
    await turns()
    events = {id(each.result()) for number, each in enumerate(waiting) if number != 3}
    assert len(events) == 1
    assert not waiting[3].done()
    waiting[3].cancel()
    endpoints.close()


@in_loop
async def test_one_who_does_not_take_the_last_event_is_dropped() -> None:
    watcher = Watcher()
    watcher.wake(b"1")
    assert await watcher.next() == b"1"
    watcher.wake(b"2")
    watcher.wake(b"3")  # it is still busy with the first
    assert await watcher.next() is None


@in_loop
async def test_watchers_are_bounded(iris: Repository) -> None:
    endpoints = opened(iris)
    first = [endpoints.live.watch() for _ in range(MOST_WATCHERS)]
    with pytest.raises(ServerError) as refused:
        endpoints.live.watch()
    assert refused.value.code == "overloaded"
    first[0][1]()
    endpoints.live.watch()
    endpoints.close()


@in_loop
async def test_a_worker_that_retires_ends_with_all_who_watch_and_who_come(iris: Repository) -> None:
    endpoints = opened(iris)
    watcher, _ = endpoints.live.watch()
    endpoints.drain()
    assert endpoints.draining
    assert await watcher.next() is None
    late, _ = endpoints.live.watch()
    assert await late.next() is None
    endpoints.close()


@in_loop
async def test_what_the_start_took_is_no_load(iris: Repository, tmp_path: Path) -> None:
    endpoints = opened(iris)
    endpoints.live.look(endpoints.live._looked + 1.0, 0.0)
    assert endpoints.live.loads()[0].processor < 0.5
    assert endpoints.live.demand().dynos == 1
    endpoints.close()


@in_loop
async def test_each_second_is_told_to_judoscale_if_it_is_set(iris: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, float]] = []
    monkeypatch.setattr(Judoscale, "beat", lambda _, loads, used, now: told.append((len(loads), now)))
    live = opened(iris, judoscale_url="http://127.0.0.1:1/api/token").live
    live.look(live._looked + 1.0, 1700000000.0)
    live.look(live._looked + 1.0, 1700000001.0)
    assert told == [(1, 1700000000.0), (2, 1700000001.0)]
    assert opened(iris).live._judoscale is None
