"""Owns the answers of the v2 protocol's reading routes: metadata, configuration, statistics. Knows no ASGI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from orjson import Fragment

from server import __version__
from server.artefact.runtime import Runtime
from server.artefact.tensors import TensorSpec
from server.codecs.v2.datatypes import BYTES, NAMES
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import Answer, json_answer, spread, told_once
from server.errors import ServerError, draining
from server.metrics.statistics import statistics
from server.models.repository import Model

MODELS_AT_ONCE = 10  # whose statistics are made in one turn of the loop, about 0.4 ms of work
PLATFORM = "onnxruntime_onnx"
EXTENSIONS = ("binary_tensor_data", "classification", "model_configuration", "statistics")


def server_metadata(endpoints: Endpoints) -> Answer:
    """`GET /v2`."""
    extensions = (*EXTENSIONS, "model_repository") if endpoints.gate.controlled else EXTENSIONS
    return json_answer({"name": "dynonnx", "version": __version__, "extensions": extensions})


def model_ready(endpoints: Endpoints, name: str, version: str | None = None) -> Answer:
    """`GET /v2/models/{name}/ready`. Raises ServerError."""
    if endpoints.draining:
        raise draining()
    model = endpoints.repository.get(name, version)
    if (reason := endpoints.quarantined(model)) is not None:
        raise ServerError("model_unavailable", f"this model is {reason}")
    return json_answer({"name": model.name, "ready": True})


def model_metadata(endpoints: Endpoints, name: str, version: str | None = None) -> Answer:
    """`GET /v2/models/{name}`. Raises ServerError."""
    model = endpoints.repository.get(name, version)
    return json_answer(
        {
            "name": model.name,
            "versions": list(endpoints.repository.models[model.name]),
            "platform": PLATFORM,
            "inputs": told_once(model.runtime, "v2 inputs", lambda: list(map(_metadata, model.runtime.inputs))),
            "outputs": told_once(model.runtime, "v2 outputs", lambda: list(map(_metadata, model.runtime.outputs))),
        }
    )


def model_config(endpoints: Endpoints, name: str, version: str | None = None) -> Answer:
    """`GET /v2/models/{name}/config`. Raises ServerError.

    As in Triton: where requests may share a run, ``max_batch_size`` is above 0 and ``dims`` omit the first dimension.
    """
    model = endpoints.repository.get(name, version)
    batched = _is_batched(endpoints, model)
    config: dict[str, Any] = {
        "name": model.name,
        "platform": PLATFORM,
        "backend": "onnxruntime",
        "max_batch_size": endpoints.settings.max_rows if batched else 0,
        "input": _configs(model.runtime, "inputs", model.runtime.inputs, batched),
        "output": _configs(model.runtime, "outputs", model.runtime.outputs, batched),
    }
    return json_answer(config | ({"dynamic_batching": {}} if batched else {}))


async def model_statistics(endpoints: Endpoints, name: str | None = None, version: str | None = None) -> Answer:
    """`GET /v2/models/{name}/stats`: of a version, of a model's versions, or of all. Raises ServerError."""
    models: Sequence[Model]
    if name is None:
        models = list(endpoints.repository)
    elif version is None:
        models = [endpoints.repository.get(name, number) for number in endpoints.repository.models.get(name, (None,))]
    else:
        models = [endpoints.repository.get(name, version)]
    if len(models) <= MODELS_AT_ONCE:
        return await _made(endpoints, models)
    return await endpoints.shared_reads.get(("statistics", name), partial(_made, endpoints, models))


async def _made(endpoints: Endpoints, models: Sequence[Model]) -> Answer:
    pieces = await spread(_statistics(endpoints, models))
    return json_answer({"model_stats": [stats for piece in pieces for stats in piece]})


def _statistics(endpoints: Endpoints, models: Sequence[Model]) -> Iterator[list[dict[str, Any]]]:
    """The statistics of some models at a time, all of the first moment."""
    blocks = [endpoints.scoreboard.blocks[model.name, model.version] for model in models]
    totals = list(zip(models, endpoints.scoreboard.block_totals(blocks), strict=True))
    for start in range(0, len(totals), MODELS_AT_ONCE):
        yield [statistics(each, model.name, model.version) for model, each in totals[start : start + MODELS_AT_ONCE]]


def unsupported(what: str) -> ServerError:
    """The error for an extension that this server does not have."""
    return ServerError("unsupported", f"this server has no {what}; GET /v2 lists its extensions")


def _is_batched(endpoints: Endpoints, model: Model) -> bool:
    """Whether the model is batched in Triton's sense: requests may share a run, and every output has rows first."""
    return endpoints.batches(model) and all(spec.shape and spec.shape[0] is None for spec in model.runtime.outputs)


def _metadata(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": NAMES[spec.dtype], "shape": _dims(spec.shape)}


def _configs(runtime: Runtime, which: str, specs: Sequence[TensorSpec], batched: bool) -> Fragment:
    return told_once(runtime, (which, batched), lambda: [_config(spec, batched) for spec in specs])


def _config(spec: TensorSpec, batched: bool) -> dict[str, Any]:
    datatype = NAMES[spec.dtype]
    data_type = "TYPE_STRING" if datatype == BYTES else f"TYPE_{datatype}"
    return {"name": spec.name, "data_type": data_type, "dims": _dims(spec.shape[batched:])}


def _dims(shape: Sequence[int | None]) -> list[int]:
    return [-1 if size is None else size for size in shape]
