"""The look at an ONNX file: what it says of itself, and that it must give its own answers."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto

from convert.errors import Refused
from convert.inspection import inspect
from convert.job import Converted


@pytest.fixture(scope="module")
def onnx(trained: dict[str, Any], converted: Callable[..., Converted]) -> bytes:
    """The iris example's file."""
    return converted(trained["iris"]).onnx


def changed(onnx: bytes, change: Callable[[ModelProto], object]) -> bytes:
    """The file with a change."""
    model = ModelProto.FromString(onnx)
    change(model)
    return bytes(model.SerializeToString())


def test_a_file_of_ours_tells_its_schema_and_gives_its_answers(onnx: bytes) -> None:
    seen = inspect(onnx, golden=True)
    assert seen.metadata["dynonnx.format"] == "1"
    assert "StandardScaler" in seen.doc_string
    assert [line[:3] for line in seen.signature if line[0] == "input"] == [("input", "X", "float64")]


def test_other_answers_are_refused(onnx: bytes) -> None:
    def twist(model: ModelProto) -> None:
        weights = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [4, 3])
        weights.raw_data = (np.frombuffer(weights.raw_data) * 1.1).tobytes()

    with pytest.raises(Refused, match="does not give its own golden"):
        inspect(changed(onnx, twist), golden=True)


def test_a_file_without_metadata_is_inspected_but_not_believed(onnx: bytes) -> None:
    bare = changed(onnx, lambda model: model.ClearField("metadata_props"))
    assert inspect(bare).metadata == {}
    with pytest.raises(Refused, match="no dynonnx metadata"):
        inspect(bare, golden=True)


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps([1]), b"\x08\x07"])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="the file "):
        inspect(content)
