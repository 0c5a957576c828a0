"""The v2 codec of a model: groups, rows, and hostile bodies."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.tensors import TensorSpec
from server.codecs.slices import finish
from server.codecs.v2.body import TensorHead
from server.codecs.v2.codec import MANY_TENSORS, MAX_GROUPS, MAX_LAYOUTS, TENSOR_BYTES, TensorCodec, has_rows, labels_of
from server.codecs.v2.request import read_raw
from server.errors import ServerError
from tests.support.server import models
from tests.support.server.decoding import Decoded, decode
from tests.support.server.v2 import Request, attempt

FLOAT, TEXT = np.dtype(np.float32), np.dtype(np.object_)


def codec(*inputs: TensorSpec, row_independent: bool = True, max_rows: int = 100) -> TensorCodec:
    outputs = (TensorSpec("a", FLOAT, (None, 1)), TensorSpec("b", TEXT, (None,)))
    return TensorCodec(
        "m", "1", inputs, outputs, row_independent=row_independent, labels={}, max_rows=max_rows, max_body_bytes=1 << 24
    )


OPEN = codec(TensorSpec("x", FLOAT, (None, None)))


def decoded(target: TensorCodec, request: Request) -> Decoded:
    json, data = request.parts()
    return decode(target, json + data, TensorHead(len(json)))


def numbers(rows: int, width: int) -> dict[str, Any]:
    return {"x": np.zeros((rows, width), np.float32)}


def test_requests_of_equal_row_shapes_and_outputs_share_a_group() -> None:
    group = decoded(OPEN, Request(numbers(1, 2))).group
    assert decoded(OPEN, Request(numbers(3, 2), request_id="x")).group is group
    assert decoded(OPEN, Request(numbers(1, 3))).group is not group
    for names in (["a"], ["b", "a"]):
        assert decoded(OPEN, Request(numbers(1, 2), outputs=[{"name": name} for name in names])).group is not group
    binary = Request(numbers(1, 2), parameters={"binary_data_output": True})
    assert decoded(OPEN, binary).group is group  # each request has its own output format


def test_groups_do_not_grow_without_end() -> None:
    target = codec(TensorSpec("x", FLOAT, (None, None)))
    for width in range(1, 3 * MAX_GROUPS + 1):
        decoded(target, Request(numbers(1, width)))
    assert len(target._groups) <= MAX_GROUPS


class Weighed(Decoded):
    """Keeps how much was counted for it, of which there is room for ``room``."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.arrived, self.deadline = 0.0, 1e9
        self.room, self.held = room, 0

    def hold(self, size: int) -> None:
        if self.held + size > self.room:
            raise ServerError("overloaded", "too much")
        self.held += size


def test_groups_of_a_graph_with_many_inputs_are_fewer() -> None:
    """Each has a layout of every input."""
    names = [f"x{number}" for number in range(MAX_LAYOUTS // 4)]
    target = codec(*(TensorSpec(name, FLOAT, (None, None)) for name in names))
    for width in range(1, 8):
        target._group([(1, width)] * len(names), ("a",))
        assert len(target._groups) <= 4


def test_what_many_tensors_take_is_counted_before_the_body_is_read() -> None:
    names = [f"x{number}" for number in range(MANY_TENSORS)]
    target = codec(*(TensorSpec(name, FLOAT, (None, 1)) for name in names))
    json, data = Request({name: np.zeros((1, 1), np.float32) for name in names}).parts()
    for body in (json + data, b"no JSON"):
        entry = Weighed(TENSOR_BYTES)
        entry.request = TensorHead(len(json))
        with pytest.raises(ServerError, match="too much"):
            target.decode(entry, body)
    entry = Weighed(1 << 20)
    entry.request = TensorHead(len(json))
    if (slices := target.decode(entry, json + data)) is not None:
        finish(slices)
    assert entry.rows == 1
    assert entry.held >= TENSOR_BYTES * MANY_TENSORS


def test_rows_that_do_not_stand_alone_never_share_a_group() -> None:
    target = codec(TensorSpec("x", FLOAT, (None, 2)), row_independent=False)
    first, second = (decoded(target, Request(numbers(4, 2))) for _ in range(2))
    assert first.group is not second.group
    assert (first.rows, first.group.rows_first) == (4, False)
    assert first.group.feed([first], None, 4)["x"].shape == (4, 2)


@pytest.mark.fault(53)
@pytest.mark.parametrize("shape", [(1, 0), (3, 0), (0, 0)])
@pytest.mark.parametrize("row_independent", [True, False])
def test_a_dimension_that_varies_is_not_nothing(shape: tuple[int, int], row_independent: bool) -> None:
    """No trial had such a row, and a GRU of ONNX Runtime 1.32 ends the process at it: one request of 100 bytes."""
    target = codec(TensorSpec("x", FLOAT, (None, None)), row_independent=row_independent)
    with pytest.raises(ServerError, match=r"has a dimension of 0, at which there is nothing to predict"):
        decoded(target, Request({"x": np.zeros(shape, np.float32)}))


@pytest.mark.parametrize(("shape", "rows_first"), [((None, None), True), ((2, None), False), ((), False)])
def test_nor_is_that_of_a_raw_body(shape: tuple[int | None, ...], rows_first: bool) -> None:
    with pytest.raises(ServerError, match=r"has a dimension of 0|one input"):
        read_raw(memoryview(b""), {"x": TensorSpec("x", FLOAT, shape)}, rows_first, ["y"])


def test_one_that_the_model_itself_has_as_nothing_is() -> None:
    target = codec(TensorSpec("x", FLOAT, (None, 0)))
    assert decoded(target, Request(numbers(2, 0))).rows == 2


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (3, 1), (2, 3)])
def test_rows_are_cut_out_of_what_is_fed(rows: int, width: int) -> None:
    request = decoded(OPEN, Request(numbers(rows, width)))
    assert request.rows == rows
    assert request.group.feed([request] * 2, None, 2 * rows)["x"].shape == (2 * rows, width)
    assert request.group.feed([request], rows - 1, 1)["x"].shape == (1, width)


