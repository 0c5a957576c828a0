"""A row has the same answer in a batch as alone: bit for bit from trees, within 4 ulp from linear models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from server.artefact.tensors import concatenate
from server.models.folder import VersionFile
from server.models.repository import Model
from tests.support.integration.originals import Original, ask_original, more_rows
from tests.support.models.loading import load_version

PAIRS = 25_000  # of each of four models
DISTINCT_ROWS = 2000
# Units in the last place: trees add the same leaves in the same order; sums of products may be ordered otherwise.
ULPS = {"iris": 4, "diabetes": 4, "churn": 4, "breast-cancer": 0}


def feed_of(model: Model, rows: list[list[object]]) -> dict[str, np.ndarray]:
    assert model.predict is not None
    buffers = model.predict._reader.read_rows(rows, clean=False)
    return {layout.name: concatenate(layout, [buffer]) for layout, buffer in zip(model.layouts, buffers, strict=True)}


@pytest.mark.parametrize("name", ULPS)
def test_pairs_of_rows_answer_as_each_alone(name: str, models: Path, originals: dict[str, Original]) -> None:
    file = VersionFile(name, "1", models / name / "1" / "model.onnx")
    model = load_version(file, max_rows=10_000, max_batch_rows=1024)
    rows = ask_original(originals[name], more_rows(originals[name], DISTINCT_ROWS, seed=5)).rows
    feed = feed_of(model, rows)
    outputs = [output.name for output in model.runtime.outputs]
    alone = [
        model.runtime.run(outputs, {key: array[row : row + 1] for key, array in feed.items()})
        for row in range(len(rows))
    ]
    picks = np.random.default_rng(6).integers(0, len(rows), (PAIRS, 2))
    for pair in picks:
        together = model.runtime.run(outputs, {key: array[pair] for key, array in feed.items()})
        for at, row in enumerate(pair):
            for output, by_itself in zip(together, alone[row], strict=True):
                assert_close(by_itself[0], output[at], ULPS[name])


def assert_close(alone: np.ndarray, together: np.ndarray, ulps: int) -> None:
    if np.asarray(alone).dtype.kind != "f" or not ulps:
        np.testing.assert_array_equal(alone, together)
    elif not np.array_equal(alone, together):
        np.testing.assert_array_almost_equal_nulp(alone, together, ulps)
