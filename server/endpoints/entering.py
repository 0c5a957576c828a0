"""Owns `enter`, the one way of a body into a batcher, and the route that it goes by.

Knows neither ASGI nor sockets: both doors call `enter` with a body.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import NamedTuple

from server.batching.batcher import Batcher
from server.batching.entry import Entry
from server.batching.slice_queue import SliceQueue, add_in_two
from server.caching.cache import Cache
from server.codecs.codec import Codec
from server.codecs.slices import EASY_BYTES, LARGE_BYTES, Slices, finish
from server.errors import ServerError
from server.metrics.families import RouteName


class Bodies(NamedTuple):
    """The bodies that wait to be decoded. Those of up to LARGE_BYTES, one slice each, wait for no larger one."""

    medium: SliceQueue
    large: SliceQueue


@dataclass(frozen=True, slots=True, eq=False)
class HotRoute:
    """A path whose POST is a prediction with one model by one protocol; its batcher runs in this worker.

    ``timed``: `enter` measures decoding, for Server-Timing or for statistics. ``bodies``: where those that are not easy
    have their turns; without, they are decoded at once. ``cache``: what may answer instead of the batcher; ``recalls``:
    the body alone is the question, of this protocol and no other.
    """

    path: str
    batcher: Batcher
    codec: Codec
    timed: bool
    bodies: Bodies | None = None
    route_name: RouteName = "predict"
    cache: Cache | None = None
    recalls: bool = False


def enter(route: HotRoute, entry: Entry, body: bytes | bytearray) -> None:
    """Decodes a body and submits its entry to the batcher, or refuses it; what is not easy in its turn, in slices.

    Where the question was answered before, that answers it again. The door has set the entry's ``arrived``,
    ``deadline`` and, where `Codec.reads_headers`, ``request``.
    """
    cache = route.cache
    if cache is not None:
        if not cache.looks:
            cache.rest -= 1
            if not cache.rest:
                cache.rested()
            cache = None
        elif len(body) > LARGE_BYTES or entry.no_store:
            cache = None
        elif route.recalls:
            body = bytes(body)
            if cache.recall(entry, body):
                return
    began = monotonic() if route.timed else 0.0
    try:
        if len(body) > EASY_BYTES and (bodies := route.bodies) is not None:
            then = partial(_decoded, route, entry, body, cache, began)
            if len(body) > LARGE_BYTES:
                bodies.large.add(entry, _decoding(route.codec, entry, body), then)
            else:
                add_in_two(bodies.medium, bodies.large, entry, partial(route.codec.decode, entry, body), then)
            return
        slices = route.codec.decode(entry, body)
        if slices is not None:
            if (bodies := route.bodies) is not None:  # a hundred bytes may unpack to a megabyte
                bodies.large.add(entry, slices, partial(_decoded, route, entry, body, cache, began))
                return
            finish(slices)
    except ServerError as error:
        _decoded(route, entry, body, cache, began, error)
        return
    if route.timed:
        entry.arrived = monotonic()
        entry.decode_seconds = entry.arrived - began
    if cache is None:
        route.batcher.submit(entry)
    else:
        cache.ask(entry, bytes(body) if route.recalls else None)


def _decoding(codec: Codec, entry: Entry, body: bytes | bytearray) -> Slices[None]:
    slices = codec.decode(entry, body)
    if slices is not None:
        yield from slices


def _decoded(
    route: HotRoute,
    entry: Entry,
    body: bytes | bytearray,
    cache: Cache | None,
    began: float,
    error: ServerError | None,
) -> None:
    """Submits an entry that was decoded from a body in turns, or refuses it."""
    if error is not None:
        if entry.fail(error):
            route.batcher.metrics.failed(error.code)
        return
    try:
        entry.weigh(entry.group.request_bytes(entry))  # a byte of the body may have become eight
    except ServerError as too_much:
        _decoded(route, entry, body, cache, began, too_much)
        return
    if route.timed:
        entry.arrived = monotonic()
        entry.decode_seconds = entry.arrived - began
    if cache is None:
        route.batcher.submit(entry)
    else:
        cache.ask(entry, bytes(body) if route.recalls else None)


def server_timing(entry: Entry) -> str:
    """The value of Server-Timing: milliseconds per stage, the rows of the batch, and whether the answer is another's.

    Empty without `Entry.timing`. What was answered before has neither queue nor run nor batch.
    """
    timing = entry.timing
    if timing is None:
        return ""
    stages = {"parse": entry.decode_seconds}
    if timing.rows:
        stages |= {"queue": timing.queue, "run": timing.run}
    stages["encode"] = monotonic() - timing.ended
    told = [f"{stage};dur={seconds * 1e3:.3f}" for stage, seconds in stages.items()]
    if timing.rows:
        told.append(f"batch;desc={timing.rows}")
    if timing.hit:
        told.append("cache;desc=hit")
    return ", ".join(told)
