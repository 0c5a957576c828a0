"""The JSON of v2 requests: what they bring and want; every way to be wrong is one sentence, alike at both doors."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import numpy as np
import orjson
import pytest

from server.artefact.tensors import TensorSpec
from server.codecs.slices import finish
from server.codecs.v2.outputs import RequestedOutput
from server.codecs.v2.request import InferRequest, read, read_raw
from server.errors import ServerError
from tests.support.server.doors import Door, Reply, open_door
from tests.support.server.tensors import INPUTS, PAIR, SERVED
from tests.support.server.v2 import Request, post

FLOAT, TEXT = np.dtype(np.float32), np.dtype(np.object_)
SPECS_IN = {"x": TensorSpec("x", FLOAT, (None, 2)), "t": TensorSpec("t", TEXT, (None,))}
SPECS_OUT = {"y": TensorSpec("y", FLOAT, (None, 3)), "label": TensorSpec("label", TEXT, (None,))}
T = {"name": "t", "shape": [1], "datatype": "BYTES", "data": ["a"]}
X = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}


def parsed(binary: bytes = b"", **changed: Any) -> InferRequest:
    """A request of both inputs, with some keys of the document changed."""
    return finish(read({"inputs": [X, T], **changed}, memoryview(binary), SPECS_IN, SPECS_OUT, None))


def buffer(request: InferRequest, name: str) -> Any:
    return request.tensors[name].buffer


def test_a_request_without_wishes_wants_every_output_in_json() -> None:
    request = parsed()
    assert request.outputs == (RequestedOutput("y", False, 0), RequestedOutput("label", False, 0))
    assert (request.request_id, request.timeout) == (None, None)
    assert request.tensors["x"].shape == (1, 2)
    assert bytes(buffer(request, "x")) == np.array([1, 2], np.float32).tobytes()
    assert buffer(request, "t") == ["a"]


def test_a_request_says_which_it_is_how_long_it_may_take_and_what_it_wants() -> None:
    asked = parsed(outputs=[{"name": "label"}], parameters={"binary_data_output": True, "timeout": 1_500_000}, id="7")
    assert asked.outputs == (RequestedOutput("label", True, 0),)
    assert (asked.request_id, asked.timeout) == ("7", 1.5)


def test_binary_data_belongs_to_the_inputs_in_the_order_of_the_json() -> None:
    data = np.array([3, 4], np.float32).tobytes()
    x = {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}
    t = {"name": "t", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 5}}
    request = parsed(b"\1\0\0\0b" + data, inputs=[t, x])
    assert bytes(buffer(request, "x")) == data
    assert buffer(request, "t") == ["b"]


@pytest.mark.parametrize(
    ("shape", "rows_first", "values", "given"),
    [
        ((None, 3), True, 3, (1, 3)),
        ((None, None), True, 5, (1, 5)),
        ((2, 3), False, 6, (2, 3)),
        ((None, 2, None), False, 0, None),
        ((), False, 1, ()),
        ((), False, 4, (4,)),
        ((None, 3), True, 4, None),
        ((None, None, None), True, 4, None),
    ],
)
def test_the_shape_of_a_raw_body_follows_from_its_length(
    shape: tuple[int | None, ...], rows_first: bool, values: int, given: tuple[int, ...] | None
) -> None:
    inputs = {"x": TensorSpec("x", FLOAT, shape)}
    body = memoryview(np.arange(values, dtype=np.float32).tobytes())
    if given is None:
        with pytest.raises(ServerError, match="does not say the shape"):
            read_raw(body, inputs, rows_first, ["y"])
        return
    request = read_raw(body, inputs, rows_first, ["y", "z"])
    assert request.tensors["x"].shape == given
    assert request.outputs == (RequestedOutput("y", True, 0), RequestedOutput("z", True, 0))


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Door, Door]]:
    settings = {"DEFAULT_MODEL": "iris", "MAX_ROWS": "50", "MAX_BODY_BYTES": "5000"}
    folder, made = tmp_path_factory.mktemp("m"), {name: make() for name, make in SERVED.items()}
    with open_door("one", folder, made, **settings) as first, open_door("two", folder, made, **settings) as second:
        yield first, second


def refusal(reply: Reply) -> tuple[int, str, str]:
    envelope = orjson.loads(reply.body)
    assert set(envelope) == {"error", "code", "request_id"}
    return reply.status, envelope["code"], envelope["error"]


def described(**changed: Any) -> bytes:
    """A request for `pair` in JSON; None leaves a key of input A out."""
    a = {"name": "A", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    b = {"name": "B", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}
    a = {key: value for key, value in (a | changed).items() if value is not None}
    return orjson.dumps({"inputs": [a, b]})


def binary(size: Any, data: bytes, length: bytes | None = None, **changed: Any) -> bytes:
    """A request for `halves` whose binary data is as said."""
    tensor = {"name": "X", "shape": [1, 3], "datatype": "FP16", "parameters": {"binary_data_size": size}} | changed
    json = orjson.dumps({"inputs": [tensor]})
    header = b"Inference-Header-Content-Length: " + (b"%d" % len(json) if length is None else length)
    return post("halves", json + data, header)


def one_input(model: str, name: str, datatype: str, data: bytes) -> bytes:
    """A request of one binary input ``[1, 2]``."""
    tensor = {"name": name, "shape": [1, 2], "datatype": datatype, "parameters": {"binary_data_size": len(data)}}
    json = orjson.dumps({"inputs": [tensor]})
    return post(model, json + data, b"Inference-Header-Content-Length: %d" % len(json))


def text(data: bytes) -> bytes:
    return one_input("words", "W", "BYTES", data)


def flags(data: bytes) -> bytes:
    return one_input("types", "BOOL", "BOOL", data)


def asking_for(outputs: Any) -> bytes:
    return Request(INPUTS["pair"], outputs=outputs).post(PAIR)


A, B = ({"name": name, "shape": [1, 2], "datatype": "FP32", "data": [1, 2]} for name in "AB")
# What is wrong: the request, and a part of the sentence that says so. All are 400.
WRONG: dict[str, tuple[bytes, str]] = {
    "no object": (post(PAIR, b"[]"), "expected an object"),
    "no inputs": (post(PAIR, b"{}"), "inputs: expected a list"),
    "inputs that are no list": (post(PAIR, b'{"inputs":{}}'), "inputs: expected a list"),
    "an input that is no object": (post(PAIR, b'{"inputs":[1]}'), "inputs[0]: expected an object"),
    "no data": (post(PAIR, described(data=None)), "send either 'data' or the parameter 'binary_data_size'"),
    "data and binary": (post(PAIR, described(parameters={"binary_data_size": 8})), "send either"),
    "data that is no list": (post(PAIR, described(data=1)), "expected a list in 'data'"),
    "too few values": (post(PAIR, described(data=[1])), "does not fit the 1 elements"),
    "too many values": (post(PAIR, described(data=[1, 2, 3])), "does not fit the 3 elements"),
    "a nesting of another shape": (post(PAIR, described(data=[[1], [2]])), "'A'"),
    "an uneven nesting": (post(PAIR, described(data=[[1, 2], [3]])), "'A'"),
    "a deep nesting": (post(PAIR, b'{"inputs":' + b"[" * 500 + b"]" * 500 + b"}"), "inputs[0]: expected an object"),
    "a deep value": (
        post(PAIR, described().replace(b"[1,2],", b"[" * 300 + b"]" * 300 + b",", 1)),
        "input 'A': shape: expected a list of whole numbers",
    ),
    "an endless nesting": (post(PAIR, b"[" * 3000), "nested too deep"),
    "true for a number": (post(PAIR, described(data=[1, True])), "element 1 is not a number"),
    "a text for a number": (post(PAIR, described(data=["1", 2])), "element 0 is not a number"),
    "null for a number": (post(PAIR, described(data=[None, 2])), "element 0"),
    "a number too large": (post(PAIR, described(data=[1e300, 2])), "within the range of FP32: 1e+300"),
    "NaN": (post(PAIR, described().replace(b"[1,2]}", b"[NaN,2]}", 1)), "JSON has no NaN or Infinity: send the input"),
    "another name": (post(PAIR, described(name="C")), "there is no input \"C\"; this model takes 'A', 'B'"),
    "no name": (post(PAIR, described(name=None)), "there is no input null"),
    "an input twice": (post(PAIR, orjson.dumps({"inputs": [A, A, B]})), "input 'A' is given twice"),
    "an input left out": (post(PAIR, orjson.dumps({"inputs": [A]})), "missing input 'B'"),
    "no shape": (post(PAIR, described(shape=None)), "shape: expected a list of whole numbers"),
    "a negative size": (post(PAIR, described(shape=[-1, 2])), "shape: expected a list of whole numbers"),
    "a size that is no number": (post(PAIR, described(shape=[True, 2])), "shape: expected"),
    "another rank": (post(PAIR, described(shape=[2])), "takes the shape [-1, 2], got [2]"),
    "another width": (post(PAIR, described(shape=[1, 3])), "takes the shape [-1, 2], got [1, 3]"),
    "a huge shape": (post(PAIR, described(shape=[2**63, 2])), "larger than any request"),
    "a long shape": (post(PAIR, described(shape=[1] * 1000)), "shape: expected"),
    "another number of rows": (post(PAIR, described(shape=[2, 2], data=[1] * 4)), "'B' has 1 rows, 'A' has 2"),
    "no rows": (
        post(PAIR, orjson.dumps({"inputs": [A | {"shape": [0, 2], "data": []}, B | {"shape": [0, 2], "data": []}]})),
        "no rows",
    ),
    "no datatype": (post(PAIR, described(datatype=None)), "datatype: expected one of"),
    "BF16": (post(PAIR, described(datatype="BF16")), 'got "BF16"'),
    "a wider type": (
        post(PAIR, described(datatype="FP64")),
        "takes FP32, got FP64, which does not go into it without loss",
    ),
    "a boolean for a number": (post(PAIR, described(datatype="BOOL", data=[True, False])), "takes FP32, got BOOL"),
    "a text type": (post(PAIR, described(datatype="BYTES", data=["a", "b"])), "takes FP32, got BYTES"),
    "a whole number that FP64 cannot hold": (
        Request({"X": np.full((1, 4), 2**53 + 1)}).post("iris"),
        "INT64 goes into FP64 only up to 2^53",
    ),
    "parameters that are no object": (post(PAIR, described(parameters=[1])), "parameters: expected an object"),
    "a reserved parameter": (Request({}, parameters={"triton_x": 1}).post(PAIR), "reserved"),
    "a timeout that is no number": (Request({}, parameters={"timeout": "1"}).post(PAIR), "timeout: expected"),
    "a timeout below zero": (Request({}, parameters={"timeout": -1}).post(PAIR), "timeout: expected"),
    "a flag that is none": (Request(INPUTS["pair"], parameters={"binary_data_output": 1}).post(PAIR), "true or false"),
    "an id that is no text": (post(PAIR, b'{"id":7,"inputs":[]}'), "id: expected a string"),
    "outputs that are no list": (
        asking_for({"name": "total"}),
        "outputs: expected",
    ),
    "an output that is no object": (
        asking_for(["total"]),
        "outputs[0]: expected",
    ),
    "another output": (asking_for([{"name": "sum"}]), 'there is no output "sum"; this'),
    "an output twice": (asking_for([{"name": "total"}] * 2), "is asked for twice"),
    "classes below zero": (
        Request(INPUTS["pair"], outputs=[{"name": "total", "parameters": {"classification": -1}}]).post(PAIR),
        "classification: expected how many",
    ),
    "classes of texts": (
        Request(INPUTS["words"], outputs=[{"name": "same", "parameters": {"classification": 1}}]).post("words"),
        "BYTES has no order",
    ),
    "truncated binary": (binary(6, b"12345"), "binary_data_size is 6, but 5 bytes"),
    "leftover bytes": (binary(6, b"1234567"), "1 bytes are left over"),
    "binary of another size": (binary(5, b"12345"), "takes 6 bytes of binary data, got 5"),
    "a size below zero": (binary(-6, b"123456"), "binary_data_size: expected a number of bytes"),
    "a size that is none": (binary("6", b"123456"), "binary_data_size: expected a number of bytes"),
    "a huge binary shape": (binary(6, b"123456", shape=[2**40, 3]), "takes"),
    "a header beyond the body": (binary(6, b"123456", b"100000"), "but the body has only"),
    "a header below zero": (binary(6, b"123456", b"-1"), "expected one number"),
    "a header without end": (binary(6, b"123456", b"9" * 400), "expected one number"),
    "a header that is no number": (binary(6, b"123456", b"0x10"), "expected one number"),
    "binary without the header": (
        post(
            "halves", b'{"inputs":[{"name":"X","shape":[1,3],"datatype":"FP16","parameters":{"binary_data_size":6}}]}'
        ),
        "whose length is the header Inference-Header-Content-Length",
    ),
    "a raw body of another size": (
        post("halves", b"12345", b"Inference-Header-Content-Length: 0"),
        "a raw body of 5 bytes does not say the shape of 'X'",
    ),
    "a raw body for two inputs": (
        post(PAIR, b"12345678", b"Inference-Header-Content-Length: 0"),
        "for models of one input, this one takes 'A', 'B'",
    ),
    "a raw body of two open sizes": (
        post("pictures", bytes(12), b"Inference-Header-Content-Length: 0"),
        "does not say the shape of 'pixels', [-1, 3, -1, -1]",
    ),
    "a text without its length": (text(b"\1\0\0\0a\1\0"), "take 4 bytes of length each"),
    "a text beyond the end": (text(b"\1\0\0\0a\xff\xff\xff\xffb"), "ends within element 1"),
    "a text too many": (text(b"\0\0\0\0" * 3), "4 bytes are left over after its 2 elements"),
    "a text that is not UTF-8": (text(b"\1\0\0\0\xff\0\0\0\0"), "element 0 is not UTF-8"),
    "a boolean of two": (flags(b"\1\2"), "a BOOL is one byte, 0 or 1"),
    "not gzip": (post(PAIR, described(), b"Content-Encoding: gzip"), "the body is not gzip"),
    "half a gzip": (post(PAIR, gzip.compress(described())[:-9], b"Content-Encoding: gzip"), "one whole gzip"),
    "more than a gzip": (post(PAIR, gzip.compress(described()) + b"x", b"Content-Encoding: gzip"), "one whole gzip"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_in_a_sentence_by_both_doors_alike(both: tuple[Door, Door], what: str) -> None:
    request, sentence = WRONG[what]
    first, second = (each.ask(request) for each in both)
    assert first.masked == second.masked
    status, code, error = refusal(second)
    assert (status, code in ("bad_request", "bad_json", "too_deep")) == (400, True)
    assert sentence in error
