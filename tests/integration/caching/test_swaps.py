"""A version that is replaced takes its answers with it, in processes as they serve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from tests.integration.conftest import Start
from tests.support.integration.running import Running
from tests.support.integration.wire import exchange, request
from tests.support.server.models import INT64, onnx_file

SWAPS = 2
QUESTIONS = 5
KEY = "an-admin-key-of-the-test"


def table(generation: int) -> bytes:
    """``Y = X + 1,000 * generation``."""
    return onnx_file(
        [helper.make_node("Add", ["X", "offset"], ["Y"])],
        [("X", INT64, ["N", 1])],
        [("Y", INT64, ["N", 1])],
        {"offset": np.array([1000 * generation])},
    )


def put(folder: Path, generation: int, version: int) -> None:
    """Puts the file of a generation in the place of a version, whole."""
    place = folder / "table" / str(version)
    place.mkdir(parents=True, exist_ok=True)
    (place / "new").write_bytes(table(generation))
    (place / "new").rename(place / "model.onnx")


def answers(server: Running) -> list[int]:
    """What some questions are answered, each on a connection of its own and twice."""
    asked = [request("/models/table/predict", {"features": [number]}) for number in range(QUESTIONS)]
    return [exchange(server.port, data)[0].json()["outputs"]["Y"][0] for data in asked for _ in range(2)]


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(True, id="the same version, another file"),
        pytest.param(False, id="another version", marks=pytest.mark.slow),
    ],
)
def test_nothing_of_an_old_version_is_served_after_a_swap(start: Start, tmp_path: Path, same: bool) -> None:
    folder = tmp_path / "models"
    put(folder, 0, 1)
    server = start(
        DYNONNX_MODELS=str(folder),
        WEB_CONCURRENCY="1",
        DYNONNX_CACHE_BYTES="1000000",
        DYNONNX_CACHE_MODELS="table=on",
        DYNONNX_ADMIN_KEYS=KEY,
    )
    for generation in range(SWAPS):
        if generation:
            put(folder, generation, 1 if same else 1 + generation)
            load = server.ask("POST", "/v2/repository/models/table/load", b"", {"authorization": f"Bearer {KEY}"})
            assert load.status == 200
        wanted = [number + 1000 * generation for number in range(QUESTIONS) for _ in range(2)]
        assert answers(server) == wanted
        stats = server.ask("GET", "/v2/models/table/stats").json()["model_stats"][0]["inference_stats"]
        assert stats["cache_hit"]["count"] >= QUESTIONS
