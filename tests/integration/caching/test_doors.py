"""What clients see of answers that are given again, at both doors: the same bytes, and a word in Server-Timing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.codecs.slices import LARGE_BYTES
from tests.support.server import models
from tests.support.server.doors import DOORS, Door, Reply, get, open_door, post

SERVED = {"iris": models.classifier, "mixed": models.mixed, "lookup": models.table_lookup}
ALWAYS = ",".join(f"{name}=on" for name in SERVED)
INFER = "/v2/models/iris/infer"
V2: dict[str, Any] = {"inputs": [{"name": "X", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}]}
MLFLOW = {"dataframe_split": {"data": [[5.1, 3.5, 1.4, 0.2]]}}


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = {name: make() for name, make in SERVED.items()}
    settings = {"DEFAULT_MODEL": "iris", "CACHE_BYTES": "1000000", "CACHE_MODELS": ALWAYS}
    with open_door(request.param, tmp_path_factory.mktemp("m"), made, **settings) as opened:
        yield opened


def looked(door: Door, model: str = "iris") -> tuple[int, int]:
    """The hits and misses of a model so far, as v2's statistics have them."""
    stats = orjson.loads(door.ask(get(f"/v2/models/{model}/stats")).body)["model_stats"][0]["inference_stats"]
    return stats["cache_hit"]["count"], stats["cache_miss"]["count"]


def row(number: int) -> list[float]:
    return [float(number), 3.5, 1.4, 0.2]


def asked(door: Door, *requests: bytes, model: str = "iris") -> tuple[list[Reply], tuple[int, int]]:
    """The answers on one connection, one after the other, and how many were hits and misses."""
    before = looked(door, model)
    client = door.connect()
    replies = [client.send(request).read() for request in requests]
    client.close()
    after = looked(door, model)
    return replies, (after[0] - before[0], after[1] - before[1])


def test_the_same_bytes_come_again(door: Door) -> None:
    request = post(orjson.dumps({"features": row(1)}))
    replies, counted = asked(door, *[request] * 4)
    assert len({reply.masked for reply in replies}) == 1
    assert len({reply.headers["x-request-id"] for reply in replies}) == 4
    assert counted == (3, 1)


def test_rows_as_lists_and_by_name_are_one_question(door: Door) -> None:
    names = [feature["name"] for feature in orjson.loads(door.ask(get("/models/iris")).body)["features"]]
    named = dict(zip(names, row(2), strict=True))
    backwards = dict(reversed(named.items()))
    whole = [2, 3.5, 1.40, 2e-1]
    bodies = [{"features": features} for features in (row(2), named, backwards, whole, named)]
    replies, counted = asked(door, *[post(orjson.dumps(body)) for body in bodies])
    assert len({reply.masked for reply in replies}) == 1
    assert counted == (4, 1)


def test_what_is_missing_is_one_thing_and_zero_two(door: Door) -> None:
    def request(age: str, plan: str = '"gold"') -> bytes:
        return post(b'{"features":["Bern",%b,%b,3,true]}' % (plan.encode(), age.encode()), "/models/mixed/predict")

    asks = [request("null"), request("null"), request("0.0"), request("-0.0"), request("0"), request("1", "null")]
    _, counted = asked(door, *asks, model="mixed")
    assert counted == (2, 4)


def test_other_forms_and_wishes_are_other_questions(door: Door) -> None:
    bodies: list[dict[str, Any]] = [
        {"features": row(3)},
        {"features": [row(3)]},
        {"features": [row(3), row(3)]},
        {"features": row(3), "probabilities": True},
    ]
    replies, counted = asked(door, *[post(orjson.dumps(body)) for body in bodies])
    assert len({reply.body for reply in replies}) == 4
    assert counted == (0, 4)


@pytest.mark.parametrize("directive", [b"no-store", b"No-Cache, NO-STORE", b"max-age=0 , no-store"])
def test_no_store_passes_by(door: Door, directive: bytes) -> None:
    body = orjson.dumps({"features": [*row(4)[:3], len(directive)]})
    fresh = post(body, "/predict", b"Cache-Control: " + directive)
    replies, counted = asked(door, fresh, fresh, fresh)
    assert counted == (0, 0)
    usual, counted = asked(door, post(body), fresh, post(body), fresh)
    assert counted == (1, 1)
    assert len({reply.masked for reply in [*replies, *usual]}) == 1


def test_other_directives_do_not(door: Door) -> None:
    body = orjson.dumps({"features": row(5)})
    asks = [post(body, "/predict", b"Cache-Control: " + said) for said in (b"max-age=0", b"x-no-store", b"no-storey")]
    assert asked(door, *asks)[1] == (2, 1)


def test_a_large_body_is_asked_each_time(door: Door) -> None:
    rows = [[5.1, 3.5, 1.4, number / 10_000] for number in range(1000)]
    body = orjson.dumps({"features": rows})
    assert len(body) > LARGE_BYTES
    replies, counted = asked(door, post(body), post(body))
    assert counted == (0, 0)
    assert replies[0].masked == replies[1].masked


