"""Requested outputs: in the order asked, each in its own way; all where none is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from server.artefact.tensors import TensorSpec
from server.codecs.v2.classes import MAX_CLASSES
from server.codecs.v2.outputs import RequestedOutput, read_outputs
from server.errors import ServerError

SPECS = {
    "y": TensorSpec("y", np.dtype(np.float32), (None, 3)),
    "label": TensorSpec("label", np.dtype(np.object_), (None,)),
}


@pytest.mark.parametrize("given", [None, []])
@pytest.mark.parametrize("binary", [False, True])
def test_all_are_wanted_where_none_is_named(given: Any, binary: bool) -> None:
    assert read_outputs(given, binary, SPECS) == (
        RequestedOutput("y", binary, 0),
        RequestedOutput("label", binary, 0),
    )


def test_outputs_are_wanted_in_the_order_asked_each_in_its_own_way() -> None:
    asked = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "y"}]
    assert read_outputs(asked, True, SPECS) == (RequestedOutput("label", False, 0), RequestedOutput("y", True, 0))
    classified = [{"name": "y", "parameters": {"classification": 2}}]
    assert read_outputs(classified, False, SPECS) == (RequestedOutput("y", False, 2),)


@pytest.mark.parametrize(
    ("shape", "asked", "classes"),
    [
        ((None, 3), 10**9, 3),
        ((None, MAX_CLASSES), 10**9, MAX_CLASSES),
        ((None, 128, 128), MAX_CLASSES + 1, 128 * 128),
        ((5,), MAX_CLASSES + 1, 5),
        ((None, None), MAX_CLASSES, MAX_CLASSES),
        ((None, MAX_CLASSES + 1), MAX_CLASSES + 1, None),
        ((None, None), MAX_CLASSES + 1, None),
        ((None,), 10**9, None),
        ((None, 0, None), MAX_CLASSES + 1, 1),
    ],
)
def test_so_many_classes_are_answered_or_as_many_as_there_are(
    shape: tuple[int | None, ...], asked: int, classes: int | None
) -> None:
    specs = {"y": TensorSpec("y", np.dtype(np.float32), shape)}
    given = [{"name": "y", "parameters": {"classification": asked}}]
    if classes is None:
        with pytest.raises(ServerError, match="at most 16384 classes"):
            read_outputs(given, False, specs)
    else:
        assert read_outputs(given, False, specs)[0].classes == classes


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "y"}, "outputs: expected a list of objects with a name, got an object"),
        ([1], r"outputs\[0\]: expected an object with a name, got 1"),
        ([{"name": "y"}, {"name": "z"}], r"outputs\[1\]: there is no output \"z\""),
        ([{"name": "y"}, {"name": "y"}], "output 'y' is asked for twice"),
        ([{"name": "label", "parameters": {"classification": 1}}], "BYTES has no order"),
        ([{"name": "y", "parameters": {"classification": True}}], "expected how many classes, got true"),
        ([{"name": "y", "parameters": {"shared_memory_region": "x"}}], "takes no shared memory"),
    ],
)
def test_what_cannot_be_wanted_is_told(given: Any, message: str) -> None:
    with pytest.raises(ServerError, match=message):
        read_outputs(given, False, SPECS)
