"""Requests that wait together: none harms another, none is answered by halves; rows 26 to 30 and 33."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import TensorProto, helper

from tests.support.integration.targets import Target
from tests.support.server import models, tensors, v2
from tests.support.server.doors import ROW, Reply, get, post
from tests.support.server.models import Made, Value, onnx_file

YEAR_MS = 365 * 86_400_000


def one_row_less() -> Made:
    """float32 ``[rows, 2]`` without its first row."""
    nodes = [helper.make_node("Slice", ["X", "start", "end"], ["Y"])]
    constants = {"start": np.array([1]), "end": np.array([10**9])}
    outputs: Sequence[Value] = [("Y", TensorProto.FLOAT, ["M", 2])]
    return Made(onnx_file(nodes, [("X", TensorProto.FLOAT, ["N", 2])], outputs, constants), None, None, None)


MODELS = {
    "iris": models.classifier,
    "diabetes": models.regressor,
    "lookup": models.table_lookup,
    "mixing": models.row_mixing,
    "words": tensors.words,
    "wide": tensors.wide,
    "summed": tensors.summed,
    "less": one_row_less,
}
SETTINGS = {"DEFAULT_MODEL": "iris", "MAX_BATCH_ROWS": "8"}
GOLDEN = post(ROW)


def together(target: Target, *requests: bytes) -> list[Reply]:
    """The answers to requests that come in one piece on one connection, and so in one turn of the loop."""
    client = target.connect().send(b"".join(requests))
    try:
        return [client.read() for _ in requests]
    finally:
        client.close()


def lookup(*numbers: int) -> bytes:
    return post(orjson.dumps({"features": [[number] for number in numbers]}), "/models/lookup/predict")


@pytest.mark.fault(26)
@pytest.mark.parametrize("place", [0, 13, 31])
def test_a_request_that_fails_in_the_run_fails_alone(target: Target, place: int) -> None:
    answers = together(target, *[lookup(10**6 if number == place else number) for number in range(32)])
    wanted = [target.ask(lookup(number)).body for number in range(32)]
    assert [answer.body for at, answer in enumerate(answers) if at != place] == [
        body for at, body in enumerate(wanted) if at != place
    ]
    assert (answers[place].status, orjson.loads(answers[place].body)["code"]) == (500, "model_error")


@pytest.mark.fault(27)
def test_what_differs_in_anything_is_answered_as_if_alone(target: Target) -> None:
    row = orjson.loads(target.ask(get("/models/diabetes")).body)["example"]
    x = np.array([[5.1, 3.5, 1.4, 0.2]])
    requests = [
        GOLDEN,
        post(b'{"features":[[5.1,3.5,1.4,0.2]],"probabilities":true}'),
        post(ROW, "/models/iris/versions/1/predict"),
        post(orjson.dumps({"features": row}), "/models/diabetes/predict"),
        post(b'{"instances":[[5.1,3.5,1.4,0.2]]}', "/invocations"),
        v2.Request({"X": x}).post("iris"),
        v2.Request({"X": x}, outputs=[{"name": "label"}]).post("iris"),
        v2.Request({"X": np.repeat(x, 3, 0)}).post("iris"),
        v2.Request({"X": x.astype(np.float32)}).post("iris"),
        v2.Request({"X": np.ones((2, 50), np.float32)}).post("wide"),
        v2.Request({"W": np.array([["yes", "no"]], np.object_)}, False).post("words"),
        v2.Request({"W": np.array([["a" * 900, "no"]], np.object_)}).post("words"),
    ]
    alone = [target.ask(request).masked for request in requests]
    assert [answer.masked for answer in together(target, *requests * 3)] == alone * 3


@pytest.mark.fault(28)
def test_a_large_request_is_whole_and_in_order(target: Target) -> None:
    numbers = list(range(99))
    large, small, by_tensor = together(
        target, lookup(*numbers), lookup(7), v2.Request({"X": np.array([[n] for n in numbers])}).post("lookup")
    )
    wanted = [orjson.loads(target.ask(lookup(number)).body)["outputs"]["Y"][0] for number in numbers]
    assert orjson.loads(large.body)["outputs"]["Y"] == wanted
    assert orjson.loads(small.body)["outputs"]["Y"] == [wanted[7]]
    (values,) = v2.read(by_tensor)[1].values()
    assert values.tolist() == wanted
    failed = target.ask(lookup(*numbers[:60], 10**6, *numbers[60:]))
    assert (failed.status, orjson.loads(failed.body)["code"]) == (500, "model_error")


@pytest.mark.fault(29)
def test_rows_that_mix_are_never_batched(target: Target) -> None:
    assert orjson.loads(target.ask(get("/models/mixing")).body)["batched"] is False
    assert orjson.loads(target.ask(get("/models/iris")).body)["batched"] is True
    requests = [post(b'{"features":[%d,%d]}' % (number, number), "/models/mixing/predict") for number in range(9)]
    for answer in together(target, *requests):
        assert orjson.loads(answer.body)["outputs"]["Y"] == [0.0, 0.0]


@pytest.mark.fault(30)
@pytest.mark.parametrize("model", ["less", "summed"])
def test_a_model_without_an_answer_for_each_row_shifts_none(target: Target, model: str) -> None:
    assert orjson.loads(target.ask(get(f"/models/{model}")).body)["batched"] is False
    rows = [b'{"features":[1,2]}', b'{"features":[[1,2],[3,4],[5,6]]}', b'{"features":[7,8]}']
    for answer in together(target, *[post(body, f"/models/{model}/predict") for body in rows]):
        assert (answer.status, orjson.loads(answer.body)["code"]) == (500, "model_error")
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    wanted: dict[str, Any] = {"less": x[1:].tolist(), "summed": float(x.sum())}
    for answer in together(target, *[v2.Request({"X": x}).post(model)] * 3):
        (got,) = v2.read(answer)[1].values()
        assert got.tolist() == wanted[model]


@pytest.mark.fault(33)
@pytest.mark.parametrize("off", [-10 * YEAR_MS, -3_600_000, 3_600_000, 10 * YEAR_MS])
def test_a_routers_clock_that_is_far_off_is_not_believed(target: Target, off: int) -> None:
    now = 1_796_000_000_000
    answer = target.ask(post(ROW, "/predict", b"X-Request-Start: %d" % (now + off)))
    assert answer.masked == target.ask(GOLDEN).masked
