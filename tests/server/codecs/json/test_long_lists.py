"""Long lists: whatever a body is, it is read in pieces as it is read whole, or refused in the same words."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import orjson
import pytest

from server.codecs import predict
from server.codecs.json import long_lists, sliced_parser
from server.codecs.json.long_lists import (
    MAX_CUT,
    OTHER_BYTES,
    CutBody,
    LongList,
    NotCut,
    cut_out,
    opening_of,
    or_not_cut,
)
from server.codecs.mlflow import codec as mlflow_codec
from server.codecs.slices import WINDOW_BYTES, Slices, finish
from server.codecs.v2 import codec as v2_codec
from server.codecs.v2.body import TensorHead
from server.errors import ServerError
from tests.support.server.codecs.bodies import Body, make_body
from tests.support.server.decoding import Decoded, decode

CODECS = (predict, mlflow_codec, v2_codec)
DATA = opening_of("data", "x")


def told(body: Body) -> Any:
    """Whatever the codec says of a body."""
    try:
        entry = decode(body.codec, body.text, body.described)
    except ServerError as error:
        return error.code, error.message
    assert isinstance(entry, Decoded)
    buffers = [buffer if isinstance(buffer, list) else bytes(buffer) for buffer in entry.buffers]
    return entry.rows, buffers, id(entry.group) if body.described != TensorHead() else None, entry.request[1:]


def whole(*_: Any) -> CutBody:
    raise NotCut


def check_alike(numbers: Iterator[int], monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """Reads bodies in pieces and whole; returns how many came apart, and how many of those had several pieces."""
    pieces: list[int] = []
    cut = apart = several = 0
    read = LongList.texts

    def counted(self: LongList) -> Iterator[bytes]:
        for piece in read(self):
            pieces[-1] += 1
            yield piece

    def begin(*given: Any) -> CutBody:
        nonlocal cut
        cut += 1
        return cut_out(*given)

    def parse_whole(*given: Any) -> Any:
        pieces[-1] = 0
        return parse(*given)

    parse = sliced_parser.parse_in_slices
    monkeypatch.setattr(LongList, "texts", counted)
    for module in CODECS:
        monkeypatch.setattr(module, "LARGE_BYTES", -1)
        monkeypatch.setattr(module, "parse_in_slices", parse_whole)
    for number in numbers:
        body = make_body(number)
        monkeypatch.setattr(long_lists, "WINDOW_BYTES", 8 + number % 150)
        monkeypatch.setattr(long_lists, "MAX_PIECE_BYTES", 4 * (8 + number % 150))
        pieces.append(0)
        for module in CODECS:
            monkeypatch.setattr(module, "cut_out", begin)
        outcome = told(body)
        apart += bool(pieces[-1])
        several += pieces[-1] > 1
        for module in CODECS:
            monkeypatch.setattr(module, "cut_out", whole)
        assert outcome == told(body), (number, body.text)
    assert cut == len(pieces)
    return apart, several


def test_a_body_is_read_in_pieces_as_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    apart, several = check_alike(iter(range(1000)), monkeypatch)
    assert apart > 250
    assert several > 150


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_each_of_many_bodies_is_read_in_pieces_as_it_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    apart, several = check_alike(iter(range(100_000)), monkeypatch)
    assert apart > 25_000
    assert several > 15_000


def pieces_of(body: bytes) -> list[list[Any]]:
    """The pieces of the list that is the value of ``data``."""
    cut = cut_out(body, DATA)
    cut.put_back(cut.document, "data")
    cut.check_whole()
    return [piece.values for piece in cut.document["data"].pieces()]


@pytest.mark.parametrize("separator", [b",", b", ", b" , "])
def test_a_long_list_comes_in_pieces_of_about_a_window(separator: bytes) -> None:
    rows = [[number, 2 * number] for number in range(50_000)]
    body = b'{"a":[1],"data":' + orjson.dumps(rows).replace(b"],", b"]" + separator) + b',"b":2}'
    if separator[0] != ord(","):
        with pytest.raises(NotCut):
            pieces_of(body)
        return
    pieces = pieces_of(body)
    assert list(chain.from_iterable(pieces)) == rows
    assert len(pieces) >= len(body) // WINDOW_BYTES
    flat = pieces_of(b'{"data": [ ' + separator.join(b"%d" % number for number in range(100_000)) + b" ] }")
    assert list(chain.from_iterable(flat)) == list(range(100_000))
    assert len(flat) > 8


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[[1],[2]]",
        b'{"data":[',
        b'{"data":[]}',
        b'{"data":[[1],[2]}',
        b'{"data":[1,2],"data":[3]}',
        b'{"data":[1,2]],"b":1}',
        b'{"data":[1,2,],"b":1}',
        b'{"data":[,1,2]}',
        b'{"data":[1,2]}}',
        b'{"data":[1,2]} x',
        b'{"b":{"data":[1,2]}}',
        b'{"b":"\\"data":[1,2]"}',
        b'{"data":[1,"]",2]}',
        b'{"data":[[1],["}"],[2]],"b":[3]}',
        b'{"data":[{"a":1},{"a":"}],"}]}',
        b'{"data":[[1]],"b":[[2]]}',
        b'{"data":[NaN]}',
        b'\xef\xbb\xbf{"data":[1,2]}',
        b'{"data":[1,2],"b":"\xff"}',
    ],
)
def test_what_does_not_come_apart_is_left(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_lists, "WINDOW_BYTES", 4)
    with pytest.raises(NotCut):
        pieces_of(body)


def test_no_client_knows_what_stands_in_the_place_of_a_list() -> None:
    texts = [cut_out(b'{"x":[1,2],"data":[3]}', DATA).document[key] for key in ("x", "data") for _ in range(3)]
    assert len(set(texts)) == 6
    assert min(map(len, texts)) > 16


def test_only_little_may_stand_beside_long_lists() -> None:
    assert pieces_of(b'{"a":"%b","data":[1]}' % (b"x" * (OTHER_BYTES - 100))) == [[1]]
    for body in (b'{"a":"%b","data":[1]}', b'{"data":[1],"a":"%b"}'):
        with pytest.raises(NotCut):
            pieces_of(body % (b"x" * OTHER_BYTES))
    many = b",".join(b'{"data":[%d]}' % number for number in range(MAX_CUT + 1))
    cut = cut_out(b"[" + many + b"]", DATA)
    assert cut.document[-1] == {"data": [MAX_CUT]}


def test_a_refusal_becomes_not_cut_but_what_is_thrown_in_passes() -> None:
    def refusing() -> Slices[int]:
        yield
        raise ServerError("invalid_input", "no")

    with pytest.raises(NotCut):
        finish(or_not_cut(refusing()))
    slices = or_not_cut(refusing())
    next(slices)
    with pytest.raises(ServerError, match="late"):
        slices.throw(ServerError("deadline_exceeded", "late"))

    def reading() -> Slices[int]:
        yield
        return 7

    assert finish(or_not_cut(reading())) == 7
