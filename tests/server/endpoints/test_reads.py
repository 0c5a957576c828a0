"""The reading routes: what is served, with which state and numbers, and when the server is ready."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from server import __version__
from server.endpoints import reads, v2_reads
from server.endpoints.lifecycle import Endpoints
from server.endpoints.reads import Answer
from server.errors import ServerError
from server.metrics.exposition import exposition_pieces
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import Settings
from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, get, load, open_door, post
from tests.support.server.rig import in_loop

REFUSED = {("iris", "1"): "iris/1/model.onnx is empty", ("bad", "2"): "bad/2/model.onnx is damaged"}


def document(answer: Answer) -> Any:
    """The JSON of a 200."""
    assert (answer.status, answer.media_type) == (200, "application/json")
    return orjson.loads(answer.body + answer.more)


def test_what_a_file_lists_is_encoded_once_and_copied_to_nobody(endpoints: Endpoints) -> None:
    first, second = reads.model(endpoints, "iris"), reads.model(endpoints, "iris")
    assert isinstance(first.more, memoryview)
    assert isinstance(second.more, memoryview)
    assert first.more.obj is second.more.obj is endpoints.repository.get("iris").description
    assert len(first.body) < 2000


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Endpoints:
    """Two models, of which a newer file was refused, and a version that never served; nothing is open."""
    made = {"iris": models.classifier(), "plain": models.plain()}
    served = load(tmp_path_factory.mktemp("m"), made, Settings())
    return Endpoints(Repository(list(served), REFUSED, "iris"), Settings(), Scoreboard(1, 2), 3)


def test_every_version_is_listed_with_its_state(endpoints: Endpoints) -> None:
    assert document(reads.models(endpoints)) == {
        "default": "iris",
        "models": [
            {"name": "iris", "version": "1", "ready": True, "kind": "classifier", "reason": REFUSED["iris", "1"]},
            {"name": "plain", "version": "1", "ready": True, "kind": "onnx"},
            {"name": "bad", "version": "2", "ready": False, "reason": REFUSED["bad", "2"]},
        ],
    }


def test_the_index_has_tritons_states(endpoints: Endpoints) -> None:
    ready = [
        {"name": "iris", "version": "1", "state": "READY", "reason": REFUSED["iris", "1"]},
        {"name": "plain", "version": "1", "state": "READY", "reason": ""},
    ]
    refused = {"name": "bad", "version": "2", "state": "UNAVAILABLE", "reason": REFUSED["bad", "2"]}
    assert document(reads.repository_index(endpoints, only_ready=True)) == ready
    assert document(reads.repository_index(endpoints, only_ready=False)) == [*ready, refused]


def test_a_model_is_described_by_its_file(endpoints: Endpoints) -> None:
    described = document(reads.model(endpoints, "iris"))
    artefact = models.classifier().artefact
    assert artefact is not None
    assert (described["kind"], described["golden_rows_checked"], described["batched"]) == ("classifier", 16, True)
    assert described["not_batched_because"] is None
    assert described["classes"] == ["setosa", "versicolor", "virginica"]
    assert [feature["name"] for feature in described["features"]] == [feature.name for feature in artefact.features]
    assert list(described["example"].values()) == list(artefact.golden.rows[0])
    assert [(output["name"], output["role"]) for output in described["outputs"]] == [
        ("label", "label"),
        ("probabilities", "probabilities"),
    ]


@in_loop
async def test_a_model_of_which_a_batch_failed_without_a_guilty_request_says_so(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    served = load(tmp_path_factory.mktemp("m"), {"iris": models.classifier()}, Settings())
    opened = Endpoints(Repository(list(served), {}, "iris"), Settings(), Scoreboard(2, 1), 1)
    opened.open(1)
    try:
        assert document(reads.model(opened, "iris"))["batched"]
        assert document(v2_reads.model_config(opened, "iris"))["max_batch_size"] > 0
        opened.serving._batchers["iris", "1"]._doubt([])
        described = document(reads.model(opened, "iris"))
        assert (described["batched"], described["not_batched_because"]) == (False, reads.DOUBTED)
        assert document(v2_reads.model_config(opened, "iris"))["max_batch_size"] == 0
    finally:
        opened.close()


def test_a_plain_file_is_described_by_its_signature(endpoints: Endpoints) -> None:
    described = document(reads.model(endpoints, "plain", "1"))
    assert described["kind"] == "onnx"
    assert described.keys().isdisjoint({"features", "classes", "example", "parity"})
    assert all("role" not in output for output in described["outputs"])
    assert [tensor["shape"][0] for tensor in described["inputs"]] == [-1]


def test_a_model_that_is_not_there_is_not_described(endpoints: Endpoints) -> None:
    for name, code in (("nobody", "not_found"), ("bad", "model_unavailable")):
        with pytest.raises(ServerError) as caught:
            reads.model(endpoints, name)
        assert caught.value.code == code


def test_ready_is_a_server_with_models_that_does_not_stop(endpoints: Endpoints) -> None:
    assert document(reads.ready(endpoints)) == {"ready": True}
    empty = Endpoints(Repository([], REFUSED), Settings(), Scoreboard(1, 1), 1)
    with pytest.raises(ServerError, match="no model is loaded") as caught:
        reads.ready(empty)
    assert caught.value.code == "model_unavailable"
    empty.draining = True
    with pytest.raises(ServerError) as caught:
        reads.ready(empty)
    assert caught.value.code == "draining"


def test_what_depends_on_no_model() -> None:
    assert document(reads.health()) == {"status": "ok"}
    assert document(reads.live()) == {"live": True}
    assert document(reads.index())["version"] == __version__
    version = reads.version()
    assert (version.body.decode(), version.media_type) == (__version__, "text/plain; charset=utf-8")


def test_the_openapi_document_is_answered_as_it_stands(endpoints: Endpoints) -> None:
    endpoints.openapi_document = b'{"openapi":"3.1.0"}'
    assert document(reads.openapi(endpoints)) == {"openapi": "3.1.0"}


@in_loop
async def test_metrics_are_those_of_the_scoreboard(endpoints: Endpoints) -> None:
    answer = await reads.metrics(endpoints)
    assert answer.media_type == "text/plain; version=0.0.4; charset=utf-8"
    assert b"\ndynonnx_workers 3\n" in answer.body
    assert b"nv_inference_count{" not in answer.body, "nobody has asked"


@in_loop
async def test_the_metrics_are_made_once_for_all_who_ask_at_once(
    endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request of 36 bytes asks for a megabyte where many models are asked."""
    made: list[object] = []

    def pieces(*of: Any) -> Iterator[bytes]:
        made.append(of)
        return exposition_pieces(*of)

    monkeypatch.setattr(reads, "exposition_pieces", pieces)
    answers = await asyncio.gather(*[reads.metrics(endpoints) for _ in range(50)])
    assert len(made) == 1
    assert len({id(answer.body) for answer in answers}) == 1


