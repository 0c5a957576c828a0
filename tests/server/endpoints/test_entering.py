"""`enter` with each codec, without a door, and what Server-Timing says of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import orjson
import pytest

from server.batching.entry import Entry, PiecedAnswer, Timing
from server.codecs.codec import Codec
from server.endpoints.entering import enter, server_timing
from server.endpoints.lifecycle import Endpoints
from server.endpoints.serving import ProtocolName
from server.errors import CODES, Code, ServerError
from server.metrics.scoreboard import Scoreboard
from server.settings import Settings
from tests.support.server import models
from tests.support.server.doors import load
from tests.support.server.rig import in_loop, turns


class Asked(Entry):
    """An entry that keeps what it is answered with."""

    def __init__(self, codec: Codec, headers: Sequence[tuple[bytes, bytes]] = (), arrived: float = 0.0) -> None:
        super().__init__()
        self.arrived = arrived
        self.deadline = float("inf")
        self.request = codec.read_headers(headers)
        self.answers: list[bytes | PiecedAnswer | ServerError] = []

    def answer(self, body: bytes) -> None:
        self.answers.append(body)

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        self.answers.append(answer)

    def refuse(self, error: ServerError) -> None:
        self.answers.append(error)


def opened(folder: Path, **settings: Any) -> Endpoints:
    """The open endpoints of two models."""
    made = {"iris": models.classifier(), "pair": models.plain_two_inputs()}
    repository = load(folder, made, Settings(default_model="iris", **settings))
    endpoints = Endpoints(repository, Settings(default_model="iris", **settings), Scoreboard(1, 3), 1)
    endpoints.open(0)
    return endpoints


def failures(endpoints: Endpoints, code: Code) -> float:
    """How many requests of the default model have failed with a code."""
    counts = endpoints.scoreboard.totals(endpoints.scoreboard.blocks["iris", "1"], "nv_inference_request_failure")
    return counts[CODES.index(code)]


ROWS = [[5.1, 3.5, 1.4, 0.2], [6.9, 3.2, 5.7, 2.3]]
INFER = {"inputs": [{"name": "X", "shape": [2, 4], "datatype": "FP64", "data": ROWS}]}
JSON = [(b"Content-Type", b"application/json")]
# By protocol: headers, a good body, a bad one, and the code of its refusal.
BODIES: dict[ProtocolName, tuple[list[tuple[bytes, bytes]], Any, bytes, Code]] = {
    "predict": (JSON, {"features": ROWS}, b'{"features":[[1]]}', "invalid_input"),
    "mlflow": (JSON, {"inputs": ROWS}, b"{", "bad_json"),
    "v2": ([], INFER, b'{"inputs":[]}', "bad_request"),
}


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("protocol", BODIES)
@in_loop
async def test_every_codec_is_entered_in_one_way(tmp_path: Path, protocol: ProtocolName, timed: bool) -> None:
    endpoints = opened(tmp_path, server_timing=timed)
    route = endpoints.serving.find(protocol)
    headers, body, _, _ = BODIES[protocol]
    entry = Asked(route.codec, headers, arrived=1.0)
    enter(route, entry, orjson.dumps(body))
    assert entry.answers == [], "answered at the end of the turn at the earliest"
    await turns()
    (answer,) = entry.answers
    assert entry.done
    assert isinstance(answer, bytes)
    assert b'"setosa","virginica"' in answer
    assert (entry.decode_seconds > 0.0, entry.arrived > 1.0) == (route.timed, route.timed)
    assert route.timed == (timed or protocol == "v2")
    assert bool(server_timing(entry)) == timed
    endpoints.close()


@pytest.mark.fault(39)
@pytest.mark.parametrize("protocol", ["predict", "v2"])
@in_loop
async def test_what_a_body_becomes_is_weighed_and_refused_where_it_is_too_much(
    tmp_path: Path, protocol: ProtocolName
) -> None:
    """A byte may become eight; and a body that is not easy waits."""
    endpoints = opened(tmp_path)
    route = endpoints.serving.find(protocol)
    rows = [[0, 0, 0, 0]] * 1000
    flat = {"name": "X", "shape": [1000, 4], "datatype": "INT8", "data": [0] * 4000}
    body = orjson.dumps({"features": rows} if protocol == "predict" else {"inputs": [flat]})
    for room, code in ((32_000, None), (31_999, "overloaded")):
        entry = Asked(route.codec, BODIES[protocol][0])
        weighed: list[int] = []

        def weigh(size: int, weighed: list[int] = weighed, room: int = room) -> None:
            weighed.append(size)
            if size > room:
                raise ServerError("overloaded", "too much")

        entry.weigh = weigh  # type: ignore[method-assign]
        enter(route, entry, body)
        await turns()
        assert weighed == [32_000]
        (answer,) = entry.answers
        assert (answer.code if isinstance(answer, ServerError) else None) == code
    assert failures(endpoints, "overloaded") == 1.0
    endpoints.close()


@pytest.mark.parametrize("protocol", BODIES)
@in_loop
async def test_a_body_that_does_not_decode_is_refused_and_counted_once(tmp_path: Path, protocol: ProtocolName) -> None:
    endpoints = opened(tmp_path)
    route = endpoints.serving.find(protocol)
    headers, _, body, code = BODIES[protocol]
    entry = Asked(route.codec, headers)
    enter(route, entry, body)
    (error,) = entry.answers
    assert isinstance(error, ServerError)
    assert error.code == code
    assert failures(endpoints, code) == 1.0
    await turns()
    assert len(entry.answers) == 1
    assert endpoints.scoreboard.totals(0, "nv_inference_exec_count") == [0.0]
    endpoints.close()


def test_server_timing_has_the_stages_in_milliseconds_and_the_rows_of_the_batch() -> None:
    entry = Entry()
    assert server_timing(entry) == ""
    entry.decode_seconds = 0.001
    entry.timing = Timing(queue=0.25, run=0.0005, ended=monotonic(), rows=7)
    parse, queue, run, encode, batch = server_timing(entry).split(", ")
    assert (parse, queue, run, batch) == ("parse;dur=1.000", "queue;dur=250.000", "run;dur=0.500", "batch;desc=7")
    assert re.fullmatch(r"encode;dur=[0-9]+\.[0-9]{3}", encode)
