"""Owns what anybody may be told of an artefact, as JSON that is made once: a file may list a million values. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from server.artefact.metadata import Artefact

EXAMPLE_VALUES = 8192  # of golden rows that a description shows, at least one row


def description_of(artefact: Artefact) -> bytes:
    """An object of what does not change while the file is served."""
    names = [feature.name for feature in artefact.features]
    described: dict[str, Any] = {
        "features": artefact.features,
        **({"ignored": artefact.ignored} if artefact.ignored else {}),
        "classes": artefact.classes,
        "example": dict(zip(names, artefact.golden.rows[0], strict=True)) if artefact.golden.rows else None,
        "examples": artefact.golden.rows[: max(1, EXAMPLE_VALUES // len(names))],
        "producer": artefact.producer,
        "created": artefact.created,
        "source_sha256": artefact.source_sha256,
        **({"origin": artefact.origin} if artefact.origin else {}),
        "parity": artefact.parity,
    }
    return orjson.dumps(described)
