"""What a body may cost: made-up amplifiers of every shape, in every protocol, are read at a bounded cost per byte.

Work is counted, not timed: calls, by the interpreter's own hook, and memory, by tracemalloc.
"""

from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.artefact.metadata import Feature
from server.artefact.tensors import InputLayout, TensorSpec
from server.batching.entry import Entry
from server.codecs.codec import Codec
from server.codecs.json.fields import values
from server.codecs.json.group import JsonGroup
from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.predict import PredictCodec
from server.codecs.rows import RowReader
from server.codecs.slices import LARGE_BYTES
from server.codecs.v2.body import TensorHead
from server.codecs.v2.codec import TensorCodec
from server.errors import ServerError

MAX_ROWS = 1000
BODY_BYTES = LARGE_BYTES + 4096  # and twice as many
CALLS_PER_BYTE = 8  # a value of one digit and its comma, looked at one by one: a dozen calls
CALLS_PER_SLICE = 80_000  # some 10 ms
MEMORY_PER_BYTE, MEMORY = 64, 4_000_000
FEATURES = (
    Feature("a", "float64", "X"),
    Feature("b", "float64", "X", nullable=True),
    Feature("c", "string", "S", categories=("x", "y")),
)
NUMBERS = tuple(Feature(f"x{number}", "float64", "X") for number in range(40))
FLOAT, TEXT = np.dtype(np.float64), np.dtype(np.object_)


def group() -> JsonGroup:
    return JsonGroup([InputLayout("X", FLOAT, (1,))], ["y"], {"y": values(0)}, "1")


def predict(features: tuple[Feature, ...]) -> Codec:
    return PredictCodec(RowReader(features), group(), group(), MAX_ROWS)


def mlflow(features: tuple[Feature, ...]) -> Codec:
    return MlflowCodec(RowReader(features), features, group(), MAX_ROWS)


def tensors(dtype: Any, *shape: int | None) -> Codec:
    outputs = (TensorSpec("y", FLOAT, (None, 1)),)
    inputs = (TensorSpec("x", dtype, shape),)
    return TensorCodec(
        "m", "1", inputs, outputs, row_independent=True, labels={}, max_rows=MAX_ROWS, max_body_bytes=1 << 22
    )


JSON = TensorHead()
V2 = [
    b'{"inputs":[{"name":"x","datatype":"%b","shape":[%%d,3],"data":[' % kind for kind in (b"FP64", b"BYTES", b"INT8")
]
# A codec, what its headers say, beginnings and ends of its bodies.
KINDS: dict[str, tuple[Codec, Any, list[bytes]]] = {
    "predict, mixed": (predict(FEATURES), None, [b'{"features":[', b'{"features":{', b"{", b"[", b""]),
    "predict, numbers": (predict(NUMBERS), None, [b'{"features":[[', b'{"probabilities":true,"features":[']),
    "mlflow, json": (
        mlflow(FEATURES),
        "json",
        [b'{"dataframe_split":{"columns":[', b'{"dataframe_split":{"data":[', b'{"inputs":{"a":[', b'{"params":['],
    ),
    "csv, mixed": (mlflow(FEATURES), "csv", [b"a,b,c\n", b'"a","b","c"\n1,2,"', b""]),
    "csv, numbers": (mlflow(NUMBERS), "csv", [b",".join(b"x%d" % n for n in range(40)) + b"\n", b""]),
    "v2, open": (tensors(FLOAT, None, None), JSON, [V2[0] % 1, V2[2] % 1, V2[0] % MAX_ROWS, b'{"parameters":{', b"["]),
    "v2, fixed": (tensors(FLOAT, None, 3), JSON, [V2[0] % 2, V2[0] % MAX_ROWS, b'{"inputs":[', b'{"outputs":[']),
    "v2, texts": (tensors(TEXT, None, None), JSON, [V2[1] % 1, V2[1] % MAX_ROWS]),
}
TOKENS = [
    *(b"[", b"]", b"[]", b"{}", b"[],", b"{},", b",", b":", b"1", b"1,", b"2.5,", b"1e5,", b"true,", b"null,", b"[1],"),
    *(
        b'"',
        b'"",',
        b'"x",',
        b'"key%d":',
        b'"a":1,',
        b'{"a":1,"b":2,"c":"x"},',
        b'[1,2,"x"],',
        b"[1,2,3],",
        b" ",
        b"\\",
    ),
    *(
        b" ",
        b"\n",
        b"\r\n",
        b'"\n",',
        b"1,2,x\n",
        b"1,2,3\n",
        b"\xc3\xa9",
        b"\xff",
        b"\\u00e9",
        b"NaN,",
        b"0" * 30,
        b"\0",
    ),
]


