"""Owns the answers of the reading routes but v2's own: models, health, metrics. Knows no ASGI."""

from __future__ import annotations

import asyncio
import math
import platform
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import onnxruntime
import orjson

from server import __version__
from server.artefact.metadata import Artefact
from server.artefact.runtime import Runtime
from server.artefact.tensors import TensorSpec
from server.endpoints.lifecycle import Endpoints
from server.errors import ServerError, draining
from server.metrics.demand import Demand
from server.metrics.exposition import exposition_pieces
from server.metrics.sampling import Load
from server.metrics.statistics import served
from server.models.repository import NO_MODEL, Model

JSON = "application/json"
DOUBTED = "a run of several requests failed in this worker, though each succeeded by itself"
Piece = TypeVar("Piece")
_tensors: WeakKeyDictionary[Runtime, dict[Hashable, orjson.Fragment]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: status, media type, body; ``more``: of the body, what is not copied to each who asks."""

    body: bytes
    status: int = 200
    media_type: str = JSON
    more: bytes | memoryview = b""


def json_answer(value: Any) -> Answer:
    """Answers 200 with a value as JSON."""
    return Answer(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def told_once(runtime: Runtime, form: Hashable, make: Callable[[], Any]) -> orjson.Fragment:
    """What a form tells of a graph's tensors, encoded for the first who asks: there may be thousands of them."""
    forms = _tensors.setdefault(runtime, {})
    found = forms.get(form)
    if found is None:
        found = forms[form] = orjson.Fragment(orjson.dumps(make()))
    return found


def index() -> Answer:
    """`GET /`: name, version and links."""
    links = {"docs": "/docs", "openapi": "/openapi.json", "models": "/models", "metrics": "/metrics"}
    return json_answer({"name": "dynonnx", "version": __version__, **links})


def openapi(endpoints: Endpoints) -> Answer:
    """`GET /openapi.json`."""
    return Answer(endpoints.openapi_document)


def models(endpoints: Endpoints) -> Answer:
    """`GET /models`: every version with its state; refused versions with the reason."""
    refused = dict(endpoints.repository.refused)
    rows: list[dict[str, Any]] = []
    for served_model in endpoints.repository:
        key = (served_model.name, served_model.version)
        quarantined = endpoints.quarantined(served_model)
        row = {"name": key[0], "version": key[1], "ready": not quarantined, "kind": _kind(served_model.artefact)}
        replacement = refused.pop(key, None)  # why the file that was to replace it was refused
        reason = quarantined or replacement
        rows.append(row if reason is None else row | {"reason": reason})
    for (name, version), reason in refused.items():
        rows.append({"name": name, "version": version, "ready": False, "reason": reason})
    return json_answer({"default": endpoints.repository.default_model, "models": rows})


def repository_index(endpoints: Endpoints, only_ready: bool) -> Answer:
    """`POST /v2/repository/index`: every version with its state, in Triton's format."""
    refused = dict(endpoints.repository.refused)
    rows: list[dict[str, str]] = []
    for model in endpoints.repository:
        reason = refused.pop((model.name, model.version), "")
        quarantined = endpoints.quarantined(model)
        state = "UNAVAILABLE" if quarantined else "READY"
        rows.append(_state(model.name, model.version, state, quarantined or reason))
    rows += [_state(name, version, "UNAVAILABLE", reason) for (name, version), reason in refused.items()]
    return json_answer([row for row in rows if row["state"] == "READY"] if only_ready else rows)


def model(endpoints: Endpoints, name: str, version: str | None = None) -> Answer:
    """`GET /models/{name}`: the description of one version. Raises ServerError."""
    found = endpoints.repository.get(name, version)
    present = orjson.dumps(_present(endpoints, found))
    if not found.description:
        return Answer(present)
    return Answer(present[:-1] + b",", more=memoryview(found.description)[1:])


def _present(endpoints: Endpoints, model: Model) -> dict[str, Any]:
    """What is told of a version beside its description: state, golden check, cost, batching, tensors."""
    block, batched = endpoints.scoreboard.blocks[model.name, model.version], endpoints.batches(model)
    described: dict[str, Any] = {
        "name": model.name,
        "version": model.version,
        "versions": list(endpoints.repository.models[model.name]),
        "ready": endpoints.quarantined(model) is None,
        "kind": _kind(model.artefact),
        "sha256": model.sha256,
        "golden_rows_checked": model.verdict.golden_rows,
        "batched": batched,
        "not_batched_because": None if batched else model.verdict.mixing or DOUBTED,
        "cached": (not_cached := endpoints.not_cached_because(model)) is None,
        "not_cached_because": not_cached,
        "cost": {"fixed_us": model.curve.fixed_seconds * 1e6, "row_us": model.curve.row_seconds * 1e6},
        "served": served(endpoints.scoreboard.block_totals([block])[0]),
        "inputs": told_once(model.runtime, "inputs", lambda: [_tensor(spec) for spec in model.runtime.inputs]),
        "outputs": told_once(model.runtime, "outputs", partial(_outputs, model)),
    }
    if (reason := endpoints.quarantined(model)) is not None:
        described["reason"] = reason
    return described


def health() -> Answer:
    """`GET /health`: the process runs."""
    return json_answer({"status": "ok"})


def live() -> Answer:
    """`GET /v2/health/live`."""
    return json_answer({"live": True})


def ready(endpoints: Endpoints) -> Answer:
    """`GET /v2/health/ready`: a model serves and the worker is not retiring. Raises ServerError."""
    if (error := _unready(endpoints)) is not None:
        try:
            raise error
        finally:
            del error  # as in `Batcher.check_capacity`
    return json_answer({"ready": True})


def _unready(endpoints: Endpoints) -> ServerError | None:
    if endpoints.draining:
        return draining()
    if not any(True for _ in endpoints.repository):
        return ServerError("model_unavailable", NO_MODEL)
    if all(endpoints.quarantined(model) for model in endpoints.repository):
        return ServerError("model_unavailable", "every model is quarantined; GET /models says why")
    return None


def version() -> Answer:
    """`GET /version`: the server's version as text."""
    return Answer(__version__.encode(), media_type="text/plain; charset=utf-8")


async def metrics(endpoints: Endpoints) -> Answer:
    """`GET /metrics`: Prometheus text, summed over all workers."""
    return await endpoints.shared_reads.get("metrics", partial(_metrics, endpoints))


async def _metrics(endpoints: Endpoints) -> Answer:
    pieces = await spread(exposition_pieces(endpoints.scoreboard, endpoints.workers, _gauges(endpoints)))
    return Answer(b"".join(pieces), media_type="text/plain; version=0.0.4; charset=utf-8")


def scale(endpoints: Endpoints) -> Answer:
    """`GET /scale`: how much of this dyno is used, and how many like it the demand needs."""
    used = endpoints.live.demand()
    loads = endpoints.live.loads()
    parts = Load(*(sum(values) / len(loads) for values in zip(*loads, strict=True))) if loads else None
    return json_answer(
        {
            "utilisation": used.utilisation,
            "demand": used.demand,
            "goal": endpoints.settings.scale_utilisation,
            "dynos": used.dynos,
            "seconds": len(loads),
            "workers": endpoints.scoreboard.serving(),
            "cpus": endpoints.cpus,
            "of": parts._asdict() if parts else None,
        }
    )


def hirefire(endpoints: Endpoints) -> Answer:
    """`GET /hirefire/{token}/info`: the demand in hundredths of a dyno, in HireFire's form."""
    return json_answer([{"name": "web", "value": math.ceil(endpoints.live.demand().demand * 100)}])


def _gauges(endpoints: Endpoints) -> dict[str, tuple[str, float]]:
    used = endpoints.live.demand() if "live" in vars(endpoints) else Demand(0.0, 0.0, 1)
    limit = endpoints.memory_limit
    python = f'python_info{{implementation="{platform.python_implementation()}",version="{platform.python_version()}"}}'
    return {
        python: ("Python that runs the server", 1.0),
        f'dynonnx_onnxruntime_info{{version="{onnxruntime.__version__}"}}': ("ONNX Runtime that runs the models", 1.0),
        "dynonnx_ready": ("Whether a model serves and this worker does not retire", float(_unready(endpoints) is None)),
        "dynonnx_workers_serving": ("Worker processes that accept", float(endpoints.scoreboard.serving())),
        "process_start_time_seconds": ("When the server started, in Unix time", endpoints.started),
        "dynonnx_memory_limit_bytes": ("Memory that all processes may use; Inf: no limit", float(limit or "inf")),
        "dynonnx_scale_utilisation": ("How much of this dyno is used, 0 to 1", used.utilisation),
        "dynonnx_scale_demand": ("Dynos like this one that the demand it sees would use wholly", used.demand),
        "dynonnx_scale_dynos": ("Dynos like this one that hold the demand it sees at the goal", float(used.dynos)),
        "dynonnx_scale_goal": ("How much of a dyno is to be used, 0 to 1", endpoints.settings.scale_utilisation),
    }


async def spread(pieces: Iterable[Piece]) -> list[Piece]:
    """All pieces, each made in a turn of the loop of its own, so that no request waits for the whole."""
    made: list[Piece] = []
    for piece in pieces:
        made.append(piece)
        await asyncio.sleep(0)
    return made


def _state(name: str, version: str, state: str, reason: str) -> dict[str, str]:
    return {"name": name, "version": version, "state": state, "reason": reason}


def _kind(artefact: Artefact | None) -> str:
    return artefact.kind if artefact else "onnx"


def _outputs(model: Model) -> list[dict[str, Any]]:
    roles = {output.name: {"role": output.role} for output in model.artefact.outputs} if model.artefact else {}
    return [_tensor(spec) | roles.get(spec.name, {}) for spec in model.runtime.outputs]


def _tensor(spec: TensorSpec) -> dict[str, Any]:
    dtype = "string" if spec.dtype.kind == "O" else spec.dtype.name
    return {"name": spec.name, "dtype": dtype, "shape": [-1 if size is None else size for size in spec.shape]}
