"""Whatever a client sends to whatever route, behind either door: no failure of ours, and little of it comes back.

The requests are made by a seeded generator: routes, methods, media types, codings, and bodies that are right but for a
few pieces.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import random
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.support.server.doors import Client, Door, Reply, open_door
from tests.support.server.models import classifier, mixed, plain, transformer

REQUESTS = 1500
MAX_QUOTED = 64
REFUSED = {501, 503, 504}  # of those from 500 on, what a client's bytes may bring
MARK = "Q"
CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
NAMES = ["iris", "mixed", "plain", "wide", "nobody", MARK * 80, "%1b%7f%c2%9b", "..", "stats", "%ff", "a" * 300]
PATHS = [
    *("/predict", "/invocations", "/health", "/ping", "/version", "/metrics", "/models", "/", "/docs", "/openapi.json"),
    *("/models/{}", "/models/{}/predict", "/models/{}/versions/{}", "/models/{}/versions/{}/predict"),
    *("/v2", "/v2/models/{}", "/v2/models/{}/infer", "/v2/models/{}/versions/{}/infer", "/v2/models/{}/ready"),
    *("/v2/models/{}/config", "/v2/models/{}/stats", "/v2/repository/index", "/v2/repository/models/{}/load"),
    *("/v2/repository/models/{}/unload", "/v2/logging", "/v2/cudasharedmemory/{}", "/nowhere/{}"),
]
PREDICTING = ["/predict", "/invocations", *("/models/{}/predict", "/v2/models/{}/infer")]
LONG = MARK * 200
ODD = ["\x7f", "\x9b31m", "\u2028", "\u202e", LONG, "\x7f" * 90, "é" * 90, "\U0001f600" * 90, "", "\\", '"', "\0"]
VALUES: list[object] = [
    *(1, 0, -1, 1.5, 1e308, 2**53 + 1, 2**63, 10**25, True, None, [], {}, [[]], [1, 2, 3, 4], "x", *ODD),
    *([[1, 2, 3, 4]] * 3, {LONG: LONG}, {"\x7f": "\x9b"}, [LONG], [["\x7f"]], [1, [2, [3]]], "FP64", "X"),
]
BODIES: list[object] = [
    {"features": [5.1, 3.5, 1.4, 0.2]},
    {"features": [[5.1, 3.5, 1.4, 0.2]] * 2, "probabilities": True},
    {"dataframe_split": {"columns": ["a", "b"], "index": [0], "data": [[1, 2]]}},
    {"dataframe_records": [{"a": 1}]},
    {"instances": [[1, 2, 3, 4]]},
    {"inputs": {"X": [[1, 2, 3, 4]]}, "params": {}},
    {
        "id": "a",
        "parameters": {"timeout": 100000, "binary_data_output": True},
        "inputs": [{"name": "X", "datatype": "FP64", "shape": [1, 4], "data": [1, 2, 3, 4], "parameters": {}}],
        "outputs": [{"name": "label", "parameters": {"classification": 1, "binary_data": True}}],
    },
    {
        "inputs": [{"name": "X", "datatype": "FP64", "shape": [1, 4], "parameters": {"binary_data_size": 32}}],
        "outputs": [{"name": "probabilities"}],
    },
    {"ready": True, "parameters": {"config": "x"}},
]
CSV = [
    "a,b\n1,2\n",
    f"{LONG},\x7f\n1,2\n",
    '"a\n',
    "a,b\n\x7f,\x9b\n",
    "\x00\n",
    "a;b\n1;2",
    f"a,b\n{LONG},2\n",
    "\ufeff",
]
MEDIA = ["application/json", "text/csv", "application/octet-stream", "", LONG, "text/csv; charset=utf-16", "a/b;\x9b"]


def altered(value: object, chance: random.Random) -> object:
    """A JSON value with some piece of it replaced, taken out or named otherwise."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        made = dict(value)
        key = chance.choice(list(made))
        what = chance.random()
        if what < 0.7:
            made[key] = altered(made[key], chance)
        elif what < 0.85:
            del made[key]
        else:
            made[chance.choice([LONG, "\x7f", "\x9b" * 80, "features", "name", "data"])] = made[key]
        return made
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        return [*value[:at], altered(value[at], chance), *value[at + (chance.random() < 0.9) :]]
    return chance.choice(VALUES)


