"""Routes that only door one answers, behind both: MLflow's protocol, its pings, its limits and its errors."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from sklearn.datasets import load_iris

from server import __version__
from server.artefact.metadata import to_metadata
from server.endpoints.portions import PORTION_BYTES
from tests.support.server import models
from tests.support.server.doors import DOORS, Door, Reply, get, open_door
from tests.support.server.models import mixed, with_metadata

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.9, 3.2, 5.7, 2.3]]
CSV = b"0,1,2,3\n5.1,3.5,1.4,0.2\n6.9,3.2,5.7,2.3\n"
SETTINGS = {"DEFAULT_MODEL": "iris", "MAX_ROWS": "50", "MAX_BODY_BYTES": "5000"}


def invocation(body: bytes, *headers: bytes) -> bytes:
    """A request to score ``body``."""
    lines = [b"POST /invocations HTTP/1.1", b"Host: test", b"Content-Length: %d" % len(body)]
    return b"\r\n".join([*lines, *headers, b"", b""]) + body


@pytest.fixture(scope="module", params=DOORS)
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    made = {"iris": models.classifier(), "pair": models.plain_two_inputs()}
    with open_door(request.param, tmp_path_factory.mktemp("m"), made, SERVER_TIMING="1", **SETTINGS) as opened:
        yield opened


def code_of(reply: Reply) -> tuple[int, str]:
    """Status and code of an error, which has the envelope of all."""
    error = orjson.loads(reply.body)
    assert set(error) == {"error", "code", "request_id"}
    assert error["request_id"] == reply.headers["x-request-id"]
    return reply.status, error["code"]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (orjson.dumps({"inputs": ROWS}), []),
        (orjson.dumps({"inputs": ROWS}), [b"Content-Type: application/json"]),
        (orjson.dumps({"dataframe_split": {"data": ROWS}}), [b"Content-Type: application/json; charset=utf-8"]),
        (CSV, [b"Content-Type: text/csv"]),
        (CSV, [b"Content-Type: text/csv;charset=UTF-8", b"Accept: text/csv"]),
    ],
)
def test_invocations(door: Door, body: bytes, headers: list[bytes]) -> None:
    reply = door.ask(invocation(body, *headers, b"X-Request-ID: mine"))
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert orjson.loads(reply.body) == {"predictions": ["setosa", "virginica"]}
    assert reply.headers["x-request-id"] == "mine"
    assert "run;dur=" in reply.headers["server-timing"]


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", [], (400, "bad_json")),
        (b'a,"b', [b"Content-Type: text/csv"], (400, "bad_request")),
        (b"a,\xff\n1,2", [b"Content-Type: text/csv"], (400, "bad_request")),
        (orjson.dumps({"inputs": [[1]]}), [], (422, "invalid_input")),
        (b"0,1,2,3\n1,2,3,x", [b"Content-Type: text/csv"], (422, "invalid_input")),
        (orjson.dumps({"inputs": ROWS * 26}), [], (413, "too_many_rows")),
        (b"0,1,2,3\n" + b"1,2,3,4\n" * 51, [b"Content-Type: text/csv"], (413, "too_many_rows")),
        (b"0" * 5001, [], (413, "body_too_large")),
        (CSV, [b"Content-Type: text/plain"], (415, "unsupported_media_type")),
        (CSV, [b"Content-Type: application/json; format=pandas-split"], (415, "unsupported_media_type")),
        (CSV, [b"Content-Type: text/csv", b"Content-Encoding: gzip"], (415, "unsupported_media_type")),
    ],
)
def test_refusals(door: Door, body: bytes, headers: list[bytes], code: tuple[int, str]) -> None:
    assert code_of(door.ask(invocation(body, *headers))) == code


def test_what_comes_too_late_is_not_run(door: Door) -> None:
    just, seen = (b"X-Request-Start: %d" % ((time.time() - age) * 1000) for age in (0, 30))
    assert door.ask(invocation(CSV, b"Content-Type: text/csv", just)).status == 200  # so the router's clock is right
    assert code_of(door.ask(invocation(CSV, b"Content-Type: text/csv", seen))) == (504, "deadline_exceeded")


def test_a_large_table_is_served_in_pieces(tmp_path: Path) -> None:
    made = models.classifier()
    rows = load_iris().data
    body = b"0,1,2,3\n" + b"\n".join(b",".join(b"%r" % value for value in row) for row in rows.tolist())
    with open_door("two", tmp_path, {"iris": made}, MAX_BATCH_ROWS="7") as door:
        reply = door.ask(invocation(body, b"Content-Type: text/csv"))
    assert orjson.loads(reply.body) == {"predictions": made.original.predict(rows).tolist()}


@pytest.mark.parametrize("kind", DOORS)
def test_a_description_of_many_values_is_written_in_portions(kind: str, tmp_path: Path) -> None:
    made = mixed()
    assert made.artefact is not None
    city, *others = made.artefact.features
    known = (*{row[0] for row in made.artefact.golden.rows}, *(f"<b>city {number:06d}</b>" for number in range(30_000)))
    features = (replace(city, categories=known), *others)
    data = with_metadata(made.data, to_metadata(replace(made.artefact, features=features)))
    with open_door(kind, tmp_path, {"m": replace(made, data=data)}) as door:
        reply = door.ask(get("/models/m"))
        assert len(reply.body) > 2 * PORTION_BYTES
        assert orjson.loads(reply.body)["features"][0]["categories"] == list(known)
        head = door.ask(get("/models/m").replace(b"GET", b"HEAD", 1), head_only=True)
        assert (head.status, head.headers["content-length"]) == (200, str(len(reply.body)))
        client = door.connect().send(get("/models/m") * 3)
        assert [client.read().body for _ in range(3)] == [reply.body] * 3
        client.close()


def test_refusals_of_a_model_count_as_its_failures(door: Door) -> None:
    line = b'nv_inference_request_failure{model="iris",version="1",reason="invalid_input"}'

    def count() -> float:
        lines = [row for row in door.ask(get("/metrics")).body.splitlines() if row.startswith(line)]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count()
    door.ask(invocation(b'{"inputs": []}'))
    assert count() == before + 1


def test_ping_and_version(door: Door) -> None:
    ping = door.ask(get("/ping"))
    assert (ping.status, orjson.loads(ping.body)) == (200, {"ready": True})
    assert door.ask(get("/health")).status == 200
    version = door.ask(get("/version"))
    assert (version.status, version.body.decode()) == (200, __version__)
    assert version.headers["content-type"].startswith("text/plain")


def test_methods(door: Door) -> None:
    for path, allowed in (("/invocations", "post"), ("/ping", "get"), ("/version", "get")):
        method = "GET" if allowed == "post" else "DELETE"
        reply = door.ask(get(path, method))
        assert code_of(reply) == (405, "method_not_allowed")
        assert reply.headers["allow"] == allowed
    assert door.ask(get("/ping", "HEAD"), head_only=True).status == 200


def ask_alone(folder: Path, made: dict[str, Any], request: bytes, **settings: str) -> Reply:
    """The answer of a server with these models."""
    with open_door("two", folder, made, **settings) as door:
        return door.ask(request)


def test_without_a_model(tmp_path: Path) -> None:
    assert code_of(ask_alone(tmp_path, {}, get("/ping"))) == (503, "model_unavailable")
    assert code_of(ask_alone(tmp_path, {}, invocation(b"{}"))) == (503, "model_unavailable")


def test_only_the_default_model_is_invoked(tmp_path: Path) -> None:
    made = {"iris": models.classifier(), "diabetes": models.regressor()}
    assert code_of(ask_alone(tmp_path, made, invocation(b"{}"))) == (404, "not_found")
    reply = ask_alone(tmp_path, made, invocation(b'{"instances": [[1,2,3,4]]}'), DEFAULT_MODEL="iris")
    assert reply.status == 200


def test_a_model_without_rows_names_v2(tmp_path: Path) -> None:
    reply = ask_alone(tmp_path, {"pair": models.plain_two_inputs()}, invocation(b'{"inputs": [[1]]}'))
    assert code_of(reply) == (422, "invalid_input")
    assert b"v2" in reply.body


def test_keys_guard_invocations_but_not_the_ping(tmp_path: Path) -> None:
    key = "k" * 32
    with open_door("two", tmp_path, {"iris": models.classifier()}, API_KEYS=key) as door:
        assert door.ask(get("/ping")).status == 200
        assert door.ask(get("/version")).status == 401
        assert code_of(door.ask(invocation(CSV, b"Content-Type: text/csv"))) == (401, "unauthorized")
        shown = b"Authorization: Bearer %b" % key.encode()
        assert door.ask(invocation(CSV, b"Content-Type: text/csv", shown)).status == 200
