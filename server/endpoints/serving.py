"""Owns what serves the models of a worker: for each its batcher, its cache, and its route by each protocol.

Knows neither ASGI nor sockets. Only `codec_of` names protocols.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

from server.batching.admission import light_rows
from server.batching.batcher import Batcher
from server.batching.runs.padding import PaddedRuns
from server.batching.runs.quarantine import Quarantine
from server.batching.slice_queue import SliceQueue
from server.batching.turns import Turns
from server.caching.cache import Cache
from server.caching.store import Store
from server.caching.worth import Worth
from server.codecs import predict
from server.codecs.codec import Codec
from server.codecs.mlflow import media
from server.endpoints.entering import Bodies, HotRoute
from server.metrics.counters import ModelMetrics
from server.metrics.families import RouteName
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Model, Repository
from server.settings import Settings

ProtocolName = Literal["predict", "mlflow", "v2"]
LIGHT_SHARE = 8  # of what may be in flight so much takes what nobody counts: small requests, few of each version
ROUTE_OF: Mapping[ProtocolName, RouteName] = {"predict": "predict", "mlflow": "invocations", "v2": "infer"}


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
