"""Predictions: one suite over both doors, equal to the byte; and the routes of a worker's models."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.artefact.runtime import Runtime
from server.batching.runs.padding import PaddedRuns
from server.endpoints.lifecycle import Endpoints
from server.errors import ServerError
from server.metrics.scoreboard import Scoreboard
from server.settings import Settings
from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, Door, get, load, open_door, post
from tests.support.server.rig import in_loop

SERVED = {
    "iris": models.classifier,
    "diabetes": models.regressor,
    "mixed": models.mixed,
    "scores": models.scores_classifier,
    "several": models.multi_output_classifier,
    "scaled": models.transformer,
    "plain": models.plain,
    "pair": models.plain_two_inputs,
    "lookup": models.table_lookup,
}


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = {name: make() for name, make in SERVED.items()}
    with open_door(request.param, tmp_path_factory.mktemp("m"), made, DEFAULT_MODEL="iris", MAX_ROWS="50") as opened:
        yield opened


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, Door]]:
    made = {name: make() for name, make in SERVED.items()}
    folder = tmp_path_factory.mktemp("m")
    settings = {"DEFAULT_MODEL": "iris", "MAX_ROWS": "50", "MAX_BODY_BYTES": "5000"}
    with open_door("one", folder, made, **settings) as first, open_door("two", folder, made, **settings) as second:
        yield first, second


def predict(door: Door, body: Any, path: str = "/predict") -> Any:
    answer = door.ask(post(orjson.dumps(body), path))
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)


def test_a_large_body_is_answered_as_the_same_small_one_and_in_order(door: Door) -> None:
    small, large = (b'{"features":' + space + b"[5.1,3.5,1.4,0.2]}" for space in (b"", b" " * 200_000))
    client = door.connect().send(post(large) + post(small) + post(large[:-1]) + post(small))
    first, second, third, last = (client.read() for _ in range(4))
    client.close()
    assert first.status == 200
    assert first.body == second.body == last.body
    assert third.status == 400


def test_one_row_as_a_list(door: Door) -> None:
    made = models.classifier()
    got = predict(door, {"features": [5.1, 3.5, 1.4, 0.2]})
    assert got["prediction"] == "setosa"
    assert got["probability"] == pytest.approx(made.original.predict_proba([[5.1, 3.5, 1.4, 0.2]]).max(), abs=1e-9)
    assert got["model_version"] == "1"
    assert list(got) == ["prediction", "probability", "model_version"]


def test_one_row_by_name_in_any_order_is_the_same(door: Door) -> None:
    row = {"petal width (cm)": 0.2, "sepal length (cm)": 5.1, "petal length (cm)": 1.4, "sepal width (cm)": 3.5}
    assert predict(door, {"features": row}) == predict(door, {"features": [5.1, 3.5, 1.4, 0.2]})


def test_many_rows_give_lists_even_for_one(door: Door) -> None:
    made = models.classifier()
    rows = made.rows.tolist()
    got = predict(door, {"features": rows})
    assert got["prediction"] == made.original.predict(made.rows).tolist()
    assert got["probability"] == pytest.approx(made.original.predict_proba(made.rows).max(axis=1).tolist(), abs=1e-9)
    assert predict(door, {"features": rows[:1]})["prediction"] == got["prediction"][:1]


def test_probabilities_when_asked(door: Door) -> None:
    made = models.classifier()
    got = predict(door, {"features": made.rows.tolist(), "probabilities": True})["probabilities"]
    wanted = made.original.predict_proba(made.rows)
    assert [list(row) for row in got] == [["setosa", "versicolor", "virginica"]] * len(wanted)
    assert [list(row.values()) for row in got] == [pytest.approx(row, abs=1e-9) for row in wanted.tolist()]


def test_a_regressor_has_no_probability(door: Door) -> None:
    made = models.regressor()
    got = predict(door, {"features": made.rows.tolist()}, "/models/diabetes/predict")
    assert got["prediction"] == pytest.approx(made.original.predict(made.rows).tolist())
    assert "probability" not in got
    answer = door.ask(
        post(orjson.dumps({"features": made.rows[0].tolist(), "probabilities": True}), "/models/diabetes/predict")
    )
    assert (answer.status, orjson.loads(answer.body)["code"]) == (422, "invalid_input")


def test_versions_are_named_and_known(door: Door) -> None:
    assert predict(door, orjson.loads(ROW), "/models/iris/versions/1/predict")["model_version"] == "1"
    assert door.ask(post(ROW, "/models/iris/versions/2/predict")).status == 404
    assert door.ask(post(ROW, "/models/nobody/predict")).status == 404


def test_a_plain_file_answers_under_its_own_names(door: Door) -> None:
    got = predict(door, {"features": [list(models.plain().rows[0])]}, "/models/plain/predict")
    assert list(got) == ["outputs", "model_version"]


def test_a_file_that_has_no_rows_says_so(door: Door) -> None:
    answer = door.ask(post(ROW, "/models/pair/predict"))
    assert answer.status == 422
    assert b"v2" in answer.body


# (what, request): every one is sent to both doors, and the answers must be equal to the byte.
SAME = {
    "a row": post(ROW),
    "a request id of the client": post(ROW, "/predict", b"X-Request-ID: abc-123"),
    "a bad request id": post(ROW, "/predict", b"X-Request-ID: a b"),
    "a charset": post(ROW).replace(b"application/json", b"application/json; charset=utf-8"),
    "no content type": post(ROW).replace(b"Content-Type: application/json\r\n", b""),
    "another content type": post(ROW).replace(b"application/json", b"text/csv"),
    "a compressed body": post(ROW, "/predict", b"Content-Encoding: gzip"),
    "names": post(b'{"features":{"sepal length (cm)":5.1}}'),
    "a string": post(b'{"features":[5.1,3.5,"x",0.2]}'),
    "true": post(b'{"features":[5.1,3.5,true,0.2]}'),
    "null": post(b'{"features":[5.1,3.5,null,0.2]}'),
    "too few": post(b'{"features":[5.1]}'),
    "no rows": post(b'{"features":[]}'),
    "too many rows": post(orjson.dumps({"features": [[1, 2, 3, 4]] * 51})),
    "no features": post(b"{}"),
    "an unknown key": post(b'{"features":[1,2,3,4],"x":1}'),
    "no json": post(b'{"features":[1,2,'),
    "an empty body": post(b""),
    "NaN": post(b'{"features":[NaN,2,3,4]}'),
    "too deep": post(b'{"features":' + b"[" * 100 + b"]" * 100 + b"}"),
    "far too deep": post(b"[" * 2000),
    "a large body": post(b" " * 6000),
    "a chunked body": post(b"1e\r\n" + ROW + b"\r\n0\r\n\r\n").replace(
        b"Content-Length: 40", b"Transfer-Encoding: chunked"
    ),
    "mixed columns": post(b'{"features":[1,2]}', "/models/mixed/predict"),
    "scores": post(orjson.dumps({"features": models.scores_classifier().rows[:2].tolist()}), "/models/scores/predict"),
    "several targets": post(
        orjson.dumps({"features": models.multi_output_classifier().rows[:2].tolist(), "probabilities": True}),
        "/models/several/predict",
    ),
    "transformed": post(orjson.dumps({"features": models.transformer().rows[:2].tolist()}), "/models/scaled/predict"),
    "a failing row": post(b'{"features":[1000000]}', "/models/lookup/predict"),
    "an unknown model": post(ROW, "/models/nobody/predict"),
    "an unknown route": get("/nowhere"),
    "GET": get("/predict"),
    "PUT": get("/predict", "PUT"),
    "OPTIONS": get("/predict", "OPTIONS"),
    "TRACE": get("/predict", "TRACE"),
    "a query": post(ROW, "/predict?x=1"),
    "a trailing slash": post(ROW, "/predict/"),
    "an encoded path": post(ROW, "/%70redict"),
    "models": get("/models/iris/versions/1", "GET"),
    "health": get("/health"),
    "ready": get("/v2/health/ready"),
    "live": get("/v2/health/live"),
    "closing": post(ROW, "/predict", b"Connection: close"),
    "HTTP/1.0": post(ROW).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/1.0 that would stay": post(ROW, "/predict", b"Connection: keep-alive").replace(b"HTTP/1.1", b"HTTP/1.0"),
    "an expectation": post(ROW, "/models/nobody/predict", b"Expect: 100-continue"),
}


@pytest.mark.parametrize("what", SAME)
def test_both_doors_answer_the_same_bytes(both: tuple[Door, Door], what: str) -> None:
    first, second = (door.ask(SAME[what]) for door in both)
    if what == "models":  # what a run costs is learned, and so differs
        described = [orjson.loads(answer.body) | {"cost": None, "served": None} for answer in (first, second)]
        assert described[0] == described[1]
        return
    assert second.masked == first.masked
    assert first.headers["x-request-id"]
    if first.status >= 400:
        envelope = orjson.loads(first.body)
        assert set(envelope) == {"error", "code", "request_id"}
        assert envelope["request_id"] == first.headers["x-request-id"]


def test_head_is_answered_like_get_without_its_body(door: Door) -> None:
    client = door.connect()
    head = client.send(get("/health", "HEAD")).read(head_only=True)
    assert head.headers["content-length"] == "15"
    assert client.send(get("/health")).read().body == b'{"status":"ok"}'
    client.close()


def test_a_failing_row_leaves_its_neighbours_alone(door: Door) -> None:
    bad, good = (
        post(b'{"features":[1000000]}', "/models/lookup/predict"),
        post(b'{"features":[3]}', "/models/lookup/predict"),
    )
    client = door.connect().send(good + bad + good)
    statuses = [client.read().status for _ in range(3)]
    assert statuses == [200, 500, 200]
    client.close()


@pytest.mark.parametrize("name", DOORS)
def test_server_timing_when_asked(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with open_door(name, tmp_path_factory.mktemp("m"), {"iris": models.classifier()}, SERVER_TIMING="1") as door:
        timing = door.ask(post(ROW)).headers["server-timing"]
    stages = [part.split(";")[0] for part in timing.split(", ")]
    assert stages == ["parse", "queue", "run", "encode", "batch"]
    assert all(float(part.split("dur=")[1]) >= 0 for part in timing.split(", ")[:4])


@pytest.mark.fault(11)
@pytest.mark.parametrize("name", DOORS)
def test_the_request_of_a_client_that_disconnects_is_not_run(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("m")
    with open_door(name, folder, {"iris": models.classifier()}, MAX_WAIT_MS="400") as door:
        gone = door.connect().send(post(ROW))
        gone.close()
        stays = door.ask(post(ROW))
        text = door.ask(get("/metrics")).body.decode()
    assert stays.status == 200
    assert 'nv_inference_count{model="iris",version="1"} 1.0' in text


# Serving itself, without a door: its routes.


def opened(folder: Path, **settings: Any) -> Endpoints:
    """The open endpoints of two models."""
    made = {"iris": models.classifier(), "pair": models.plain_two_inputs()}
    repository = load(folder, made, Settings(default_model="iris", **settings))
    endpoints = Endpoints(repository, Settings(default_model="iris", **settings), Scoreboard(1, 3), 1)
    endpoints.open(0)
    return endpoints


@in_loop
async def test_hot_are_the_paths_of_every_version_and_of_the_default(tmp_path: Path) -> None:
    folder = tmp_path / "pair/2"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(models.plain_two_inputs().data)
    endpoints = opened(tmp_path)
    routes = endpoints.serving.hot_routes()
    model_of = {path.decode(): (route.batcher.name, type(route.codec).__name__) for path, route in routes.items()}
    assert model_of == {
        "/predict": ("iris", "PredictCodec"),
        "/invocations": ("iris", "MlflowCodec"),
        "/models/iris/predict": ("iris", "PredictCodec"),
        "/models/iris/versions/1/predict": ("iris", "PredictCodec"),
        "/v2/models/iris/infer": ("iris", "TensorCodec"),
        "/v2/models/iris/versions/1/infer": ("iris", "TensorCodec"),
        "/models/pair/predict": ("pair", "NoRowsCodec"),
        "/models/pair/versions/1/predict": ("pair", "NoRowsCodec"),
        "/models/pair/versions/2/predict": ("pair", "NoRowsCodec"),
        "/v2/models/pair/infer": ("pair", "TensorCodec"),
        "/v2/models/pair/versions/1/infer": ("pair", "TensorCodec"),
        "/v2/models/pair/versions/2/infer": ("pair", "TensorCodec"),
    }
    assert all(route.path.encode() == path for path, route in routes.items())
    for path, newest in ((b"/models/pair/predict", b"2"), (b"/v2/models/pair/infer", b"2")):
        prefix, _, last = path.rpartition(b"/")
        assert routes[path].batcher is routes[b"%b/versions/%b/%b" % (prefix, newest, last)].batcher
    assert {route.timed for path, route in routes.items() if path.startswith(b"/v2")} == {True}
    assert {route.timed for path, route in routes.items() if not path.startswith(b"/v2")} == {False}
    endpoints.close()


@in_loop
async def test_a_route_is_found_by_name_and_version_or_is_the_defaults(tmp_path: Path) -> None:
    endpoints = opened(tmp_path)
    find = endpoints.serving.find
    batcher = find("predict").batcher
    assert batcher.name == "iris"
    assert {find("mlflow").batcher, find("v2", "iris", "1").batcher, find("predict", "iris").batcher} == {batcher}
    for arguments in (("nobody",), ("iris", "2")):
        with pytest.raises(ServerError) as caught:
            find("predict", *arguments)
        assert caught.value.code == "not_found"
    endpoints.close()


@in_loop
async def test_a_model_that_pads_texts_has_its_runs_cut_and_no_other_has(tmp_path: Path) -> None:
    repository = load(tmp_path, {"words": models.words(), "iris": models.classifier()}, Settings())
    endpoints = Endpoints(repository, Settings(), Scoreboard(1, 2), 1)
    endpoints.open(0)
    wrapped = {name: type(endpoints.serving.find("v2", name).batcher._runtime) for name in ("words", "iris")}
    assert wrapped == {"words": PaddedRuns, "iris": Runtime}
    endpoints.close()
