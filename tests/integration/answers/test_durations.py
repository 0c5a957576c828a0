"""How long requests took: each is counted once, under its model, route and class of status, by both doors alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.server import models
from tests.support.server.doors import DOORS, ROW, Door, get, open_door, post

V2_ROW = b'{"inputs":[{"name":"sepal length (cm)","shape":[1],"datatype":"FP64","data":[1]}]}'
MODEL = ("iris", "1")


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door(request.param, tmp_path_factory.mktemp("m"), {"iris": models.classifier()}) as opened:
        yield opened


def counted(door: Door) -> tuple[Counter[tuple[str, ...]], dict[tuple[str, ...], float]]:
    """How many requests of each model, route and class; and their seconds."""
    counts: Counter[tuple[str, ...]] = Counter()
    seconds: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(door.ask(get("/metrics")).body.decode()):
        for sample in family.samples:
            if not family.name.endswith("request_seconds"):
                continue
            labels = sample.labels
            own = MODEL if "model" in labels else ()
            assert own == () or own == (labels["model"], labels["version"])
            key = (*own, labels["route"], labels["status"])
            if sample.name.endswith("_count"):
                counts[key] = int(sample.value)
            elif sample.name.endswith("_sum"):
                seconds[key] = sample.value
    return counts, seconds


REQUESTS = {
    "one row": (post(ROW), (*MODEL, "predict", "2xx")),
    "by name": (post(ROW, "/models/iris/predict"), (*MODEL, "predict", "2xx")),
    "many rows": (post(b'{"features":[' + b",".join([b"[5.1,3.5,1.4,0.2]"] * 3) + b"]}"), (*MODEL, "predict", "2xx")),
    "an origin": (post(ROW, "/predict", b"Origin: http://a"), (*MODEL, "predict", "2xx")),
    "wrong input": (post(b"{}"), (*MODEL, "predict", "4xx")),
    "wrong input, cold": (post(b"{}", "/predict", b"Origin: http://a"), (*MODEL, "predict", "4xx")),
    "wrong encoding": (post(ROW, "/predict", b"Content-Encoding: br"), (*MODEL, "predict", "4xx")),
    "mlflow": (
        post(b'{"inputs":[[5.1,3.5,1.4,0.2]]}', "/invocations"),
        (*MODEL, "invocations", "2xx"),
    ),
    "wrong mlflow": (post(b"{}", "/invocations"), (*MODEL, "invocations", "4xx")),
    "wrong v2": (post(b"{}", "/v2/models/iris/infer"), (*MODEL, "infer", "4xx")),
    "no such model": (post(ROW, "/models/irs/predict"), ("none", "4xx")),
    "no such path": (get("/nowhere"), ("none", "4xx")),
    "no such method": (get("/models", "DELETE"), ("models", "4xx")),
    "a read": (get("/models/iris"), ("models", "2xx")),
    "a HEAD": (get("/models", "HEAD"), ("models", "2xx")),
    "a read of v2": (get("/v2/models/iris"), ("v2", "2xx")),
    "no such read": (get("/models/irs"), ("models", "4xx")),
    "health": (get("/health"), ("operations", "2xx")),
    "a page": (get("/"), ("pages", "2xx")),
    "control": (post(b"{}", "/v2/repository/models/iris/load"), ("repository", "5xx")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_each_request_is_counted_once(door: Door, name: str) -> None:
    data, key = REQUESTS[name]
    before, seconds_before = counted(door)
    for _ in range(3):
        door.ask(data, head_only=name == "a HEAD")
    after, seconds = counted(door)
    added = after - before
    added[("operations", "2xx")] -= 1  # the first scrape, told by the second
    assert +added == {key: 3}
    assert seconds[key] >= seconds_before.get(key, 0.0)
    assert seconds[key] < 60 * after[key]


@pytest.mark.parametrize("number", DOORS)
def test_what_is_answered_again_or_joins_an_equal_one_is_counted_too(number: str, tmp_path: Path) -> None:
    caching = {"CACHE_BYTES": "1000000", "CACHE_MODELS": "iris=on"}
    with open_door(number, tmp_path, {"iris": models.classifier()}, **caching) as door:
        for extra in (b"", b"Origin: http://a"):
            for _ in range(3):
                door.ask(post(ROW, "/predict", *filter(None, [extra])))
        client = door.connect()
        client.send(post(b'{"features":[1,2,3,4]}') * 20)
        assert {client.read().status for _ in range(20)} == {200}
        client.close()
        assert counted(door)[0][(*MODEL, "predict", "2xx")] == 26


def test_many_requests_of_one_batch_are_each_counted(door: Door) -> None:
    before, _ = counted(door)
    client = door.connect()
    try:
        client.send(post(ROW) * 40)
        assert {client.read().status for _ in range(40)} == {200}
    finally:
        client.close()
    after, _ = counted(door)
    assert after[(*MODEL, "predict", "2xx")] - before[(*MODEL, "predict", "2xx")] == 40
