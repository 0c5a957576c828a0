"""Loads files as a trial's child does, under limits that a test hardly needs to name."""

from __future__ import annotations

from typing import Any

from server.models.loading import load_model
from server.models.repository import Model, VersionFile
from server.models.trial import Findings

LIMITS = {"max_rows": 100, "max_batch_rows": 64, "max_body_bytes": 1 << 24, "ort_threads": 1}


def load_version(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
    """One version of a model, loaded, tried and warm. Raises what `load_model` raises."""
    return load_model(file, tried, **{**LIMITS, **limits})
