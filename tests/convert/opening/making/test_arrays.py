"""Arrays, their types and sparse matrices, made of parts that were checked."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from convert.errors import Refused
from convert.opening.making import arrays
from convert.opening.opener import open_model
from tests.support.convert.hostile import called, items, kept, named, program, value

ORDINARY = (
    np.arange(6.0).reshape(2, 3), np.asfortranarray(np.arange(6).reshape(2, 3)), np.array(1.5), np.zeros((0, 3)),
    np.array(["a", "bc"]), np.array([b"a"]), np.array([True]), np.arange(3, dtype=">i4"), np.array([1 + 2j]),
    np.array(["2020-01-01"], "M8[D]"), np.zeros(2, [("a", "<i4"), ("b", "<f8")]),
    np.array([["a", 1], [None, 2.5]], object),
    np.zeros(2, np.dtype([("a", "u1"), ("b", "<f8")], align=True)),
)  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("array", ORDINARY, ids=lambda array: str(array.dtype))
def test_arrays_stay_as_they_were(array: Any, protocol: int) -> None:
    opened = open_model(pickle.dumps([array], protocol))[0]
    wanted = pickle.loads(pickle.dumps(array, protocol))  # noqa: S301
    np.testing.assert_array_equal(opened, array)
    assert (opened.dtype, opened.flags["F_CONTIGUOUS"]) == (wanted.dtype, array.flags["F_CONTIGUOUS"])


@pytest.mark.parametrize("number", [np.float64(1.5), np.int8(3), np.str_("x"), np.bool_(True), np.datetime64("2020")])
def test_numbers_stay_as_they_were(number: Any) -> None:
    opened = open_model(pickle.dumps(number))
    assert opened == number
    assert type(opened) is type(number)


def test_two_arrays_never_share_the_bytes_of_a_file() -> None:
    raw = bytes(4000)
    first, second = (np.ndarray.__new__(np.ndarray, (0,), "b") for _ in range(2))
    arrays.fill_array(first, (1, (500,), np.dtype("f8"), False, raw))
    arrays.fill_array(second, (1, (1000,), np.dtype("i4"), False, raw))
    assert not np.shares_memory(first, second)
    buffer = bytearray(4000)
    first, second = (arrays.make_from_buffer((buffer, np.dtype("f8"), (500,), "C")) for _ in range(2))
    assert not np.shares_memory(first, second)


def test_a_type_changes_no_array_that_was_made_of_it() -> None:
    kind = arrays.make_dtype(("f8", False, True))
    array = arrays.array_of(np.arange(3.0).tobytes(), kind, (3,), "C")
    arrays.fill_dtype(kind, (3, ">", None, None, None, -1, -1, 0))
    np.testing.assert_array_equal(array, np.arange(3.0))


@pytest.mark.parametrize(
    "state",
    [
        (1, (1000,), np.dtype("f8"), False, bytes(8)),
        (1, (-1,), np.dtype("f8"), False, b""),
        (1, (1 << 62, 4), np.dtype("f8"), False, b""),
        (1, (1 << 40,), np.dtype("V0"), False, b""),
        (1, (2,), np.dtype("O"), False, bytes(16)),
        (1, (2,), np.dtype("O"), False, [1]),
        (1, (1,), np.dtype([("a", "O")]), False, bytes(8)),
        (1, (1,), np.dtype(("f8", (2,))), False, bytes(16)),
        (1, [1], np.dtype("f8"), False, bytes(8)),
        (1, (1,), "f8", False, bytes(8)),
        (1, (1,) * 33, np.dtype("f8"), False, bytes(8)),
        ((1,), np.dtype("f8"), False),
        None,
    ],
)
def test_an_array_without_its_items_is_refused(state: Any) -> None:
    with pytest.raises(Refused):
        arrays.fill_array(np.ndarray.__new__(np.ndarray, (0,), "b"), state)


@pytest.mark.parametrize(
    "state",
    [
        (3, "|", None, ("a",), {"a": (np.dtype("f8"), 4)}, 8, 1, 0),
        (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0),
        (3, "|", None, ("a", "b"), {"a": (np.dtype("f8"), 0)}, 8, 1, 0),
        (3, "|", (np.dtype("f8"), (9,)), None, None, 8, 1, 0),
        (3, "?", None, None, None, 8, 1, 0),
        (3, "|", None),
        None,
    ],
)
def test_a_type_with_fields_outside_itself_is_refused(state: Any) -> None:
    with pytest.raises(Refused):
        arrays.fill_dtype(arrays.make_dtype(("V8", False, True)), state)
    with pytest.raises(Refused):
        arrays.fill_dtype(arrays.make_dtype(("f8",)), (3, "|", None, ("a",), {"a": (np.dtype("f8"), 0)}, 8, 1, 0))


@pytest.mark.parametrize("code", ["f8,f8", "(2,)f8", "", "T", "object_", "M8[s]x", b"f8", None, "f" + "9" * 20])
def test_a_type_is_one_plain_code(code: Any) -> None:
    with pytest.raises((Refused, TypeError, ValueError)):
        arrays.make_dtype((code,))


def test_a_number_without_its_bytes_is_refused() -> None:
    for kind, raw in ((np.dtype("f8"), b"x"), (np.dtype("O"), b"12345678"), (np.dtype("V8"), bytes(8))):
        with pytest.raises(Refused):
            arrays.make_scalar((kind, raw))


def test_only_plain_arrays_are_reconstructed() -> None:
    reconstruct = named("numpy._core.multiarray._reconstruct")
    for kind in ("builtins.dict", "sklearn.pipeline.Pipeline", "numpy.float64"):
        with pytest.raises(Refused, match="a class of its own"):
            open_model(program(called(reconstruct, named(kind), value((0,)), value(b"b"))))


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_matrix", "csr_array"])
def test_sparse_matrices_stay_and_point_inside(form: str) -> None:
    matrix = getattr(sparse, form)(np.eye(3))
    np.testing.assert_array_equal(open_model(pickle.dumps([matrix]))[0].toarray(), np.eye(3))
    state = dict(vars(matrix))
    for name, broken in (("_shape", (1, 1)), ("data", np.ones(1)), ("data", np.array([None] * 3)), ("_shape", (3, -1))):
        with pytest.raises(Refused):
            arrays.fill_sparse(object.__new__(type(matrix)), state | {name: broken})


def test_a_plain_tuple_is_no_array() -> None:
    assert open_model(program(kept(1, items(value(1))))) == (1,)
