"""Owns what each route does, from headers and body to an answer. Knows neither ASGI nor sockets: both doors call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, NamedTuple

import orjson

from server import __version__
from server.artefact.metadata import Artefact
from server.batching.batch import Entry
from server.batching.batcher import Batcher
from server.codecs.mlflow import Media, scoring_codec
from server.codecs.v2.body import unpack
from server.endpoints.gate import Gate
from server.errors import ServerError
from server.metrics.scoreboard import Board, ModelMetrics, ServerMetrics
from server.models.repository import NO_MODEL, Model, Repository
from server.settings import Settings

JSON = "application/json"

Control = Callable[[Literal["load", "unload"], str], Awaitable[None]]  # of a model's name; raises ServerError


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, media type, body."""

    body: bytes
    status: int = 200
    media_type: str = JSON


class HotRoute(NamedTuple):
    """A path whose POST is a prediction with one model, whose batcher runs in this worker.

    ``serve`` answers an entry by its body; ``tensors``: by the v2 protocol, whose headers say more.
    """

    path: str
    model: Model
    batcher: Batcher
    serve: Callable[[HotRoute, Entry, bytes | bytearray], None]
    tensors: bool


class Endpoints:
    """Everything a worker answers. Built before the fork; `open` gives it what only a running worker has."""

    def __init__(
        self, repository: Repository, settings: Settings, board: Board, workers: int, *, lingers: bool = False
    ) -> None:
        """``lingers``: whether a batcher may keep its worker awake for a moment, in hope of the next request."""
        self.settings = settings
        self.gate = Gate(
            keys=settings.api_keys,
            admin_keys=settings.admin_keys,
            max_body_bytes=settings.max_body_bytes,
            deadline_seconds=settings.deadline_ms / 1000,
        )
        self.draining = False
        self.openapi_document: dict[str, Any] = {}
        self.board = board
        self._workers = workers
        self._lingers = lingers
        self._batchers: dict[int, Batcher] = {}
        self._line = 0
        self.metrics = ServerMetrics(board, 0)
        self.control: Control = _nobody_listens
        self.take(repository)

    def take(self, repository: Repository) -> None:
        """Serves these models, in workers that are forked from now on. Where it raises, all is as before."""
        max_rows = self.settings.max_rows
        blocks = {id(model): self.board.block_of(model.name, model.version) for model in repository}
        scoring = {
            id(model): scoring_codec(model.artefact, model.runtime.inputs, model.runtime.outputs, max_rows)
            for model in repository
        }
        self.repository, self._blocks, self._scoring = repository, blocks, scoring

    def open(self, line: int) -> None:
        """Starts the batchers of this worker, on the running loop; ``line`` is the worker's line on the board."""
        self.gate.renew_ids()
        self._line = line
        self.metrics = ServerMetrics(self.board, line)
        for model in self.repository:
            metrics = ModelMetrics(self.board, line, self._blocks[id(model)])
            self._batchers[id(model)] = self._batcher(model, metrics)
        self.board.begin_serving(line)

    def _batcher(self, model: Model, metrics: ModelMetrics) -> Batcher:
        return Batcher(
            model.name,
            model.runtime,
            model.layouts,
            model.curve,
            metrics,
            joinable=model.verdict.joinable,
            max_batch_rows=self.settings.max_batch_rows,
            max_wait_seconds=self.settings.max_wait_ms / 1000,
            queue_seconds=self.settings.queue_ms / 1000,
            timed=self.settings.server_timing,
            lingers=self._lingers,
        )

    def stop_accepting(self) -> None:
        """Says that no new connection reaches this worker any more."""
        self.board.end_serving(self._line)

    def block_of(self, model: Model) -> int:
        """The block of a served model on the board."""
        return self._blocks[id(model)]

    def close(self) -> None:
        """Lets the batchers' threads go."""
        for batcher in self._batchers.values():
            batcher.close()

    def hot_routes(self) -> dict[bytes, HotRoute]:
        """Every predict and infer path, as it stands in a request line, with its model; after `open`."""
        found: dict[str, Model] = {}
        infer: dict[str, Model] = {}
        for name, versions in self.repository.models.items():
            found[f"/models/{name}/predict"] = infer[f"/v2/models/{name}/infer"] = next(iter(versions.values()))
            found |= {f"/models/{name}/versions/{version}/predict": model for version, model in versions.items()}
            infer |= {f"/v2/models/{name}/versions/{version}/infer": model for version, model in versions.items()}
        if self.repository.default_model in self.repository.models:
            found["/predict"] = self.repository.get_default()
        routes = [self._route(model, False, path) for path, model in found.items()]
        routes += [self._route(model, True, path) for path, model in infer.items()]
        return {route.path.encode(): route for route in routes}

    def find(self, name: str | None, version: str | None, tensors: bool = False) -> HotRoute:
        """What a predict route names, or with ``tensors`` an infer route. Raises ServerError."""
        return self._route(
            self.repository.get_default() if name is None else self.repository.get(name, version), tensors
        )

    def _route(self, model: Model, tensors: bool, path: str = "") -> HotRoute:
        serve = self.infer if tensors else self.predict
        return HotRoute(path, model, self._batchers[id(model)], serve, tensors)

    def predict(self, route: HotRoute, entry: Entry, body: bytes | bytearray) -> None:
        """Answers ``entry``, which knows its arrival and deadline, with a prediction, or refuses it, now or later."""
        batcher = route.batcher
        codec = route.model.codec
        try:
            if codec is None:
                raise ServerError("invalid_input", "this model has no rows to send here; use the v2 protocol")
            entry.parts, entry.rows, entry.single, entry.lane = codec.decode(body)
        except ServerError as error:
            batcher.metrics.failed(error.code)
            entry.fail(error)
            return
        if self.settings.server_timing:
            entry.arrived = monotonic()
        batcher.submit(entry)

    def invoke(self, route: HotRoute, entry: Entry, body: bytes | bytearray, media: Media) -> None:
        """`predict` by MLflow's scoring protocol."""
        codec = self._scoring[id(route.model)]
        try:
            if codec is None:
                raise ServerError("invalid_input", "this model has no rows to send here; use the v2 protocol")
            entry.parts, entry.rows, entry.single, entry.lane = codec.decode(body, media)
        except ServerError as error:
            route.batcher.metrics.failed(error.code)
            entry.fail(error)
            return
        if self.settings.server_timing:
            entry.arrived = monotonic()
        route.batcher.submit(entry)

    def infer(self, route: HotRoute, entry: Entry, body: bytes | bytearray) -> None:
        """Answers ``entry``, which knows its arrival, deadline and head, with tensors, or refuses it, now or later."""
        batcher = route.batcher
        began = monotonic()
        try:
            unpacked = unpack(body, entry.head.encoding, self.settings.max_body_bytes)
            request = route.model.tensors.decode(unpacked, entry.head)
        except ServerError as error:
            batcher.metrics.failed(error.code)
            entry.fail(error)
            return
        entry.parts, entry.rows, entry.lane, entry.form, timeout = request
        if timeout is not None:
            entry.deadline = min(entry.deadline, entry.arrived + timeout)
        entry.arrived = monotonic()
        entry.reading = entry.arrived - began
        batcher.submit(entry)

    def index(self) -> Answer:
        """`GET /`: what this is and where to go on."""
        links = {"docs": "/docs", "openapi": "/openapi.json", "models": "/models", "metrics": "/metrics"}
        return json_answer({"name": "dynonnx", "version": __version__, **links})

    def openapi(self) -> Answer:
        """`GET /openapi.json`."""
        return json_answer(self.openapi_document)

    def models(self) -> Answer:
        """`GET /models`: every version with its state; refused ones with the reason."""
        refused = dict(self.repository.refused)
        rows: list[dict[str, Any]] = []
        for model in self.repository:
            row = {"name": model.name, "version": model.version, "ready": True, "kind": _kind(model.artefact)}
            reason = refused.pop((model.name, model.version), None)  # of a file put in its place since
            rows.append(row if reason is None else row | {"reason": reason})
        for (name, version), reason in refused.items():
            rows.append({"name": name, "version": version, "ready": False, "reason": reason})
        return json_answer({"default": self.repository.default_model, "models": rows})

    def repository_index(self, only_ready: bool) -> Answer:
        """`POST /v2/repository/index`: every version with its state, as Triton writes it."""
        refused = dict(self.repository.refused)
        rows = [
            _state(model.name, model.version, "READY", refused.pop((model.name, model.version), ""))
            for model in self.repository
        ]
        if not only_ready:
            rows += [_state(name, version, "UNAVAILABLE", reason) for (name, version), reason in refused.items()]
        return json_answer(rows)

    async def load(self, name: str) -> Answer:
        """`POST /v2/repository/models/{name}/load`: done once only workers with it accept. Raises ServerError."""
        await self.control("load", name)
        return Answer(b"")

    async def unload(self, name: str) -> Answer:
        """`POST /v2/repository/models/{name}/unload`, likewise."""
        await self.control("unload", name)
        return Answer(b"")

    def model(self, name: str, version: str | None = None) -> Answer:
        """`GET /models/{name}`: one model as a person wants to know it."""
        return json_answer(self.describe(self.repository.get(name, version)))

    def describe(self, model: Model) -> dict[str, Any]:
        """Schema, classes, parity, golden check, cost and batching of one version."""
        batcher = self._batchers.get(id(model))
        curve = batcher.curve if batcher else model.curve
        described: dict[str, Any] = {
            "name": model.name,
            "version": model.version,
            "versions": list(self.repository.models[model.name]),
            "kind": _kind(model.artefact),
            "sha256": model.sha256,
            "golden_rows_checked": model.verdict.golden_rows,
            "batched": model.verdict.joinable,
            "cost": {"fixed_us": curve.fixed_seconds * 1e6, "row_us": curve.row_seconds * 1e6},
            "served": self.board.served(self._blocks[id(model)]),
            "inputs": [_tensor(spec) for spec in model.runtime.inputs],
            "outputs": [_tensor(spec) | _role(model.artefact, spec.name) for spec in model.runtime.outputs],
        }
        return described | (_described(model.artefact) if model.artefact else {})

    def health(self) -> Answer:
        """`GET /health`: this process runs."""
        return json_answer({"status": "ok"})

    def live(self) -> Answer:
        """`GET /v2/health/live`."""
        return json_answer({"live": True})

    def ready(self) -> Answer:
        """`GET /v2/health/ready`: models are loaded and the worker is not on its way out. Raises ServerError."""
        if self.draining:
            raise ServerError("draining", "this server is stopping")
        if not any(True for _ in self.repository):
            raise ServerError("model_unavailable", NO_MODEL)
        return json_answer({"ready": True})

    def version(self) -> Answer:
        """`GET /version`: the server's own, as text."""
        return Answer(__version__.encode(), media_type="text/plain; charset=utf-8")

    def exposition(self) -> Answer:
        """`GET /metrics`: Prometheus text, summed over all workers."""
        return Answer(self.board.exposition(self._workers), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _nobody_listens(action: str, name: str) -> None:
    raise ServerError("unsupported", "there is no arbiter here that could load or unload a model")


def _state(name: str, version: str, state: str, reason: str) -> dict[str, str]:
    return {"name": name, "version": version, "state": state, "reason": reason}


def json_answer(value: Any) -> Answer:
    """A value as a 200 of JSON."""
    return Answer(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def _kind(artefact: Artefact | None) -> str:
    return artefact.kind if artefact else "onnx"


def _tensor(spec: Any) -> dict[str, Any]:
    dtype = "string" if spec.dtype.kind == "O" else spec.dtype.name
    return {"name": spec.name, "dtype": dtype, "shape": [-1 if size is None else size for size in spec.shape]}


def _role(artefact: Artefact | None, name: str) -> dict[str, str]:
    roles = {output.name: output.role for output in artefact.outputs} if artefact else {}
    return {"role": roles[name]} if name in roles else {}


def _described(artefact: Artefact) -> dict[str, Any]:
    return {
        "features": artefact.features,
        "classes": artefact.classes,
        "example": dict(zip(_names(artefact), artefact.golden.rows[0], strict=True)) if artefact.golden.rows else None,
        "producer": artefact.producer,
        "created": artefact.created,
        "source_sha256": artefact.source_sha256,
        "parity": artefact.parity,
    }


def _names(artefact: Artefact) -> Iterable[str]:
    return (feature.name for feature in artefact.features)


def server_timing(entry: Entry, began: float) -> str:
    """The value of Server-Timing: milliseconds per stage, and the rows of the batch. ``began``: when parsing did."""
    timing = entry.timing
    if timing is None:
        return ""
    stages = {
        "parse": entry.arrived - began,
        "queue": timing.queue,
        "run": timing.run,
        "encode": monotonic() - timing.ended,
    }
    durations = [f"{stage};dur={seconds * 1e3:.3f}" for stage, seconds in stages.items()]
    return ", ".join([*durations, f"batch;desc={timing.rows}"])
