"""The v2 protocol's reading routes: metadata, configuration, statistics and readiness, straight from the endpoints."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from server.endpoints import v2_reads
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import Answer
from server.errors import ServerError
from server.metrics.counters import ModelMetrics
from server.metrics.scoreboard import Scoreboard
from server.settings import Settings
from tests.support.server.doors import load
from tests.support.server.rig import in_loop
from tests.support.server.tensors import SERVED

NAMES = ("fixed", "iris", "sentences", "words")


@pytest.fixture
def endpoints(repository_of: Any) -> Endpoints:
    return Endpoints(repository_of, Settings(), Scoreboard(1, len(NAMES)), 1)


@pytest.fixture(scope="module")
def repository_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(tmp_path_factory.mktemp("m"), {name: SERVED[name]() for name in NAMES}, Settings())


def document(answer: Answer) -> Any:
    """The JSON of a 200."""
    assert (answer.status, answer.media_type) == (200, "application/json")
    return orjson.loads(answer.body)


def test_metadata_has_the_signature_in_the_protocols_types(endpoints: Endpoints) -> None:
    assert document(v2_reads.model_metadata(endpoints, "sentences")) == {
        "name": "sentences",
        "versions": ["1"],
        "platform": "onnxruntime_onnx",
        "inputs": [
            {"name": "tokens", "datatype": "INT64", "shape": [-1, -1]},
            {"name": "mask", "datatype": "INT64", "shape": [-1, -1]},
        ],
        "outputs": [
            {"name": "total", "datatype": "INT64", "shape": [-1]},
            {"name": "kept", "datatype": "INT64", "shape": [-1, -1]},
        ],
    }
    assert document(v2_reads.model_metadata(endpoints, "words", "1"))["inputs"][0]["datatype"] == "BYTES"


def test_the_configuration_of_a_batched_model_leaves_rows_out(endpoints: Endpoints) -> None:
    config = document(v2_reads.model_config(endpoints, "words"))
    assert config["max_batch_size"] == endpoints.settings.max_rows
    assert config["dynamic_batching"] == {}
    assert config["input"] == [{"name": "W", "data_type": "TYPE_STRING", "dims": [2]}]


def test_the_configuration_of_any_other_model_has_whole_shapes(endpoints: Endpoints) -> None:
    config = document(v2_reads.model_config(endpoints, "fixed"))
    assert (config["max_batch_size"], "dynamic_batching" in config) == (0, False)
    assert config["input"] == [{"name": "M", "data_type": "TYPE_FP32", "dims": [2, 3]}]
    assert config["output"][1]["dims"] == []


@in_loop
async def test_statistics_of_a_version_of_a_model_or_of_all(endpoints: Endpoints) -> None:
    block = endpoints.scoreboard.blocks["iris", "1"]
    ModelMetrics(endpoints.scoreboard, 0, block).batch(5, 0.001, "turn", 1.0)

    async def counts(*arguments: str) -> dict[str, int]:
        stats = document(await v2_reads.model_statistics(endpoints, *arguments))["model_stats"]
        return {row["name"]: row["inference_count"] for row in stats}

    assert await counts("iris", "1") == await counts("iris") == {"iris": 5}
    assert await counts() == {"fixed": 0, "iris": 5, "sentences": 0, "words": 0}
    for arguments in (("nobody",), ("iris", "2")):
        with pytest.raises(ServerError) as caught:
            await v2_reads.model_statistics(endpoints, *arguments)
        assert caught.value.code == "not_found"


@in_loop
async def test_statistics_of_many_models_let_the_loop_turn(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(v2_reads, "MODELS_AT_ONCE", 1)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    answer = await v2_reads.model_statistics(endpoints)
    counting.cancel()
    assert len(document(answer)["model_stats"]) == len(NAMES)
    assert turns >= len(NAMES)


def test_a_model_is_ready_until_the_server_stops(endpoints: Endpoints) -> None:
    assert document(v2_reads.model_ready(endpoints, "iris")) == {"name": "iris", "ready": True}
    with pytest.raises(ServerError) as caught:
        v2_reads.model_ready(endpoints, "nobody")
    assert caught.value.code == "not_found"
    endpoints.draining = True
    with pytest.raises(ServerError) as caught:
        v2_reads.model_ready(endpoints, "iris")
    assert caught.value.code == "draining"


def test_the_server_names_the_repository_extension_only_where_it_is_controlled(repository_of: Any) -> None:
    extensions = {}
    for keys in ((), ("an-admin-key-of-length",)):
        endpoints = Endpoints(repository_of, Settings(admin_keys=keys), Scoreboard(1, len(NAMES)), 1)
        extensions[keys] = document(v2_reads.server_metadata(endpoints))["extensions"]
    assert extensions[keys] == [*extensions[()], "model_repository"]


def test_an_extension_that_is_not_there_is_named() -> None:
    error = v2_reads.unsupported("log settings")
    assert (error.code, error.status) == ("unsupported", 501)
    assert error.message == "this server has no log settings; GET /v2 lists its extensions"
