"""Answers of v2: what shapes come back, and what memory they keep."""

from __future__ import annotations

import weakref
import zlib
from typing import Any

import numpy as np
import orjson
import pytest

from server.codecs.slices import finish
from server.codecs.v2.answer import OUTPUTS_AT_ONCE, OutputFormat, render, start_of
from server.codecs.v2.outputs import RequestedOutput


def test_the_start_of_an_answer() -> None:
    assert orjson.loads(start_of("m", "2", None) + b"]}") == {"model_name": "m", "model_version": "2", "outputs": []}
    assert orjson.loads(start_of("m", "2", 'é"') + b"]}")["id"] == 'é"'


@pytest.mark.parametrize("shape", [(), (0, 3), (2, 0), (2, 3)])
@pytest.mark.parametrize("dtype", [np.float16, np.int64, np.bool_, np.object_])
@pytest.mark.parametrize("binary", [True, False])
def test_shapes_and_sizes_fit_what_follows(shape: tuple[int, ...], dtype: Any, binary: bool) -> None:
    array = np.full(shape, "é" if dtype is np.object_ else 1, dtype)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", binary, 0),), {}, None)
    reply = finish(render(form, [array], True))
    (output,) = orjson.loads(reply.pieces[0])["outputs"]
    assert output["shape"] == list(shape)
    if binary:
        size = array.size * (6 if dtype is np.object_ else array.itemsize)
        assert output["parameters"]["binary_data_size"] == len(reply.pieces[1]) == size
    else:
        assert output["data"] == array.reshape(-1).tolist()


@pytest.mark.parametrize("rows", [1, 2])
def test_an_answer_that_waits_for_its_client_keeps_no_others_output(rows: int) -> None:
    output = np.ones((8, 50_000))
    wanted, own = OutputFormat(b"", (RequestedOutput("Y", True, 0),), {}, None), output[3 : 3 + rows]
    answer = finish(render(wanted, [own], True))
    assert b"".join(answer.pieces).endswith(own.tobytes())
    left = weakref.ref(output)
    del output, own
    assert left() is None


def test_of_many_outputs_some_are_rendered_at_a_time() -> None:
    asked = tuple(RequestedOutput(f"y{number}", False, 0) for number in range(5 * OUTPUTS_AT_ONCE))
    rendering = render(OutputFormat(start_of("m", "1", None), asked, {}, None), [np.ones((1, 1))] * len(asked), True)
    assert len(list(rendering)) >= 5


def test_numbers_are_written_from_where_they_are() -> None:
    array = np.arange(1000, dtype=np.float64)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", True, 0),), {}, None)
    reply = finish(render(form, [array], True))
    assert np.shares_memory(np.frombuffer(reply.pieces[1], np.float64), array)


@pytest.mark.parametrize("wants", [None, b"gzip", b"deflate"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64, np.object_])
@pytest.mark.parametrize("asked", [(True, 0), (False, 0), (False, 2), (True, 2)])
def test_a_large_answer_is_made_of_slices_and_says_the_same(asked: tuple[bool, int], dtype: Any, wants: Any) -> None:
    if dtype is np.object_ and asked[1]:
        return
    array = np.array([str(n % 97) for n in range(30_000)], object) if dtype is np.object_ else np.arange(30_000) % 97
    array = array.astype(dtype).reshape(10_000, 3)
    form = OutputFormat(start_of("m", "1", None), (RequestedOutput("y", *asked),), {}, wants)
    steps = sum(1 for _ in render(form, [array], True))
    reply = finish(render(form, [array], True))
    whole = b"".join(reply.pieces)
    if wants:
        whole = zlib.decompress(whole, 47)
    small = [
        finish(render(form._replace(compression=None), [array[at : at + 1]], True)) for at in range(0, 10_000, 997)
    ]
    assert steps >= (2 if not asked[0] or asked[1] or wants or dtype is np.object_ else 0)
    length = dict(reply.headers).get(b"inference-header-content-length")
    (said,) = orjson.loads(whole[: int(length)] if length else whole)["outputs"]
    assert said["shape"] == [10_000, asked[1] or 3]
    if not asked[0]:
        width = said["shape"][1]
        rows = [said["data"][at * width : (at + 1) * width] for at in range(0, 10_000, 997)]
        assert rows == [orjson.loads(each.pieces[0])["outputs"][0]["data"] for each in small]
