"""Owns the tables and models of these tests: random rows with whatever a table can hold, the example models."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from server.models.folder import VersionFile
from server.models.loading import load_model
from server.models.repository import Model

ROOT = Path(__file__).parent.parent.parent
MODELS = ROOT / "examples" / "models"
TEXTS = ["", "month", "two years", "Oslo", "\ufdd0", "ünï", "1.5", "a,b", 'say "no"', "line\nline", "007"]


def example(name: str) -> Model:
    """An example model, loaded without a trial elsewhere."""
    file = VersionFile(name, "1", MODELS / name / "1" / "model.onnx")
    return load_model(file, max_rows=10**9, max_batch_rows=4096, max_body_bytes=10**9, ort_threads=1, batch="proven")


def rows_like_golden(model: Model, count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Rows whose cells are those of the golden rows, mixed."""
    assert model.artefact is not None
    generator = random.Random(seed)
    columns = list(zip(*model.artefact.golden.rows, strict=True))
    names = [feature.name for feature in model.artefact.features]
    return [{name: generator.choice(column) for name, column in zip(names, columns, strict=True)} for _ in range(count)]