class Held(Entry):
    """An entry that writes down what it was told to hold."""

    held = 0

    def hold(self, size: int) -> None:
        self.held += size


def entry(described: Any) -> Held:
    made = Held()
    made.request, made.arrived, made.deadline = described, 0.0, 1e9
    return made


def steps(codec: Codec, body: bytes, described: Any) -> Iterator[None]:
    """Decodes a body: a step for each slice. A refusal ends it."""
    refusal: ServerError | None = None
    try:
        slices = codec.decode(entry(described), body)
        yield
        if slices is not None:
            yield from slices
    except ServerError as error:
        refusal = error
    assert refusal is None or (len(refusal.message) < 600 and refusal.status < 500)


def calls_of(run: Iterator[None]) -> list[int]:
    """The calls that each step takes."""
    counted = [0]

    def count(*_: Any) -> None:
        counted[-1] += 1

    previous = sys.getprofile()
    sys.setprofile(count)
    try:
        for _ in run:
            counted.append(0)
    finally:
        sys.setprofile(previous)
    return counted


def peak_of(run: Iterator[None]) -> int:
    """The most memory that it takes at a time."""
    tracemalloc.start()
    try:
        for _ in run:
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def check_cost(
    codec: Codec, make: Callable[[int], bytes], described: Any, unpacked: Callable[[bytes], int] = len
) -> None:
    """Twice the body takes about twice the calls, and no slice takes many."""
    small, large = make(1), make(2)
    few, many = (calls_of(steps(codec, body, described)) for body in (small, large))
    for body, calls in ((small, few), (large, many)):
        assert max(calls) < CALLS_PER_SLICE
        assert sum(calls) < CALLS_PER_BYTE * unpacked(body) + CALLS_PER_SLICE
    assert sum(many) < 3 * sum(few) + CALLS_PER_SLICE
    assert peak_of(steps(codec, large, described)) < MEMORY_PER_BYTE * unpacked(large) + MEMORY


def check_any(kind: str, data: st.DataObject) -> None:
    """A body of some tokens, over and over."""
    codec, described, heads = KINDS[kind]
    head = data.draw(st.sampled_from(heads))
    unit = b"".join(data.draw(st.lists(st.sampled_from(TOKENS), min_size=1, max_size=4)))
    tail = data.draw(st.sampled_from([b"", b"1]}", b'"x"]}]}', b"]]}}"]))

    def make(times: int) -> bytes:
        count = (times * BODY_BYTES) // len(unit) + 1
        return head + b"".join([unit.replace(b"%d", b"%d" % number) for number in range(count)]) + tail

    check_cost(codec, make, described)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=2, deadline=None)
@given(data=st.data())
def test_no_repeated_body_costs_more_than_its_bytes(kind: str, data: st.DataObject) -> None:
    check_any(kind, data)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_none_of_many_repeated_bodies_costs_more_than_its_bytes(kind: str, data: st.DataObject) -> None:
    check_any(kind, data)


