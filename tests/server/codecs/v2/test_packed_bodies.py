"""A few bytes that unpack to many are read in their turn, whoever sends how many of them at once."""

from __future__ import annotations

import gzip
import itertools
from dataclasses import replace
from pathlib import Path
from random import Random

import orjson
import pytest

from server.batching.slice_queue import SliceQueue
from server.batching.turns import Turns
from server.codecs.slices import EASY_BYTES, LARGE_BYTES
from server.endpoints.entering import Bodies, enter
from server.errors import ServerError
from tests.server.endpoints.test_entering import INFER, Asked, opened
from tests.support.server.rig import in_loop, until

PACKED = ((b"content-encoding", b"gzip"),)
TICK = 0.0005  # of the clock, at each look at it


@pytest.mark.parametrize("size", [EASY_BYTES + 1, LARGE_BYTES, LARGE_BYTES + 1, 900_000])
@in_loop
async def test_what_unpacks_to_more_than_is_easy_waits_for_its_turn(tmp_path: Path, size: int) -> None:
    endpoints = opened(tmp_path)
    clock = itertools.count(0.0, TICK)
    made = Turns(lambda: next(clock))
    queues = Bodies(*(SliceQueue(60.0, made) for _ in Bodies._fields))
    route = replace(endpoints.serving.find("v2"), bodies=queues)
    body = gzip.compress(orjson.dumps(INFER).ljust(size))
    assert len(body) <= EASY_BYTES
    entries = [Asked(route.codec, PACKED) for _ in range(20)]
    for entry in entries:
        enter(route, entry, body)
    assert len(queues.large._jobs) > len(entries) // 2
    await until(lambda: all(entry.answers for entry in entries))
    assert len({bytes(answer) for entry in entries for answer in entry.answers if isinstance(answer, bytes)}) == 1
    endpoints.close()


@in_loop
async def test_a_body_of_some_kilobytes_waits_for_none_that_unpacks_to_many(tmp_path: Path) -> None:
    endpoints = opened(tmp_path)
    clock = itertools.count(0.0, TICK)
    made = Turns(lambda: next(clock))
    route = replace(endpoints.serving.find("v2"), bodies=Bodies(*(SliceQueue(60.0, made) for _ in Bodies._fields)))
    packed = gzip.compress(orjson.dumps(INFER | {"id": Random(0).randbytes(4000).hex()}).ljust(900_000))
    assert EASY_BYTES < len(packed) < LARGE_BYTES
    heavy = [Asked(route.codec, PACKED) for _ in range(5)]
    for entry in heavy:
        enter(route, entry, packed)
    light = Asked(route.codec)
    enter(route, light, orjson.dumps(INFER).ljust(EASY_BYTES + 1))
    await until(lambda: light.answers)
    assert not any(entry.answers for entry in heavy)
    await until(lambda: all(entry.answers for entry in heavy))
    assert not any(isinstance(answer, ServerError) for entry in (light, *heavy) for answer in entry.answers)
    endpoints.close()


@in_loop
async def test_what_unpacks_to_little_is_read_at_once(tmp_path: Path) -> None:
    endpoints = opened(tmp_path)
    route = endpoints.serving.find("v2")
    assert route.bodies is not None
    entry = Asked(route.codec, PACKED)
    enter(route, entry, gzip.compress(orjson.dumps(INFER)))
    assert entry.rows
    assert not route.bodies.large._jobs
    endpoints.close()