def body_of(path: str, chance: random.Random) -> bytes:
    """A body, mostly one of the route's protocol: right, altered or damaged, with binary data or without."""
    what = chance.random()
    if what < (0.3 if path == "/invocations" else 0.03):
        return chance.choice(CSV).encode()
    if what > 0.95:
        return chance.choice([b"", b"{", b"\xff", b"[" * 2000, chance.randbytes(200), b"NaN", b'{"features":NaN}'])
    own = BODIES[2:6] if path == "/invocations" else BODIES[6:8] if "/v2/" in path else BODIES[:2]
    value = chance.choice(own if chance.random() < 0.9 else BODIES)
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        value = altered(value, chance)
    try:
        text = orjson.dumps(value)
    except TypeError:  # a whole number that JSON's writer does not take
        text = repr(value).replace("'", '"').encode(errors="replace")
    if chance.random() < 0.2:
        text = text.replace(b'"', chance.choice([b"", b"'", b'"\x7f']), 1)
    return text + chance.choice([b"", b"", b"", bytes(32), chance.randbytes(31)])


def request(chance: random.Random) -> bytes:
    """A whole request. Its framing is right: what parsers do with other framing has a table of its own."""
    predicts = chance.random() < 0.8
    path = chance.choice(PREDICTING if predicts else PATHS)
    path = path.format(*(chance.choice(NAMES if number or chance.random() < 0.3 else NAMES[:4]) for number in range(2)))
    body = body_of(path, chance)
    media = MEDIA[not body.startswith(b"{") and path == "/invocations"]
    lines = [b"Host: test", b"Content-Type: " + (media if chance.random() < 0.95 else chance.choice(MEDIA)).encode()]
    if chance.random() < (0.2 if "/v2/" in path else 0.02):
        coding = chance.choice([b"gzip", b"deflate", b"br", b"\x9b", LONG.encode()])
        lines.append(b"Content-Encoding: " + coding)
        body = gzip.compress(body) if coding == b"gzip" else zlib.compress(body) if coding == b"deflate" else body
    if b"binary_data_size" in body or chance.random() < 0.05:
        length = chance.choice([body.rfind(b"}") + 1, 0, 7, len(body), 10**17])
        lines.append(b"Inference-Header-Content-Length: %d" % length)
    if chance.random() < 0.1:
        lines.append(chance.choice([b"Accept-Encoding: gzip", b"X-Request-Id: \x9b" + LONG.encode(), b"Origin: a"]))
    method = "POST" if predicts else chance.choice(["POST", "GET", "GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
    start = f"{method} {path} HTTP/1.1\r\n".encode()
    return start + b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def requests(seed: int, count: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    return (request(chance) for _ in range(count))


def check(answer: Reply, sent: bytes) -> None:
    """That an answer is one of ours, and gives back little."""
    assert answer.status < 500 or answer.status in REFUSED, sent
    assert re.fullmatch("[a-z0-9-]{1,64}", answer.headers["x-request-id"]), sent
    assert MARK.lower() * (MAX_QUOTED + 1) not in str(answer.headers), sent
    if answer.status < 400:
        return
    error = orjson.loads(answer.body)
    assert set(error) == {"error", "code", "request_id"}, sent
    assert not CONTROLS.search(error["error"]), sent
    for quoted in (MARK, "é", "\U0001f600", "a"):
        assert quoted * (MAX_QUOTED + 1) not in error["error"], sent


def ask_each(door: Door, seed: int, count: int) -> None:
    with contextlib.ExitStack() as stack:
        client: Client | None = None
        for sent in requests(seed, count):
            if client is None:
                client = door.connect()
                stack.callback(client.close)
            answer = client.send(sent).read()
            check(answer, sent)
            if answer.headers.get("connection") == "close":
                client = None


@pytest.fixture(scope="module", params=["one", "two"])
def any_door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    models = {"iris": classifier(), "mixed": mixed(), "plain": plain(), "wide": transformer()}
    folder: Path = tmp_path_factory.mktemp("models")
    with open_door(request.param, folder, models, DEFAULT_MODEL="iris") as door:
        yield door


@pytest.mark.fault(19)
@pytest.mark.parametrize("seed", range(1))
def test_any_request_is_answered_or_refused_in_few_words(
    any_door: Door, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        ask_each(any_door, seed, REQUESTS)
    assert not [record for record in caplog.records if record.exc_info]
