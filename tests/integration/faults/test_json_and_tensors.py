"""Bodies that are no JSON, no rows or no tensors: refused in our envelope, or answered exactly; rows 13 to 25."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest
from onnx import TensorProto, helper

from tests.support.integration.targets import Target
from tests.support.server import models, tensors, v2
from tests.support.server.doors import ROW, Reply, post
from tests.support.server.models import Made, Value, onnx_file

MAX_BODY_BYTES, MAX_ROWS = 2_500_000, 50
IRIS = [5.1, 3.5, 1.4, 0.2]
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def odd_numbers() -> Made:
    """float64 ``[rows, 1]``: itself, its reciprocal, its square root, a text, and a large whole number beside it."""
    nodes = [
        helper.make_node("Identity", ["X"], ["same"]),
        helper.make_node("Reciprocal", ["X"], ["reciprocal"]),
        helper.make_node("Sqrt", ["X"], ["root"]),
        helper.make_node("Cast", ["X"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["X"], ["whole"], to=TensorProto.INT64),
        helper.make_node("Add", ["whole", "large"], ["beyond"]),
        helper.make_node("Transpose", ["X"], ["turned"]),
        helper.make_node("Transpose", ["turned"], ["back"]),
    ]
    kinds = {"same": 11, "reciprocal": 11, "root": 11, "half": 10, "beyond": 7, "back": 11}
    outputs: Sequence[Value] = [(name, kind, ["N", 1]) for name, kind in kinds.items()]
    constants = {"large": np.array([2**62 + 1])}
    return Made(onnx_file(nodes, [("X", TensorProto.DOUBLE, ["N", 1])], outputs, constants), None, None, None)


MODELS = {
    "iris": models.classifier,
    "mixed": models.mixed,
    "whole": models.whole_numbers,
    "floats": models.plain,
    "types": tensors.every_type,
    "words": tensors.words,
    "odd": odd_numbers,
}
SETTINGS = {"DEFAULT_MODEL": "iris", "MAX_ROWS": str(MAX_ROWS), "MAX_BODY_BYTES": str(MAX_BODY_BYTES)}
GOLDEN = post(ROW)


def refused(answer: Reply, *statuses: int) -> Any:
    """The envelope of a refusal by the client's own fault; nothing of ours or of the body's stands in it."""
    assert answer.status in statuses, answer.body
    said = orjson.loads(answer.body)
    assert set(said) == {"error", "code", "request_id"}
    assert not any(word in said["error"] for word in ("Traceback", "/", "onnxruntime", "numpy", "orjson"))
    assert len(said["error"]) < 400
    return said


def tensor(name: str = "X", datatype: str = "FP64", shape: Any = (1, 4), data: Any = tuple(IRIS)) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def infer(target: Target, model: str, *inputs: Any, **more: Any) -> Reply:
    return target.ask(v2.post(model, json.dumps({"inputs": inputs, **more}).encode()))


def every_way(target: Target, rows: bytes, data: bytes) -> list[Reply]:
    """The same JSON where rows are due, by each protocol."""
    tensors_body = b'{"inputs":[{"name":"X","shape":[1,4],"datatype":"FP64","data":%b}]}' % data
    return [
        target.ask(post(b'{"features":%b}' % rows)),
        target.ask(post(b'{"instances":%b}' % rows, "/invocations")),
        target.ask(v2.post("iris", tensors_body)),
    ]


NO_JSON = {
    "cut off": ROW[:17],
    "empty": b"",
    "followed by more": ROW + b" x",
    "twice": ROW + ROW,
    "with a BOM": BYTE_ORDER_MARK + ROW,
    "UTF-16": ROW.decode().encode("utf-16"),
    "bad UTF-8": b'{"features":["secret\xff"]}',
    "half a surrogate": b'{"features":["secret\\ud800",1,2,3]}',
}


@pytest.mark.fault(13)
@pytest.mark.parametrize("what", NO_JSON)
def test_what_is_no_json_is_told_by_its_place_and_not_echoed(target: Target, what: str) -> None:
    body = NO_JSON[what]
    for request in (post(body), post(body, "/invocations"), v2.post("iris", body)):
        said = refused(target.ask(request), 400)
        assert said["code"] == "bad_json"
        assert not any(part in said["error"] for part in ("features", "secret", "5.1"))


@pytest.mark.fault(14)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "0x10", "01", ".5"])
def test_numbers_that_json_has_not_are_refused(target: Target, number: str) -> None:
    row = b"[%b,3.5,1.4,0.2]" % number.encode()
    for answer in every_way(target, row, row):
        assert refused(answer, 400)["code"] == "bad_json"


@pytest.mark.fault(15)
@pytest.mark.parametrize("depth", [100, 1024, 1025, 250_000])
@pytest.mark.parametrize(("opens", "closes"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_json_is_refused_without_recursion(target: Target, depth: int, opens: bytes, closes: bytes) -> None:
    deep = opens * depth + b"1" + closes * depth
    rows, instances, inputs = every_way(target, deep, deep)
    assert refused(rows, 400)["code"] == "too_deep"
    for answer in (instances, inputs, target.ask(v2.post("iris", b'{"inputs":%b}' % deep))):
        refused(answer, 400, 422)


@pytest.mark.fault(16)
def test_of_equal_keys_the_last_counts_and_a_tensor_twice_is_refused(target: Target) -> None:
    first, golden = b'"features":["x",1,2,3],', target.ask(GOLDEN)
    answer = target.ask(post(ROW.replace(b"{", b"{" + first)))
    assert answer.masked.partition(b"\r\n\r\n")[2] == golden.masked.partition(b"\r\n\r\n")[2]
    wanted = infer(target, "iris", tensor()).body
    own = json.dumps(tensor()).encode()
    for body in (
        b'{"inputs":[],"inputs":[%b]}' % own,
        b'{"inputs":[%b]}' % own.replace(b"{", b'{"data":["x"],"shape":[9,9],', 1),
    ):
        assert target.ask(v2.post("iris", body)).body == wanted
    assert "twice" in refused(infer(target, "iris", tensor(), tensor()), 400)["error"]
    assert "twice" in refused(infer(target, "iris", tensor(), outputs=[{"name": "label"}] * 2), 400)["error"]


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "features"),
        ({"feature": IRIS}, "feature"),
        ({"features": {"sepal length": 1}}, "sepal length (cm)"),
        ({"features": IRIS[:3]}, "petal width (cm)"),
        ({"features": [*IRIS, 1]}, "expected 4 values"),
        ({"features": IRIS, "more": 1}, "more"),
        ([IRIS], "features"),
    ],
)
def test_rows_that_name_other_features_are_told_which(target: Target, body: Any, named: str) -> None:
    said = refused(target.ask(post(orjson.dumps(body))), 422)
    assert said["code"] == "invalid_input"
    assert named in said["error"]


@pytest.mark.fault(17)
@pytest.mark.parametrize(
    ("inputs", "outputs", "named"),
    [
        ([], None, "X"),
        ([tensor("x")], None, "x"),
        ([tensor(), tensor("Z")], None, "Z"),
        ([1], None, "inputs[0]"),
        ([tensor()], [{"name": "no"}], "no"),
        ([tensor()], [{}], "outputs[0]"),
        ([tensor()], {"name": "label"}, "outputs"),
    ],
)
def test_tensors_of_other_names_are_told_which(target: Target, inputs: Any, outputs: Any, named: str) -> None:
    more = {} if outputs is None else {"outputs": outputs}
    said = refused(infer(target, "iris", *inputs, **more), 400)
    assert said["code"] == "bad_request"
    assert named in said["error"]


SHAPES = [
    [4],
    [1, 1, 4],
    [1, 5],
    [2, 4],
    [-1, 4],
    [1, -4],
    [2**63, 4],
    [2**64, 4],
    [2**70, 4],
    [2**62, 2**62],
    [10**12, 4],
    [1.0, 4],
    ["1", 4],
    [True, 4],
    [None, 4],
    4,
    None,
    [[1, 4]],
    [1] * 1000,
]


@pytest.mark.fault(18)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_shape_that_is_not_that_of_the_data_is_refused(target: Target, shape: Any) -> None:
    refused(infer(target, "iris", tensor(shape=shape)), 400, 413)
    head = json.dumps({"inputs": [tensor(shape=shape) | {"parameters": {"binary_data_size": 32}}]})
    head = head.replace(json.dumps(IRIS), "null").replace('"data": null, ', "")
    length = b"Inference-Header-Content-Length: %d" % len(head)
    refused(target.ask(v2.post("iris", head.encode() + bytes(32), length)), 400, 413)


@pytest.mark.fault(18)
@pytest.mark.parametrize("rows", [[IRIS, IRIS[:3]], [[IRIS]], [IRIS, 1], [[], IRIS], [[[[]]]], 1, "x"])
def test_rows_that_are_no_matrix_are_refused(target: Target, rows: Any) -> None:
    refused(target.ask(post(orjson.dumps({"features": rows}))), 422)
    refused(target.ask(post(orjson.dumps({"instances": rows}), "/invocations")), 422)


@pytest.mark.fault(19)
def test_no_rows_and_too_many(target: Target) -> None:
    for request in (post(b'{"features":[]}'), post(b'{"instances":[]}', "/invocations")):
        assert refused(target.ask(request), 422)["code"] == "invalid_input"
    refused(infer(target, "iris", tensor(shape=[0, 4], data=[])), 400)
    many = [IRIS] * (MAX_ROWS + 1)
    for request in (
        post(orjson.dumps({"features": many})),
        post(orjson.dumps({"instances": many}), "/invocations"),
        v2.Request({"X": np.array(many)}).post("iris"),
    ):
        assert refused(target.ask(request), 413)["code"] == "too_many_rows"
    assert target.ask(post(orjson.dumps({"features": many[1:]}))).status == 200


@pytest.mark.fault(20)
@pytest.mark.parametrize("value", [True, None, "1.5", "", {}, [], "nan", {"0": 1}], ids=repr)
def test_what_is_no_number_is_never_made_one(target: Target, value: Any) -> None:
    row = orjson.dumps([value, *IRIS[1:]])
    rows, instances, inputs = every_way(target, row, row)
    for answer in (rows, instances):
        refused(answer, 422)
    refused(inputs, 400)


WHOLE = [2**53 + 1, 2**63 - 1, -(2**63)]
NOT_WHOLE = [2**63, 2**64, -(2**63) - 1, 10**30, 1.5, 1e3]


@pytest.mark.fault(21, 25)
@pytest.mark.parametrize("number", WHOLE)
def test_whole_numbers_come_back_exactly(target: Target, number: int) -> None:
    body = b'{"features":[%d,0]}' % number
    assert orjson.loads(target.ask(post(body, "/models/whole/predict")).body)["outputs"]["same"] == [number, 0]
    (same, *_) = orjson.loads(infer(target, "whole", tensor("X", "INT64", [1, 2], [number, 0])).body)["outputs"]
    assert same["data"] == [number, 0]


@pytest.mark.fault(21)
@pytest.mark.parametrize("number", NOT_WHOLE)
def test_what_a_whole_number_cannot_hold_is_refused(target: Target, number: float) -> None:
    body = json.dumps({"features": [number, 0]}).encode()
    refused(target.ask(post(body, "/models/whole/predict")), 422)
    refused(infer(target, "whole", tensor("X", "INT64", [1, 2], [number, 0])), 400)


@pytest.mark.fault(21)
@pytest.mark.parametrize(("kind", "number"), [("INT8", 128), ("UINT8", -1), ("UINT16", 65536), ("UINT64", 2**64)])
def test_nothing_wraps_round(target: Target, kind: str, number: int) -> None:
    others = [tensor(name, name, array.shape, array.tolist()) for name, array in SMALL.items() if name != kind]
    refused(infer(target, "types", *others, tensor(kind, kind, [1, 2], [number, 0])), 400)
    assert infer(target, "types", *others, tensor(kind, kind, [1, 2], [1, 0])).status == 200


SMALL = {name: np.zeros((1, 2), v2.DTYPES[name]) for name in tensors.TYPES if name != "BYTES"} | {
    "BYTES": np.array([["", ""]], np.object_)
}


@pytest.mark.fault(22)
@pytest.mark.parametrize("number", [1e300, -1e300, 3.5e38])
def test_what_a_float_cannot_hold_is_out_of_range(target: Target, number: float) -> None:
    body = orjson.dumps({"features": [number, 0, 0]})
    assert refused(target.ask(post(body, "/models/floats/predict")), 422)["code"] == "out_of_range"
    refused(infer(target, "floats", tensor("X", "FP32", [1, 3], [number, 0, 0])), 400)
    refused(infer(target, "types", tensor("FP16", "FP16", [1, 2], [70_000, 0])), 400)


@pytest.mark.fault(23, 25)
@pytest.mark.parametrize(
    ("number", "null"), [(0.0, {"reciprocal"}), (-1.0, {"root"}), (5e-324, {"reciprocal"}), (1e300, {"half"})]
)
def test_what_is_not_finite_is_null_and_all_else_a_number(target: Target, number: float, null: set[str]) -> None:
    rows = orjson.loads(target.ask(post(b'{"features":[%r]}' % number, "/models/odd/predict")).body)["outputs"]
    asked = infer(target, "odd", tensor("X", "FP64", [1, 1], [number]))
    by_tensor = {output["name"]: output["data"] for output in orjson.loads(asked.body)["outputs"]}
    for answered in (rows, by_tensor):
        assert {name for name, (value,) in answered.items() if value is None} == null
        assert answered["same"] == answered["back"] == [number]


@pytest.mark.fault(25)
def test_numbers_beyond_a_double_and_half_floats_are_exact(target: Target) -> None:
    answered = orjson.loads(target.ask(post(b'{"features":[[2],[0.1]]}', "/models/odd/predict")).body)["outputs"]
    assert answered["beyond"] == [[2**62 + 3], [2**62 + 1]]
    assert np.array_equal(np.array(answered["half"], np.float16), np.array([[2], [0.1]], np.float16))
    assert answered["back"] == [[2], [0.1]]


@pytest.mark.fault(24)
@pytest.mark.parametrize(
    "text", ["a\0b", "x" * 1_000_000, "\U0001f600\u202e", "\0", " "], ids=["NUL", "1 MB", "emoji", "0", "space"]
)
def test_texts_come_back_whole(target: Target, text: str) -> None:
    for binary in (True, False):
        request = v2.Request({"W": np.array([[text, "yes"]], np.object_)}, binary)
        _, got = v2.read(target.ask(request.post("words")))
        assert got["same"].tolist() == [[text, "yes"]]


@pytest.mark.fault(24)
@pytest.mark.parametrize("text", ["a\0b", "Bern\0", "\U0001f600"])
def test_a_text_among_numbers_or_unknown_is_refused(target: Target, text: str) -> None:
    refused(target.ask(post(orjson.dumps({"features": [text, *IRIS[1:]]}))), 422)
    refused(infer(target, "words", tensor("W", "BYTES", [1, 2], [text, 1])), 400)
