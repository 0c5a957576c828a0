"""JSON in slices is JSON: whatever the text and wherever it is cut, the value or the refusal is the parser's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.codecs.json.gaps import Gaps
from server.codecs.json.parser import Allowance, parse
from server.codecs.json.sliced_parser import parse_in_slices
from server.codecs.slices import WINDOW_BYTES, finish
from server.errors import ServerError
from tests.support.server.codecs.parsing import ANY, outcome
from tests.support.server.v2 import attempt

TEXTS = st.text('a\\"[],{}: é', max_size=5)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 300), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=6), st.dictionaries(TEXTS, inner, max_size=5)),
    max_leaves=30,
)
LAYOUTS = st.sampled_from([0, orjson.OPT_INDENT_2])
WINDOWS = st.integers(2, 40)


@given(VALUES, LAYOUTS, WINDOWS)
def test_a_value_is_the_same_wherever_it_is_cut(value: Any, layout: int, window: int) -> None:
    body = orjson.dumps(value, option=layout)
    assert outcome(body, window) == ("value", orjson.dumps(value))


@given(VALUES, LAYOUTS, WINDOWS, st.data())
def test_a_damaged_text_is_refused_alike(value: Any, layout: int, window: int, data: st.DataObject) -> None:
    body = bytearray(orjson.dumps(value, option=layout))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body)))
        body[at : at + data.draw(st.integers(0, 1))] = data.draw(
            st.sampled_from(list(map(chr, b'[]{},:"\\a1 \n')))
        ).encode()
    whole, sliced = outcome(bytes(body), None), outcome(bytes(body), window)
    assert whole == sliced or "UTF-8" in whole[1] + sliced[1]


@given(
    st.lists(
        st.sampled_from(["[", "]", "{", "}", ",", ":", '"a"', '"', "\\", "1", '"b":', "[1,", ",2", '{"a":[1,2']),
        max_size=30,
    ),
    WINDOWS,
)
def test_any_tokens_are_read_or_refused_alike(tokens: list[str], window: int) -> None:
    body = "".join(tokens).encode()
    assert outcome(body, window) == outcome(body, None)


@pytest.mark.parametrize(
    "body", [b'{"a":[1,2,3],"b":4,"a":[5,6,7,8],"a":{"x":[9,9]}}', b'{"a":1,"b":2,"a":[1,2,3,4,5]}']
)
@pytest.mark.parametrize("window", range(2, 30))
def test_of_equal_keys_the_last_counts(body: bytes, window: int) -> None:
    assert outcome(body, window) == outcome(body, None)


def test_bytes_that_are_no_text_are_refused() -> None:
    body = b'["' + b"a" * WINDOW_BYTES + b'",1,"\xff",2]'
    assert outcome(body, WINDOW_BYTES) == outcome(body, None)


def code(read: Callable[[bytes], object], body: bytes) -> str:
    """Of its refusal."""
    _, error = attempt(lambda: read(body))
    return "" if error is None else error.code


def in_slices(body: bytes) -> object:
    return finish(parse_in_slices(body, ANY, 1000))


@pytest.mark.parametrize("depth", [1000, 1024, 1025, 100_000])
def test_depth_is_refused_as_the_parser_does(depth: int) -> None:
    for body in (b"[" * depth + b"]" * depth, b"[1," * depth + b"1" + b"]" * depth, b'{"a":' * depth):
        assert code(parse, body) == code(in_slices, body)


def test_a_slice_is_small_and_the_next_one_is_not_read_before_it_is_asked_for() -> None:
    body = b"[" + b"1," * 500_000 + b"x]"
    slices = parse_in_slices(body, ANY)
    for _ in range(len(body) // WINDOW_BYTES):
        next(slices)
    with pytest.raises(ServerError, match="at character 1000001"):
        finish(slices)


@pytest.mark.parametrize(
    ("body", "allowance"),
    [
        (b"[" + b"1," * 200_000, Allowance(1000, 9, 9, 7)),
        (b"[" + b"[]," * 200_000, Allowance(10**9, 1000, 9, 7)),
        (b"{" + b'"a":1,' * 200_000, Allowance(10**9, 9, 1000, 7)),
    ],
)
def test_what_is_too_much_is_refused_in_the_window_that_has_it(body: bytes, allowance: Allowance) -> None:
    with pytest.raises(ServerError, match="more values than the 7 rows allowed") as caught:
        next(parse_in_slices(body, allowance))
    assert caught.value.code == "too_many_rows"


def test_a_long_text_before_many_levels_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    pieces = Gaps.pieces

    def counted(self: Gaps, start: int, end: int) -> list[bytes | memoryview]:
        nonlocal read
        read += end - start
        return pieces(self, start, end)

    monkeypatch.setattr(Gaps, "pieces", counted)
    levels, text = b'{"a":' * 100, b'"%b"' % (b"x" * 8 * WINDOW_BYTES)
    body = b'{"t":' + text + b',"l":' + levels + b'{"a":1,"b":' + text + b"}" * 102
    assert outcome(body, WINDOW_BYTES)[0] == "value"
    assert read < 3 * len(body)


def test_white_space_behind_a_value_is_looked_at_in_windows() -> None:
    slices = parse_in_slices(b"[1]" + b" " * 64 * WINDOW_BYTES, ANY)
    assert len(list(slices)) >= 64


@given(
    st.lists(st.sampled_from(['{"é":', "[", "]", "}", ",", "1", "tru", '"a  b"', " " * 9, "\n" * 40]), max_size=9),
    WINDOWS,
)
def test_white_space_of_any_length_is_read_or_refused_alike(tokens: list[str], window: int) -> None:
    body = "".join(tokens).encode()
    assert outcome(body, window) == outcome(body, None)


@pytest.mark.parametrize("body", [b'{"a":%b[1]}', b"[1%b,2]", b"[1,%b x]", b"%b[1]"])
def test_the_parser_sees_little_of_much_white_space(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    loads = orjson.loads

    def counted(text: bytes | memoryview) -> Any:
        sizes.append(len(text))
        return loads(text)

    body %= b" " * (64 * WINDOW_BYTES)
    monkeypatch.setattr(orjson, "loads", counted)
    whole = outcome(body, WINDOW_BYTES)
    assert sizes
    assert max(sizes) < 3 * WINDOW_BYTES
    assert whole == outcome(body, None)


@given(
    st.lists(st.sampled_from(['{"a":', '{"kkkkkkkk":', "[", "]", "}", ",", "1", '"bbbbbbbb"', "  "]), max_size=20),
    WINDOWS,
)
def test_levels_without_commas_are_read_or_refused_alike(tokens: list[str], window: int) -> None:
    body = "".join(tokens).encode()
    assert outcome(body, window) == outcome(body, None)


@pytest.mark.parametrize("level", [b'{"%b":' % (b"k" * 16_000), b'[{"%b":' % (b"k" * 30_000)])
def test_levels_without_commas_are_parsed_some_at_a_time(level: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    loads = orjson.loads

    def counted(text: bytes | memoryview) -> Any:
        sizes.append(len(text))
        return loads(text)

    body = level * 100 + b"1" + (b"}]" if level[0] == ord("[") else b"}") * 100
    monkeypatch.setattr(orjson, "loads", counted)
    whole = outcome(body, WINDOW_BYTES)
    assert max(sizes) < 3 * WINDOW_BYTES
    assert whole == outcome(body, None)
