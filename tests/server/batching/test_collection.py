"""Python collects no garbage beside long work, but where that goes on and on, and goes on collecting afterwards."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

from server.batching import collection
from server.batching.collection import LEAST_SECONDS, CollectionPause
from server.batching.turns import Turns


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    gc.enable()  # another test's loop may have ended amid long work
    yield
    gc.enable()


@pytest.fixture
def collections(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The generations collected on purpose."""
    made: list[int] = []
    monkeypatch.setattr(gc, "collect", made.append)
    monkeypatch.setattr(collection, "MOST_OBJECTS", -1)
    return made


def test_nothing_is_collected_until_the_work_has_ended(collections: list[int]) -> None:
    pause = CollectionPause()
    pause.begin(100.0)
    assert not gc.isenabled()
    pause.look(100.0 + LEAST_SECONDS - 0.5)
    pause.end()
    assert gc.isenabled()
    assert collections == []


def test_work_that_goes_on_and_on_is_interrupted_now_and_then(collections: list[int]) -> None:
    pause = CollectionPause()
    pause.begin(100.0)
    for half_second in range(2 * int(3 * LEAST_SECONDS) + 1):
        pause.look(100.0 + half_second / 2)
    assert len(collections) == 3
    pause.end()


def test_where_little_was_made_nothing_is_collected(collections: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "MOST_OBJECTS", 1 << 40)
    pause = CollectionPause()
    pause.begin(100.0)
    pause.look(100.0 + 2 * LEAST_SECONDS)
    pause.end()
    assert collections == []


def test_who_has_turned_collection_off_finds_it_so() -> None:
    gc.disable()
    pause = CollectionPause()
    pause.begin(100.0)
    pause.end()
    assert not gc.isenabled()


def test_turns_of_long_work_are_beside_no_collection() -> None:
    seen: list[bool] = []

    class Work:
        def work_on(self, until: float) -> bool:
            seen.append(gc.isenabled())
            return len(seen) < 3

    async def act() -> Any:
        Turns().add(Work())
        for _ in range(5):
            await asyncio.sleep(0)

    asyncio.run(act())
    assert seen == [False] * 3
    assert gc.isenabled()
