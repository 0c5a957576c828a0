"""Frames: what is said arrives, and what a stranger may say instead is noticed."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from convert.graph.graph import Array
from convert.witness import frames

ARRAYS = {
    "numbers": np.array([[1.5, np.nan], [-0.0, np.inf]]),
    "floats": np.array([0.1, 0.2], np.float32),
    "counts": np.array([1, -(2**62)]),
    "flags": np.array([True, False]),
    "texts": np.array(["é\ufdd0\ud800", None, "", True, 3], object),
    "none": np.empty((0, 3)),
}


def spoken(text: bytes, raw: bytes = b"") -> io.BytesIO:
    """A frame of this text and these bytes."""
    return io.BytesIO(frames.HEADER.pack(len(text), len(raw)) + text + raw)


def test_what_is_said_arrives_bit_for_bit() -> None:
    pipe = io.BytesIO()
    frames.write(pipe, {"do": "ask", "named": True}, ARRAYS)
    frames.write(pipe, {"do": "again"}, {})
    pipe.seek(0)
    head, arrays = frames.read(pipe)
    assert head == {"do": "ask", "named": True}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].tobytes() == array.tobytes() if array.dtype != object else True
        assert arrays[name].tolist() == array.tolist() or name == "numbers"
        assert arrays[name].flags.writeable
    assert frames.read(pipe) == ({"do": "again"}, {})


def test_numpys_own_values_among_objects_become_plain_ones() -> None:
    pipe = io.BytesIO()
    frames.write(pipe, {}, {"labels": np.array([np.str_("a"), np.int64(3), np.bool_(True)], object)})
    pipe.seek(0)
    assert [type(value) for value in frames.read(pipe)[1]["labels"]] == [str, int, bool]


@pytest.mark.parametrize(
    "listed",
    [
        [["x", "<f8", [2], 8]],  # half of its bytes
        [["x", "<f8", [-1], 8]],
        [["x", "<f8", [True], 8]],
        [["x", "O", [1], 8]],  # no JSON
        [["x", "|O8", [1], 8]],
        [["x", "|V8", [1], 8]],
        [["x", "<f8", [1], 16]],  # more than there is
        [["x", "<f8", [1]]],
        [["x", "O", [1], -1], ["y", "O", [1], 9]],  # the rest of everything
        [["x", "<f8", [1], 8.0]],
        [["y", "<f8", [1], 8], ["x", "<f8", [0, 10**30], 0]],
        "x",
        None,
    ],
)
def test_an_array_that_is_none_is_noticed(listed: object) -> None:
    with pytest.raises(frames.Broken):
        frames.read(spoken(json.dumps({"head": {}, "arrays": listed}).encode(), b"\x01" * 8))


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"x", b'{"head": 1, "arrays": []}', b"\xff", b"[" * 10**6])
def test_a_frame_that_is_none_is_noticed(text: bytes) -> None:
    with pytest.raises(frames.Broken):
        frames.read(spoken(text))


@pytest.mark.parametrize("lengths", [(frames.MOST_TEXT_BYTES + 1, 0), (2, frames.MOST_ARRAY_BYTES + 1)])
def test_no_more_is_read_than_a_frame_may_have(lengths: tuple[int, int]) -> None:
    with pytest.raises(frames.Broken):
        frames.read(io.BytesIO(frames.HEADER.pack(*lengths) + b"{}"))


def test_the_end_is_noticed() -> None:
    for content in (b"", b"\x01", frames.HEADER.pack(10, 0) + b"{"):
        with pytest.raises(frames.Broken):
            frames.read(io.BytesIO(content))


def test_an_array_of_other_things_is_not_written() -> None:
    thing: Array = np.array([object()], object)
    with pytest.raises(TypeError):
        frames.write(io.BytesIO(), {}, {"x": thing})
