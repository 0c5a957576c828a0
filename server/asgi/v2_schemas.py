"""Owns the JSON Schemas of the v2 protocol's requests and answers. Pure: knows no routes."""

from __future__ import annotations

from typing import Any

from server.asgi.schemas import COUNT, TEXT, Schema, list_of, record
from server.codecs.v2.datatypes import DTYPES

PARAMETERS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
DATATYPE: Schema = {"type": "string", "enum": list(DTYPES)}
VALUES: Schema = {"type": "array"}
SIZES = list_of({"type": "integer", "minimum": -1})

# Reads

DESCRIBED = record({"name": TEXT, "datatype": DATATYPE, "shape": SIZES})
CONFIGURED = record({"name": TEXT, "data_type": TEXT, "dims": SIZES})
SERVER = record({"name": TEXT, "version": TEXT, "extensions": list_of(TEXT)})
MODEL_READY = record({"name": TEXT, "ready": {"const": True}})
METADATA = record(
    {
        "name": TEXT,
        "versions": list_of(TEXT),
        "platform": TEXT,
        "inputs": list_of(DESCRIBED),
        "outputs": list_of(DESCRIBED),
    }
)
CONFIG = record(
    {
        "name": TEXT,
        "platform": TEXT,
        "backend": TEXT,
        "max_batch_size": COUNT,
        "input": list_of(CONFIGURED),
        "output": list_of(CONFIGURED),
        "dynamic_batching": record({}),
    },
    optional=("dynamic_batching",),
)
_TIMES = record({"count": COUNT, "ns": COUNT})
_STAGES = dict.fromkeys(("compute_input", "compute_infer", "compute_output"), _TIMES)
_KINDS = dict.fromkeys(("success", "fail", "queue", *_STAGES, "cache_hit", "cache_miss"), _TIMES)
_OF_MODEL = record(
    {
        "name": TEXT,
        "version": TEXT,
        "last_inference": COUNT,
        "inference_count": COUNT,
        "execution_count": COUNT,
        "inference_stats": record(_KINDS),
        "batch_stats": list_of(record({"batch_size": COUNT} | _STAGES)),
    }
)
STATISTICS = record({"model_stats": list_of(_OF_MODEL)})

# Tensors

_INPUT: Schema = {
    "type": "object",
    "required": ["name", "shape", "datatype"],
    "properties": {
        "name": TEXT,
        "shape": list_of(COUNT),
        "datatype": DATATYPE,
        "parameters": PARAMETERS,
        "data": VALUES,
    },
}
REQUEST: Schema = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": TEXT,
        "parameters": PARAMETERS,
        "inputs": list_of(_INPUT),
        "outputs": list_of(
            {"type": "object", "required": ["name"], "properties": {"name": TEXT, "parameters": PARAMETERS}}
        ),
    },
}
_OUTPUT = record(
    {
        "name": TEXT,
        "datatype": DATATYPE,
        "shape": list_of(COUNT),
        "parameters": record({"binary_data_size": COUNT}),
        "data": VALUES,
    },
    optional=("parameters", "data"),
)
ANSWER = record({"id": TEXT, "model_name": TEXT, "model_version": TEXT, "outputs": list_of(_OUTPUT)}, optional=("id",))
BINARY: Schema = {"type": "string", "format": "binary"}
LENGTH = "JSON, its length in Inference-Header-Content-Length, then binary tensors in the order of the JSON"


def infer(errors: dict[str, Any]) -> dict[str, Any]:
    """The request body and responses of an infer route; ``errors``: its error responses."""
    length = {"schema": {"type": "integer"}, "description": LENGTH}
    answer = {"application/json": {"schema": ANSWER}, "application/octet-stream": {"schema": BINARY}}
    request = {"application/json": {"schema": REQUEST}, "application/octet-stream": {"schema": BINARY}}
    ok = {"description": "The outputs", "headers": {"Inference-Header-Content-Length": length}, "content": answer}
    return {
        "requestBody": {"required": True, "description": LENGTH, "content": request},
        "responses": {"200": ok} | errors,
    }