@pytest.mark.parametrize(
    ("kind", "head", "unit", "tail"),
    [
        ("predict, mixed", b'{"features":[', b"[],", b"[]]}"),
        ("predict, mixed", b'{"features":[[', b'1,2,"x"],[', b'1,2,"x"]]}'),
        ("predict, mixed", b"{", b'"key%d":1,', b'"a":1}'),
        ("predict, numbers", b'{"features":[', b"1,", b"true]}"),
        ("predict, numbers", b'{"features":' + b"[" * 100, b"[", b""),
        ("mlflow, json", b'{"dataframe_split":{"data":[[1,2,"x"]],"columns":[', b'"z",', b'"a"]}}'),
        ("csv, mixed", b"", b",", b""),
        ("csv, mixed", b"a,b,c\n", b"\n", b""),
        ("csv, mixed", b"a,b,c\n", b'"\n",', b""),
        ("csv, numbers", b",".join(b"x%d" % n for n in range(40)) + b"\n", b"1,", b"1\n"),
        ("v2, open", V2[0] % 1, b"0,", b'"x"]}]}'),
        ("v2, open", V2[0] % 1, b"[1],", b"[true]]}]}"),
        ("v2, fixed", V2[0] % MAX_ROWS, b"0,", b"0]}]}"),
        ("v2, texts", V2[1] % 1, b'"",', b"1]}]}"),
        ("v2, open", b'{"parameters":{', b'"key%d":1,', b'"a":1}}'),
    ],
)
def test_known_amplifiers_cost_no_more_than_their_bytes(kind: str, head: bytes, unit: bytes, tail: bytes) -> None:
    codec, described, _ = KINDS[kind]
    count = BODY_BYTES // len(unit)
    check_cost(
        codec,
        lambda times: head + b"".join([unit.replace(b"%d", b"%d" % n) for n in range(times * count)]) + tail,
        described,
    )


@pytest.mark.parametrize("unit", [b"0,", b"[],", b'"",', b" ", b"[", b"\0"])
def test_a_few_packed_bytes_cost_no_more_than_what_they_may_unpack_to(unit: bytes) -> None:
    for codec in (KINDS["v2, open"][0], KINDS["v2, fixed"][0], KINDS["v2, texts"][0]):
        check_cost(
            codec,
            lambda times: gzip.compress(V2[0] % 1 + unit * (50_000 * times) + b'"x"]}]}', 9),
            TensorHead(None, b"gzip"),
            lambda body: max(250 * len(body), 1 << 20),
        )


def test_empty_compressed_blocks_are_unpacked_a_few_at_a_time() -> None:
    blocks = b"\x78\x9c" + b"\0\0\0\xff\xff" * 200_000
    calls = calls_of(steps(KINDS["v2, open"][0], blocks, TensorHead(None, b"deflate")))
    assert len(calls) > len(blocks) // 20_000
    assert max(calls) < 100


def test_what_is_unpacked_is_held_and_a_small_part_does_not_keep_the_whole() -> None:
    json = b'{"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"parameters":{"binary_data_size":16}}]'
    padded = json + b" " * 100_000 + b"}"
    body = zlib.compress(padded + bytes(16), 9)
    made = entry(TensorHead(len(padded), b"deflate"))
    codec = KINDS["v2, open"][0]
    for _ in codec.decode(made, body) or ():
        pass
    assert made.held == len(padded) + 16
    assert isinstance(made.request[0][0], bytes)
    assert len(made.request[0][0]) == 16


def test_unpacking_stops_where_the_door_has_no_room() -> None:
    class Full(Held):
        def hold(self, size: int) -> None:
            super().hold(size)
            if self.held > 200_000:
                raise ServerError("overloaded", "full")

    made = Full()
    made.request, made.arrived, made.deadline = TensorHead(None, b"deflate"), 0.0, 1e9
    with pytest.raises(ServerError, match="full"):
        for _ in KINDS["v2, open"][0].decode(made, zlib.compress(bytes(1_000_000), 1)) or ():
            pass
    assert made.held < 400_000