def test_questions_are_looked_for_again_once_enough_went_by(door: Door) -> None:
    cache = door.app.endpoints.serving._caches["iris", "1"]
    cache.looks, cache.rest = False, 2
    request = post(orjson.dumps({"features": row(9)}))
    assert asked(door, request)[1] == (0, 0)
    assert asked(door, request, request, request)[1] == (1, 1)


def test_every_protocol_gives_answers_again(door: Door) -> None:
    v2, mlflow = post(orjson.dumps(V2), INFER), post(orjson.dumps(MLFLOW), "/invocations")
    for request in (v2, mlflow):
        replies, counted = asked(door, request, request)
        assert counted == (1, 1)
        assert len({reply.masked for reply in replies}) == 1


def test_v2_ids_come_back_from_a_hit_too(door: Door) -> None:
    data = {**V2["inputs"][0], "data": row(6)}
    for parameters in ({}, {"parameters": {"binary_data_output": True}}):
        requests = [post(orjson.dumps({"id": name, "inputs": [data], **parameters}), INFER) for name in ("a", "bcd")]
        replies, counted = asked(door, *requests)
        assert counted == (1, 1)
        for name, reply in zip(("a", "bcd"), replies, strict=True):
            length = int(reply.headers.get("inference-header-content-length", len(reply.body)))
            assert orjson.loads(reply.body[:length])["id"] == name
        assert replies[0].body.replace(b'"id":"a"', b'"id":"bcd"') == replies[1].body


def test_packed_answers_are_given_again(door: Door) -> None:
    bodies = [orjson.dumps({"id": name, "inputs": [{**V2["inputs"][0], "data": row(7)}]}) for name in "aab"]
    replies, counted = asked(door, *[post(body, INFER, b"Accept-Encoding: gzip") for body in bodies])
    assert counted == (1, 2)
    assert replies[0].masked == replies[1].masked != replies[2].masked


def test_errors_and_refusals_are_made_each_time(door: Door) -> None:
    beyond = post(b'{"features":[1000]}', "/models/lookup/predict")
    for request, status, misses in ((beyond, 500, 2), (post(b'{"features":[true]}', "/models/lookup/predict"), 422, 0)):
        replies, counted = asked(door, request, request, model="lookup")
        assert [reply.status for reply in replies] == [status, status]
        assert counted == (0, misses)


def test_the_page_of_a_model_says_so(door: Door) -> None:
    described = orjson.loads(door.ask(get("/models/iris")).body)
    assert (described["cached"], described["not_cached_because"]) == (True, None)


def test_metrics_have_tritons_names(door: Door) -> None:
    request = post(orjson.dumps({"features": row(8)}))
    asked(door, request, request)
    text = door.ask(get("/metrics")).body.decode()
    for what in ("num_hits", "num_misses", "hit_duration", "miss_duration"):
        found = re.search(rf'^nv_cache_{what}_per_model{{model="iris",version="1"}} (\S+)$', text, re.MULTILINE)
        assert found is not None
        assert float(found[1]) > 0


@pytest.mark.parametrize("name", DOORS)
def test_server_timing_tells_a_hit_and_nothing_else_does(name: str, tmp_path: Path) -> None:
    settings = {"CACHE_BYTES": "1000000", "SERVER_TIMING": "1", "CACHE_MODELS": "iris=on"}
    with open_door(name, tmp_path, {"iris": models.classifier()}, **settings) as door:
        request = post(orjson.dumps({"features": row(1)}))
        replies, _ = asked(door, *[request] * 3)
        timings = [reply.headers.pop("server-timing") for reply in replies]
        assert ["cache;desc=hit" in timing for timing in timings] == [False, True, True]
        assert re.fullmatch(r"parse;dur=[\d.]+, encode;dur=[\d.]+, cache;desc=hit", timings[1])
        left = [{**reply.headers, "x-request-id": "", "date": ""} for reply in replies]
        assert left[0] == left[1] == left[2]
        assert replies[0].body == replies[1].body == replies[2].body


def test_a_model_that_is_not_cached_says_why(tmp_path: Path) -> None:
    made = {"iris": models.classifier()}
    for number, (settings, reason) in enumerate(
        (
            ({}, "DYNONNX_CACHE_BYTES is 0"),
            ({"CACHE_BYTES": "1000000", "CACHE_MODELS": "other=on, iris=off"}, "DYNONNX_CACHE_MODELS says so"),
        )
    ):
        folder = tmp_path / str(number)
        with open_door("two", folder, made, **settings) as door:
            described = orjson.loads(door.ask(get("/models/iris")).body)
            assert (described["cached"], described["not_cached_because"]) == (False, reason)
            request = post(orjson.dumps({"features": row(1)}))
            assert asked(door, request, request)[1] == (0, 0)
