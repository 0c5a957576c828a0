"""Rows of numbers become the bytes that the parser and packing make of them, or are left to these."""

from __future__ import annotations

import copy
import struct
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from server.codecs.json import matrix
from server.codecs.json.matrix import MOST_BYTES, MatrixReader, matrix_reader
from server.codecs.predict import PredictCodec
from server.errors import ServerError
from tests.support.server.codecs.bodies import PREDICT, make_body
from tests.support.server.decoding import decode

DOUBLE, SINGLE, WHOLE = np.dtype(np.float64), np.dtype(np.float32), np.dtype(np.int64)


@pytest.fixture(autouse=True)
def _simdjson() -> None:
    pytest.importorskip("csimdjson", reason="without pysimdjson the parser reads all")


def rows_of(text: bytes, width: int = 2, dtype: Any = DOUBLE, gaps: bool = False) -> Any:
    return MatrixReader(dtype, width, gaps).read_list(text)


def object_of(body: bytes, width: int = 2, dtype: Any = DOUBLE, gaps: bool = False) -> Any:
    return MatrixReader(dtype, width, gaps).read_object(body, "features", "probabilities")


def trying(codec: PredictCodec, tries: bool) -> PredictCodec:
    """The same codec, which tries every body so, or none."""
    changed = copy.copy(codec)
    if codec._matrix is not None:
        changed._matrix = copy.copy(codec._matrix) if tries else None
        if changed._matrix is not None:
            changed._matrix.least = 0
    return changed


def told(codec: PredictCodec, body: bytes) -> Any:
    """Whatever a codec says of a body."""
    try:
        entry = decode(codec, body)
    except ServerError as error:
        return error.code, error.message
    return entry.rows, entry.buffers, id(entry.group), entry.request[1:]


def check_alike(numbers: range, monkeypatch: pytest.MonkeyPatch) -> int:
    """Reads bodies both ways; returns how many were no matter of the parser."""
    taken = 0
    read = MatrixReader.read_object

    def counted(*given: Any) -> Any:
        nonlocal taken
        found = read(*given)
        taken += found is not None
        return found

    monkeypatch.setattr(MatrixReader, "read_object", counted)
    for number in numbers:
        body = make_body(number)
        if isinstance(body.codec, PredictCodec):
            ways = [told(trying(body.codec, tries), body.text) for tries in (True, False)]
            assert ways[0] == ways[1], (number, body.text)
    return taken


def test_bodies_of_every_kind_are_read_as_the_parser_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_alike(range(1500), monkeypatch) > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_very_many_bodies_are_read_as_the_parser_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_alike(range(1500, 300_000), monkeypatch) > 10_000


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(1 << 70), 1 << 70).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=20).map(lambda value: f"{value:f}"),
    st.tuples(st.integers(0, 10**40), st.integers(0, 10**30), st.integers(-400, 400)).map(
        lambda parts: f"{parts[0]}.{parts[1]}e{parts[2]}"
    ),
    st.sampled_from(
        ["-0", "-0.0", "0e5", "5e-324", "2e-324", "2.4703282292062328e-324", "1e400", "1.7976931348623159e308", "1E5"]
    ),
    st.sampled_from(["9007199254740993", "18446744073709551615", "18446744073709551616", "-9223372036854775809"]),
    st.sampled_from(["true", "null", '"1"', "[]", "[1]", "{}", "NaN", "-Infinity", "01", "1.", "+1", "", "\ufeff1"]),
)
SPACE = st.sampled_from(["", "", " ", "\n\t", "\r\n  "])


