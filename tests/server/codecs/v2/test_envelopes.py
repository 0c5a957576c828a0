"""A request whose envelope was seen is read, and refused, as one whose envelope was not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any
from weakref import WeakSet

import numpy as np
import orjson
import pytest

from server.artefact.tensors import TensorSpec
from server.codecs.v2 import envelopes
from server.codecs.v2.body import TensorHead
from server.codecs.v2.codec import TensorCodec
from server.codecs.v2.envelopes import envelope_of
from server.errors import ServerError
from tests.support.server.decoding import decode

INPUTS = (
    TensorSpec("x", np.dtype(np.float64), (None, 2)),
    TensorSpec("n", np.dtype(np.int64), (None,)),
    TensorSpec("t", np.dtype(np.object_), (None, 1)),
    TensorSpec("b", np.dtype(np.bool_), (None,)),
)
OUTPUTS = (TensorSpec("y", np.dtype(np.float32), (None, 1)), TensorSpec("z", np.dtype(np.object_), (None,)))
BINARY = np.array([[1.5, 2.5]]).tobytes()

TRUE = {"binary_data": True}
Change = Callable[[dict[str, Any]], Any]


def codec(*, row_independent: bool = True) -> TensorCodec:
    return TensorCodec(
        "m", "1", INPUTS, OUTPUTS, row_independent=row_independent, labels={}, max_rows=9, max_body_bytes=1 << 20
    )


def document() -> dict[str, Any]:
    return {
        "inputs": [
            {"name": "t", "shape": [1, 1], "datatype": "BYTES", "data": ["é"]},
            {"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [0.5, 2]},
            {"name": "n", "shape": [1], "datatype": "INT32", "data": [7]},
            {"name": "b", "shape": [1], "datatype": "BOOL", "data": [True]},
        ]
    }


def told(target: TensorCodec, body: dict[str, Any], binary: bytes = b"") -> tuple[Any, ...]:
    """What a request is read as, or how it is refused."""
    json = orjson.dumps(body)
    try:
        entry = decode(target, json + binary, TensorHead(len(json) if binary else None))
    except ServerError as error:
        return error.code, str(error)
    buffers, wanted = entry.request
    group: Any = entry.group
    layouts = [(layout.name, layout.dtype, layout.row_shape) for layout in group.layouts]
    read = [buffer if isinstance(buffer, list) else bytes(buffer) for buffer in buffers]
    return read, wanted, entry.rows, layouts, group.outputs, entry.deadline


def setting(at: int, key: str, value: Any) -> Change:
    return lambda body: body["inputs"][at].__setitem__(key, value)


CHANGES: dict[str, Change] = {
    "the same": lambda body: None,
    "other values": setting(1, "data", [9, -0.0]),
    "nested values": setting(1, "data", [[9, 1e300]]),
    "nested otherwise": setting(1, "data", [[9], [1e300]]),
    "too few values": setting(1, "data", [9]),
    "too many values": setting(1, "data", [9, 9, 9]),
    "no values": setting(1, "data", []),
    "a text among numbers": setting(1, "data", [9, "9"]),
    "a boolean among numbers": setting(1, "data", [9, True]),
    "null among numbers": setting(1, "data", [9, None]),
    "no list": setting(1, "data", 9),
    "null": setting(1, "data", None),
    "a whole number too large for a double": setting(1, "data", [2**64 - 1, 1]),
    "a whole number out of range": setting(2, "data", [2**31]),
    "a fraction for a whole number": setting(2, "data", [1.5]),
    "a number for a text": setting(0, "data", [1]),
    "a lone list of a text": setting(0, "data", [["e"]]),
    "a number for a boolean": setting(3, "data", [1]),
    "false": setting(3, "data", [False]),
    "an id": lambda body: body.__setitem__("id", "é"),
    "an empty id": lambda body: body.__setitem__("id", ""),
    "an id of null": lambda body: body.__setitem__("id", None),
    "an id that is a number": lambda body: body.__setitem__("id", 1),
    "a shape of doubles": setting(1, "shape", [1.0, 2]),
    "a shape of booleans": setting(1, "shape", [True, 2]),
    "another shape": setting(1, "shape", [2, 1]),
    "another name": setting(1, "name", "n"),
    "another datatype": setting(1, "datatype", "FP32"),
    "a datatype that does not fit": setting(1, "datatype", "BYTES"),
    "no inputs": lambda body: body.pop("inputs"),
    "an input missing": lambda body: body["inputs"].pop(),
    "inputs in another order": lambda body: body["inputs"].reverse(),
    "an input that is none": lambda body: body["inputs"].append(1),
    "one output": lambda body: body.__setitem__("outputs", [{"name": "z"}]),
    "an output in binary": lambda body: body.__setitem__(
        "outputs", [{"name": "y", "parameters": {"binary_data": True}}]
    ),
    "an output that is none": lambda body: body.__setitem__("outputs", [{"name": "x"}]),
    "a time limit": lambda body: body.__setitem__("parameters", {"timeout": 5}),
    "a time limit of true": lambda body: body.__setitem__("parameters", {"timeout": True}),
    "a reserved parameter": lambda body: body.__setitem__("parameters", {"triton_x": 5}),
    "values in binary as well": setting(1, "parameters", {"binary_data_size": 16}),
}


def test_what_was_seen_before_changes_no_answer_and_no_refusal() -> None:
    target = codec()
    for _ in range(2):
        for name, change in CHANGES.items():
            body = document()
            change(body)
            assert told(target, copy.deepcopy(body)) == told(codec(), body), name


@pytest.mark.parametrize("binary", [BINARY, BINARY[:-1], BINARY + b"\0", b""])
@pytest.mark.parametrize("data", [None, [1, 2]])
def test_binary_data_is_read_by_its_size(binary: bytes, data: Any) -> None:
    body = document()
    del body["inputs"][1]["data"]
    body["inputs"][1]["parameters"] = {"binary_data_size": len(BINARY)}
    target = codec()
    assert told(target, body, BINARY) == told(target, body, BINARY) == told(codec(), body, BINARY)
    if data is not None:
        body["inputs"][1]["data"] = data
    assert told(target, body, binary) == told(codec(), body, binary)


def test_an_envelope_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    target, read = codec(), list[Any]()
    original: Callable[..., Any] = target._read

    def counting(*arguments: Any) -> Any:
        read.append(arguments)
        return original(*arguments)

    monkeypatch.setattr(target, "_read", counting)
    entries = []
    for number in range(5):
        body = document() | {"id": str(number)}
        body["inputs"][2]["data"] = [number]
        entries.append(decode(target, orjson.dumps(body), TensorHead()))
    assert len(read) == 1
    assert len({id(entry.group) for entry in entries}) == 1
    assert [entry.request[1].start for entry in entries] == [
        b'{"id":"%d","model_name":"m","model_version":"1","outputs":[' % number for number in range(5)
    ]


def test_rows_that_do_not_stand_alone_never_share_a_group() -> None:
    target = codec(row_independent=False)
    entries = [decode(target, orjson.dumps(document()), TensorHead()) for _ in range(2)]
    assert entries[0].group is not entries[1].group


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "MAX_ENVELOPES", 4)
    target = codec()
    for number in range(50):
        told(target, document() | {"note": "x" * number})
        assert 0 < len(target._envelopes) <= 4
    remembered = len(target._envelopes)
    told(target, document() | {"note": "x" * envelopes.MAX_ENVELOPE_BYTES})
    assert len(target._envelopes) == remembered


def test_what_is_remembered_of_all_models_together_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes.Remembers, "_present", WeakSet())  # those of other tests may live
    monkeypatch.setattr(envelopes, "MOST_IN_ALL", 20)
    models = [codec() for _ in range(5)]
    expected = [told(codec(), document() | {"note": "x" * number}) for number in range(30)]
    for number, answer in enumerate(expected):
        for target in models:
            assert [told(target, document() | {"note": "x" * number}) for _ in range(2)] == [answer] * 2
            assert 0 < sum(len(each._envelopes) + len(each._verbatim) for each in models) <= 20
    remembers = len(envelopes.Remembers._present)
    del target, models[1:]
    assert len(envelopes.Remembers._present) == remembers - 8, "a model that has gone counts no more"


def test_a_group_that_is_made_again_is_the_group_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.codecs.v2.codec.MAX_GROUPS", 1)
    target = codec()
    for outputs in (["y"], ["z"], ["y"]):
        body = document() | {"outputs": [{"name": name} for name in outputs]}
        entries = [decode(target, orjson.dumps(body | {"note": note}), TensorHead()) for note in ("a", "b", "a")]
        assert len({id(entry.group) for entry in entries}) == 1


@pytest.mark.parametrize("body", [None, 1, [], {}, {"inputs": {}}, {"inputs": [1]}, {"inputs": [{"data": None}]}])
def test_what_is_no_request_has_no_envelope(body: Any) -> None:
    assert envelope_of(body) is None


def test_what_is_nested_too_deep_to_be_written_has_no_envelope() -> None:
    deep: Any = {}
    for _ in range(600):
        deep = {"a": deep}
    assert envelope_of({"inputs": [], "parameters": deep}) is None