def test_tensors_that_begin_at_odd_addresses_are_moved() -> None:
    for offset in range(4):
        request = Request(numbers(2, 3), request_id="i" * offset)
        read = decoded(OPEN, request)
        assert read.group.feed([read], None, 2)["x"].flags.aligned


def test_too_many_rows() -> None:
    with pytest.raises(ServerError) as raised:
        decoded(OPEN, Request(numbers(101, 1)))
    assert raised.value.code == "too_many_rows"


def test_has_rows() -> None:
    assert has_rows([TensorSpec("x", FLOAT, (None, 2)), TensorSpec("y", FLOAT, (None,))])
    assert not has_rows([TensorSpec("x", FLOAT, (None, 2)), TensorSpec("y", FLOAT, (1, 2))])
    assert not has_rows([TensorSpec("x", FLOAT, ())])
    assert not has_rows([])


def test_labels_are_those_of_the_classes() -> None:
    assert labels_of(models.classifier().artefact) == {"probabilities": ["setosa", "versicolor", "virginica"]}
    assert labels_of(models.regressor().artefact) == {}
    assert labels_of(models.multi_output_classifier().artefact) == {}
    assert labels_of(None) == {}


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["name", "shape", "datatype", "data", "parameters", "binary_data_size", "timeout"]), inner
        ),
    ),
    max_leaves=12,
)
GOOD = orjson.loads(Request({"x": np.ones((2, 2), np.float32)}, binary=False, outputs=[{"name": "a"}]).parts()[0])


@given(st.data())
def test_whatever_json_comes_is_answered_or_refused(data: st.DataObject) -> None:
    document = orjson.loads(orjson.dumps(GOOD))
    target = data.draw(st.sampled_from([document, document["inputs"][0], document["outputs"][0]]))
    key = data.draw(st.sampled_from([*target, "parameters"]))
    target[key] = data.draw(JSON)
    refused_or_read(orjson.dumps(document), data.draw(st.sampled_from([None, 5])))


@given(st.binary(max_size=60), st.one_of(st.none(), st.integers(0, 70)))
def test_whatever_bytes_come_are_answered_or_refused(body: bytes, json_bytes: int | None) -> None:
    refused_or_read(body, json_bytes)


@given(st.data())
def test_a_good_body_with_a_byte_changed_is_answered_or_refused(data: st.DataObject) -> None:
    json, binary = Request({"x": np.ones((2, 2), np.float32)}).parts()
    body = bytearray(json + binary)
    body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    refused_or_read(bytes(body), len(json))


def refused_or_read(body: bytes, json_bytes: int | None) -> None:
    request, error = attempt(lambda: decode(OPEN, body, TensorHead(json_bytes)))
    if error is None:
        feed = request.group.feed([request], None, request.rows)
        assert feed["x"].shape[0] == request.rows
    else:
        assert error.status in (400, 413, 501)
        assert error.message
