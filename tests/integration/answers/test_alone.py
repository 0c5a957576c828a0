"""A row has the same answer in a batch as alone: bit for bit from trees, within 4 ulp from linear models."""

from __future__ import annotations

from collections.abc import Iterable
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
    picks = np.random.default_rng(6).integers(0, len(rows), (PAIRS, 2))

    def answers(chosen: Iterable[np.ndarray]) -> list[np.ndarray]:
        """Each output of a run for each choice of rows, one behind the other."""
        runs = [model.runtime.run(outputs, {key: array[at] for key, array in feed.items()}) for at in chosen]
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    alone = answers(np.arange(len(rows)).reshape(-1, 1))
    for by_itself, together in zip(alone, answers(picks), strict=True):
        assert_close(by_itself[picks.ravel()], together, ULPS[name])


def assert_close(alone: np.ndarray, together: np.ndarray, ulps: int) -> None:
    if np.asarray(alone).dtype.kind != "f" or not ulps:
        np.testing.assert_array_equal(alone, together)
    elif not np.array_equal(alone, together):
        np.testing.assert_array_almost_equal_nulp(alone, together, ulps)