@given(st.data(), st.sampled_from([DOUBLE, SINGLE, WHOLE]), st.integers(1, 3), st.booleans())
def test_each_number_has_the_bits_that_the_parser_gives_it(data: Any, dtype: Any, width: int, alone: bool) -> None:
    def listed(values: list[str]) -> str:
        return "[" + ",".join(data.draw(SPACE) + value + data.draw(SPACE) for value in values) + "]"

    widths = st.sampled_from([width, width, width, width + 1])
    rows = [
        data.draw(st.lists(NUMBERS, min_size=(n := data.draw(widths)), max_size=n)) for _ in range(1 if alone else 2)
    ]
    text = listed(rows[0]) if alone else listed([listed(row) for row in rows])
    end = data.draw(st.sampled_from(["", "", "", " ", "x", ',"features":[1]', ',"probabilities":true', "\0"]))
    body = ('{"features":' + text + (end + "}" if end[:1] == "," else "}" + end)).encode()
    found = object_of(body, width, dtype)
    if found is None:
        return
    count, buffer, flag = found
    document = orjson.loads(body)
    given_rows = [document["features"]] if alone else document["features"]
    assert (count, flag) == (0 if alone else 2, document.get("probabilities", False))
    code = {DOUBLE: "d", SINGLE: "f", WHOLE: "q"}[dtype]
    assert buffer == b"".join(struct.pack(f"={width}{code}", *row) for row in given_rows)
    assert all(type(value) in (int, float) for row in given_rows for value in row)


@given(st.binary(max_size=60))
@example(b'{"features":[1,2],"features":[1,2]}')
def test_any_bytes_are_taken_only_where_the_parser_takes_them(data: bytes) -> None:
    for body in (data, b'{"features":' + data, b'{"features":[1,' + data + b"]}"):
        if (found := object_of(body)) is not None:
            assert struct.pack("=2d", *orjson.loads(body)["features"]) == found[1]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (b"[[1,2]]", 1),
        (b" [ [1, 2.5] , [3,4e1] ]", 2),
        (b"[1,2]", None),
        (b"[[1,2],[3]]", None),
        (b"[[1,[2]]]", None),
        (b"[[1,2],3,[4]]", None),
        (b"[[1,2],[[3,4]]]", None),
        (b"[[1,true]]", None),
        (b"[[1,null]]", None),
        (b'[[1,2],"ab"]', None),
        (b'[[1,2],{"a":1,"b":2}]', None),
        (b"[]", None),
        (b"[[]]", None),
        (b"{}", None),
        (b"1", None),
        (b"[[1,2]", None),
        (b"", None),
    ],
)
def test_rows_are_lists_of_their_width(text: bytes, count: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for counted_by_numpy_from in (matrix.MANY_BYTES, 0):
        monkeypatch.setattr(matrix, "MANY_BYTES", counted_by_numpy_from)
        found = rows_of(text)
        assert (None if found is None else found[0]) == count


def test_a_number_that_its_type_has_not_is_left_to_the_checks() -> None:
    assert rows_of(b"[[1e39,0]]", dtype=SINGLE) is None
    assert rows_of(b"[[1.0,0]]", dtype=WHOLE) is None
    assert rows_of(b"[[9223372036854775808,0]]", dtype=WHOLE) is None
    assert rows_of(b"[[9223372036854775807,-1]]", dtype=WHOLE) == (1, struct.pack("=2q", 2**63 - 1, -1))
    assert rows_of(b"[[1e-60,0.1]]", dtype=SINGLE) == (1, struct.pack("=2f", 1e-60, 0.1))


def test_a_text_that_is_longer_than_a_piece_is_not_kept() -> None:
    assert rows_of(b"[[1,2]" + b" " * MOST_BYTES + b"]") is None


def test_one_parser_is_used_again_whatever_came_of_the_last_text() -> None:
    for text in (b"[[1,true]]", b"[[1,2],3]", b"[[1", b'[{"a":[1]}]', b"[[" + b"[" * 2000):
        assert rows_of(text) is None
        assert rows_of(b"[[1,2]]") == (1, struct.pack("=2d", 1, 2))


def test_a_model_whose_rows_are_not_numbers_alone_has_no_such_reader() -> None:
    kinds = {kind for kind, codec in PREDICT.items() if codec._matrix is not None}
    assert kinds == {"float64", "float32", "int64", "nullable"}


def test_a_body_with_null_is_not_tried_where_null_is_usual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "_parse", None)
    assert object_of(b'{"features":[1,null]}', gaps=True) is None
    assert rows_of(b"[[1,null]]", gaps=True) is None


def test_without_simdjson_the_parser_reads_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "_parse", None)
    assert matrix_reader(DOUBLE, 2, gaps=False) is None
