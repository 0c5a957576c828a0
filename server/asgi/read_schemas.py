"""Owns the JSON Schemas of what reading routes answer. Pure: knows no routes."""

from __future__ import annotations

from server.asgi.schemas import ANYTHING, COUNT, TEXT, Schema, list_of, record

_TENSOR = record({"name": TEXT, "dtype": TEXT, "shape": list_of({"type": "integer"}), "role": TEXT}, optional=("role",))
INDEX = {"type": "object", "required": ["name", "version"], "additionalProperties": TEXT}
HEALTH = record({"status": {"const": "ok"}})
LIVE = record({"live": {"const": True}})
READY = record({"ready": {"const": True}})
SCALE = record(
    {
        **{name: {"type": "number", "minimum": 0} for name in ("utilisation", "demand", "goal", "cpus")},
        **{name: {"type": "integer", "minimum": 0} for name in ("dynos", "seconds", "workers")},
        "of": {"type": ["object", "null"], "additionalProperties": {"type": "number"}},
    }
)
MODELS: Schema = {
    "type": "object",
    "required": ["default", "models"],
    "properties": {
        "default": {"type": ["string", "null"]},
        "models": list_of(
            {
                "type": "object",
                "required": ["name", "version", "ready"],
                "properties": {
                    "name": TEXT,
                    "version": TEXT,
                    "ready": {"type": "boolean"},
                    "kind": TEXT,
                    "reason": TEXT,
                },
            }
        ),
    },
}
MODEL: Schema = {
    "type": "object",
    "required": ["name", "version", "versions", "ready", "kind", "sha256", "batched", "cost", "inputs", "outputs"],
    "properties": {
        "name": TEXT,
        "version": TEXT,
        "versions": list_of(TEXT, minItems=1),
        "ready": {"type": "boolean"},
        "reason": TEXT,
        "kind": TEXT,
        "sha256": TEXT | {"pattern": "^[0-9a-f]{64}$"},
        "golden_rows_checked": COUNT,
        "batched": {"type": "boolean"},
        "not_batched_because": {"type": ["string", "null"]},
        "cached": {"type": "boolean"},
        "not_cached_because": {"type": ["string", "null"]},
        "cost": record({"fixed_us": {"type": "number", "minimum": 0}, "row_us": {"type": "number", "minimum": 0}}),
        "inputs": list_of(_TENSOR),
        "outputs": list_of(_TENSOR),
        "features": list_of({"type": "object", "required": ["name", "dtype", "nullable", "categories"]}),
        "classes": {"type": ["array", "null"]},
        "example": {"type": ["object", "null"]},
        "examples": list_of(list_of(ANYTHING)),
        "parity": {"type": "object"},
    },
}
