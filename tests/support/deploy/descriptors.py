"""Owns what Heroku documents of app.json and Cloud Native Buildpacks of project.toml, as JSON schemas.

By devcenter.heroku.com/articles/app-json-schema, with the sizes and stacks that the doctor knows, and by version 0.2 of
the project descriptor in buildpacks/spec. Stricter in one thing: no field that is not documented may stand there.
"""

from __future__ import annotations

from typing import Any

from server.doctor.buildpack import STACKS
from server.doctor.memory import SIZES

TEXT, FLAG = {"type": "string"}, {"type": "boolean"}
TEXTS = {"type": "array", "items": TEXT}
ADDRESS = {"type": "string", "format": "uri"}


def record(*required: str, **fields: Any) -> dict[str, Any]:
    """An object of these fields and no others; ``_`` in a name stands for a hyphen."""
    named = {name.replace("_", "-"): field for name, field in fields.items()}
    return {"type": "object", "properties": named, "required": list(required), "additionalProperties": False}


def table(names: str, values: Any) -> dict[str, Any]:
    """An object whose keys are chosen by who writes it."""
    return {"type": "object", "patternProperties": {names: values}, "additionalProperties": False}


_VARIABLE = record(description=TEXT, value=TEXT, required=FLAG, generator={"const": "secret"})
_DYNOS = record("quantity", quantity={"type": "integer", "minimum": 0}, size={"enum": list(SIZES)})
_ADDON = {"anyOf": [TEXT, record("plan", plan=TEXT, options={"type": "object"}) | {"additionalProperties": TEXT}]}
_PARTS = {
    "env": table("^[A-Za-z_][A-Za-z0-9_]*$", {"anyOf": [TEXT, _VARIABLE]}),
    "formation": table("^[A-Za-z0-9_-]+$", _DYNOS),
    "addons": {"type": "array", "items": _ADDON},
    "buildpacks": {"type": "array", "items": record("url", url=TEXT)},
    "scripts": record(postdeploy=TEXT, pr_predestroy=TEXT),
}
APP_JSON = record(
    **_PARTS,
    name={"type": "string", "minLength": 3, "maxLength": 30},
    description={"type": "string", "maxLength": 140},
    keywords=TEXTS,
    website=ADDRESS,
    repository=ADDRESS,
    logo=ADDRESS,
    stack={"enum": list(STACKS)},
    image=TEXT,
    environments=table("^(test|review|production)$", {"type": "object"}),
)
# The one name with an underscore in it.
APP_JSON["properties"]["success_url"] = {"type": "string", "pattern": "^(/|https?://)"}

_NAMED = record("id", id=TEXT, version=TEXT)
_GROUP = {"type": "array", "items": {"anyOf": [_NAMED, record("uri", uri=TEXT)]}}
_AROUND = record("group", group=_GROUP)
_BUILD = record(env={"type": "array", "items": record("name", "value", name=TEXT, value=TEXT)})
_BUILDPACKS = record(
    schema_version=TEXT,
    builder=TEXT,
    include=TEXTS,
    exclude=TEXTS,
    group=_GROUP,
    pre=_AROUND,
    post=_AROUND,
    build=_BUILD,
) | {"not": {"required": ["include", "exclude"]}}
_PROJECT = record(
    "schema-version",
    schema_version={"const": "0.2"},
    id=TEXT,
    name=TEXT,
    version=TEXT,
    authors=TEXTS,
    documentation_url=ADDRESS,
    source_url=ADDRESS,
    licenses={"type": "array", "items": record(type=TEXT, uri=ADDRESS)},
    metadata={"type": "object"},
)
PROJECT_TOML = {
    "type": "object",
    "properties": {"_": _PROJECT, "io": {"type": "object", "properties": {"buildpacks": _BUILDPACKS}}},
    "required": ["_"],
    "additionalProperties": {"type": "object"},
}