def test_metrics_count_what_was_answered(tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_door("two", tmp_path_factory.mktemp("m"), {"iris": models.classifier()}) as door:
        for _ in range(5):
            door.ask(post(ROW))
        door.ask(post(b"{}"))
        text = door.ask(get("/metrics")).body.decode()
    assert 'nv_inference_request_success{model="iris",version="1"} 5.0' in text
    assert 'nv_inference_count{model="iris",version="1"} 5.0' in text
    assert 'nv_inference_request_failure{model="iris",version="1",reason="invalid_input"} 1.0' in text
    assert 'dynonnx_errors_total{code="invalid_input"} 1.0' in text


@pytest.mark.parametrize("name", DOORS)
def test_a_model_tells_how_it_was_batched(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_door(name, tmp_path_factory.mktemp("m"), {"iris": models.classifier()}) as door:
        assert orjson.loads(door.ask(get("/models/iris")).body)["served"]["rows_per_run"] is None
        for _ in range(4):
            door.ask(post(orjson.dumps({"features": [[5.1, 3.5, 1.4, 0.2]] * 3})))
        served = orjson.loads(door.ask(get("/models/iris")).body)["served"]
    assert (served["requests"], served["rows"], served["runs"], served["rows_per_run"]) == (4, 12, 4, 3.0)
    assert served["dispatched"] == {"turn": 4, "slot": 0, "full": 0, "wait": 0}
    assert served["mean_run_us"] > 0
    assert served["mean_queue_us"] >= 0
