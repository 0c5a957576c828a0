"""Owns predictions: the routes of each model, its batchers and codecs, and `enter`, the one way to a batcher.

Knows neither ASGI nor sockets: both doors call `enter` with a body. Only `codec_of` names protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Literal, NamedTuple

from server.batching.admission import light_rows
from server.batching.batcher import Batcher
from server.batching.entry import Entry
from server.batching.runs.padding import PaddedRuns
from server.batching.runs.quarantine import Quarantine
from server.batching.slice_queue import SliceQueue, add_in_two
from server.batching.turns import Turns
from server.caching.cache import Cache
from server.caching.store import Store
from server.caching.worth import Worth
from server.codecs import predict
from server.codecs.codec import Codec
from server.codecs.mlflow import media
from server.codecs.slices import EASY_BYTES, LARGE_BYTES, Slices, finish
from server.errors import ServerError
from server.metrics.counters import ModelMetrics
from server.metrics.families import RouteName
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Model, Repository
from server.settings import Settings

ProtocolName = Literal["predict", "mlflow", "v2"]
LIGHT_SHARE = 8  # of what may be in flight so much takes what nobody counts: small requests, few of each version
ROUTE_OF: Mapping[ProtocolName, RouteName] = {"predict": "predict", "mlflow": "invocations", "v2": "infer"}


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


class Serving:
    """The models of a running worker with their batchers. ``line``: the worker's line on the scoreboard.

    ``busy_poll``: whether batchers may poll for the next request instead of letting the loop sleep.
    """

    def __init__(
        self,
        repository: Repository,
        settings: Settings,
        scoreboard: Scoreboard,
        line: int,
        *,
        turns: Turns,
        quarantine: Quarantine,
        busy_poll: bool,
    ) -> None:
        self._repository = repository
        self._settings = settings
        self._quarantine = quarantine
        self._report_stuck = partial(scoreboard.report_stuck, line)
        self._turns = turns
        self._bodies = Bodies(*(SliceQueue(settings.queue_ms / 1000, turns) for _ in Bodies._fields))
        self._store = Store(settings.cache_bytes) if settings.cache_bytes else None
        self._light_bytes = settings.inflight_bytes / LIGHT_SHARE / max(1, len([*repository]))
        self._batchers: Mapping[tuple[str, str], Batcher] = {
            (model.name, model.version): self._batcher(
                model, scoreboard.blocks[model.name, model.version], scoreboard, line, busy_poll
            )
            for model in repository
        }
        self._caches = {
            (model.name, model.version): self._cache(model, self._batchers[model.name, model.version])
            for model in repository
        }

    def _cache(self, model: Model, batcher: Batcher) -> Cache:
        worth = worth_of(model, self._settings)
        return Cache(batcher, self._store, worth, timed=self._settings.server_timing)

    def _batcher(self, model: Model, block: int, scoreboard: Scoreboard, line: int, busy_poll: bool) -> Batcher:
        settings = self._settings
        return Batcher(
            model.name,
            PaddedRuns(model.runtime, model.verdict.row_independent) if model.pads_texts else model.runtime,
            model.curve,
            ModelMetrics(scoreboard, line, block),
            row_independent=model.verdict.row_independent,
            inline=model.cost_by_rows,
            record=self._quarantine.record(block),
            deadline_seconds=settings.deadline_ms / 1000,
            report_stuck=self._report_stuck,
            turns=self._turns,
            now=self._turns.now,
            max_batch_rows=settings.max_batch_rows,
            max_wait_seconds=settings.max_wait_ms / 1000,
            queue_seconds=settings.queue_ms / 1000,
            timed=settings.server_timing,
            busy_poll=busy_poll,
            light_rows=light_rows(model.runtime.inputs, self._light_bytes),
        )

    def close(self) -> None:
        """Closes the batchers; refuses what is not decoded."""
        for queue in self._bodies:
            queue.close()
        for batcher in self._batchers.values():
            batcher.close()

    def abandon(self) -> None:
        """Closes the batchers, refuses what still runs, and stops it."""
        for batcher in self._batchers.values():
            batcher.abandon()

    def batches(self, model: Model) -> bool:
        """Whether requests share runs of a version in this worker."""
        return self._batchers[model.name, model.version].batches

    def not_cached_because(self, model: Model) -> str | None:
        """Why answers of a version are not kept in this worker; None if they are."""
        return self._caches[model.name, model.version].worth.reason

    @property
    def is_running(self) -> bool:
        """Whether a run goes on in some thread."""
        return any(batcher.is_running for batcher in self._batchers.values())

    def queue_seconds(self) -> float:
        """Seconds that serving all that waits is expected to take."""
        joined = sum(cache.queue_seconds() for cache in self._caches.values())
        return joined + sum(batcher.queue_seconds() for batcher in self._batchers.values() if batcher.waits)

    def costs(self) -> dict[tuple[str, str], tuple[float, float]]:
        """By version, the learned seconds of a run and of each of its rows."""
        return {
            key: (batcher.curve.fixed_seconds, batcher.curve.row_seconds) for key, batcher in self._batchers.items()
        }

    def hot_routes(self) -> dict[bytes, HotRoute]:
        """Every path of a prediction, as in a request line."""
        routes: list[HotRoute] = []
        for name, versions in self._repository.models.items():
            newest = next(iter(versions.values()))
            routes.append(self._route("predict", newest, f"/models/{name}/predict"))
            routes.append(self._route("v2", newest, f"/v2/models/{name}/infer"))
            for version, model in versions.items():
                routes.append(self._route("predict", model, f"/models/{name}/versions/{version}/predict"))
                routes.append(self._route("v2", model, f"/v2/models/{name}/versions/{version}/infer"))
        if self._repository.default_model in self._repository.models:
            default = self._repository.get_default()
            routes.append(self._route("predict", default, "/predict"))
            routes.append(self._route("mlflow", default, "/invocations"))
        return {route.path.encode(): route for route in routes}

    def find(self, protocol: ProtocolName, name: str | None = None, version: str | None = None) -> HotRoute:
        """The route of a protocol to a model; the default model without a name. Raises ServerError."""
        model = self._repository.get_default() if name is None else self._repository.get(name, version)
        return self._route(protocol, model)

    def _route(self, protocol: ProtocolName, model: Model, path: str = "") -> HotRoute:
        codec = codec_of(protocol, model)
        timed = self._settings.server_timing or codec.counts_stages
        key = model.name, model.version
        return HotRoute(
            path,
            self._batchers[key],
            codec,
            timed,
            self._bodies,
            ROUTE_OF[protocol],
            self._caches[key],
            recalls=protocol == "predict",
        )


def worth_of(model: Model, settings: Settings) -> Worth:
    """Whether answers of a version are looked for."""
    ruled = dict(settings.cache_models).get(model.name)
    return Worth(model.curve, keeps=settings.cache_bytes > 0, ruled=ruled, repeatable=model.repeatable)


def codec_of(protocol: ProtocolName, model: Model) -> Codec:
    """The codec of a protocol for a model."""
    if protocol == "predict":
        return model.predict or predict.NO_ROWS
    return (model.mlflow or media.NO_ROWS) if protocol == "mlflow" else model.v2


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
