"""A request that is known by its bytes is read as it would be parsed; what is odd in it is refused as ever."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson
import pytest

from server.artefact.tensors import TensorSpec
from server.codecs.v2 import envelopes
from server.codecs.v2.body import TensorHead
from server.codecs.v2.codec import TensorCodec
from server.codecs.v2.envelopes import MAX_ENVELOPE_BYTES
from server.errors import ServerError
from tests.support.server.decoding import decode

OUTPUTS = (TensorSpec("y", np.dtype(np.float32), (None, 1)),)
# One request in many spellings: where its values stand, and what stands round them.
SPELLINGS = (
    b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":%b}]}',
    b'{"inputs": [{"name": "x", "data": %b, "datatype": "FP32", "shape": [1, 2]}]}',
    b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"INT64","data":\n%b\t}],"outputs":[{"name":"y"}]}',
    b'{"note":"\\"data\\":[1,2]","inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":%b}]}',
    b'{"data":[1,2],"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":%b}]}',
    b'{"inputs":[{"name":"x","data":[1,2],"shape":[1,2],"datatype":"FP64","data":%b}]}',
    b'{"inputs":[{"name":"x","data":%b,"shape":[1,2],"datatype":"FP64","data":[1,2]}]}',
    b'{"inputs":[{"name":"x","data":%b,"shape":[1,2],"datatype":"FP64"}],"inputs":[]}',
    b'{"x\\"data":[1,2],"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":%b}]}',
    b'{"id":"a","inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":%b}]}',
    b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data" :%b}]}',
    b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"BOOL","data":%b}]}',
    b'{"parameters":{"data":[3]},"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","data":%b}]}',
)
VALUES = (
    b"[1,2]",
    b"[[1,2]]",
    b"[ 9007199254740993 , -0.0]",
    b"[9007199254740992,1]",
    b"[1e400,1]",
    b"[1,2,3]",
    b"[1]",
    b"[]",
    b"[[1],[2]]",
    b"[true,1]",
    b"[true,false]",
    b"[null,1]",
    b'["1",2]',
    b"[1,2",
    b"[1,2]]",
    b"[1,2],[3]",
    b'[1,2],"shape":[2,1],"data":[3,4]',
    b"[1 2]",
    b"[NaN,1]",
    b"[1,]",
    b"1",
    b"null",
    b"[" * 900 + b"]" * 900,
    b"[" * 1023 + b"]" * 1023,
    b"",
)


def codec(*, dtype: Any = np.float64) -> TensorCodec:
    inputs = (TensorSpec("x", np.dtype(dtype), (None, 2)),)
    return TensorCodec("m", "1", inputs, OUTPUTS, row_independent=True, labels={}, max_rows=9, max_body_bytes=1 << 20)


def counting_codec(monkeypatch: pytest.MonkeyPatch) -> tuple[TensorCodec, list[bytes]]:
    """A codec, and what it has parsed so far."""
    target, parsed = codec(), list[bytes]()
    original = target._parse

    def counting(json: memoryview) -> Any:
        parsed.append(bytes(json))
        return original(json)

    monkeypatch.setattr(target, "_parse", counting)
    return target, parsed


def told(target: TensorCodec, json: bytes, binary: bytes | None = None) -> tuple[Any, ...]:
    """What a request is read as, or how it is refused."""
    try:
        entry = decode(target, json + (binary or b""), TensorHead(None if binary is None else len(json)))
    except ServerError as error:
        return error.code, str(error)
    buffers, wanted = entry.request
    group: Any = entry.group
    return [bytes(buffer) for buffer in buffers], wanted, entry.rows, group.layouts, group.outputs


@pytest.mark.parametrize("dtype", [np.float64, np.bool_])
@pytest.mark.parametrize("spelling", range(len(SPELLINGS)))
def test_what_is_known_by_its_bytes_is_read_as_when_it_is_parsed(spelling: int, dtype: Any) -> None:
    target, form = codec(dtype=dtype), SPELLINGS[spelling]
    for values in (b"[1,2]", b"[true,false]"):
        for _ in range(3):
            told(target, form % values)
    for values in VALUES:
        assert told(target, form % values) == told(codec(dtype=dtype), form % values), values


def test_it_is_not_parsed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    target, parsed = counting_codec(monkeypatch)
    for number in range(9):
        told(target, SPELLINGS[0] % (b"[%d,2]" % number))
    assert len(parsed) == 2
    binary = b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","parameters":{"binary_data_size":16}}]}'
    for number in range(9):
        assert told(target, binary, np.array([number, 1.0]).tobytes())[2] == 1
    assert len(parsed) == 4


@pytest.mark.parametrize("more", [b"[", b"[1,2]", b" [", b"[]}", b""])
def test_nothing_follows_a_request_whose_data_is_binary(more: bytes) -> None:
    tensor = b'{"name":"x","shape":[1,2],"datatype":"FP64","parameters":{"binary_data_size":16}}'
    for json in (
        b'{"inputs":[%b],"parameters":{"data":5}}' % tensor,
        b'{"parameters":{"data":"\\"data\\":"},"inputs":[%b],"outputs":[{"name":"y","parameters":{}}]}' % tensor,
    ):
        target = codec()
        for _ in range(3):
            assert told(target, json, bytes(16))[2] == 1
        assert told(target, json + more, bytes(16)) == told(codec(), json + more, bytes(16))


@pytest.mark.parametrize("binary", [b"", bytes(15), bytes(16), bytes(17)])
def test_binary_data_has_the_size_that_its_json_says(binary: bytes) -> None:
    json = b'{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP64","parameters":{"binary_data_size":16}}]}'
    target = codec()
    for _ in range(3):
        told(target, json, bytes(16))
    assert told(target, json, binary) == told(codec(), json, binary)
    longer = json[:-1] + b" }"
    assert told(target, longer, binary) == told(codec(), longer, binary)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelopes, "MAX_ENVELOPES", 4)
    target = codec()
    document = orjson.loads(SPELLINGS[0] % b"[1,2]")
    for number in range(30):
        for _ in range(2):
            told(target, orjson.dumps({"note": "x" * number} | document))
        assert 0 < len(target._verbatim) <= 4
    remembered = len(target._verbatim)
    for _ in range(2):
        told(target, orjson.dumps({"note": "x" * MAX_ENVELOPE_BYTES} | document))
    assert len(target._verbatim) == remembered


def test_of_what_ends_otherwise_the_newest_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    target, parsed = counting_codec(monkeypatch)
    forms = (SPELLINGS[0], SPELLINGS[0][:-1] + b',"outputs":[{"name":"y"}]}', SPELLINGS[0])
    for form in forms:
        for _ in range(5):
            assert told(target, form % b"[3,4]") == told(codec(), form % b"[3,4]")
    assert len(parsed) <= 2 + 2 + 1


IDS = (
    *(
        b'"a"',
        b'""',
        b'"7-x ~!"',
        b'"%b"' % (b"x" * 2000),
        b'"\\"data\\":[1,2]"',
        b'"\\u0041"',
        '"é"'.encode(),
        b'"\xff"',
    ),
    *(b'"\n"', b'"\x7f"', b'"a"b"', b'"a","id":"b"', b'"a","id":null', b'"a', b"null", b"1", b"[1]", b"", b'"\\"'),
)
AT_ITS_BEGINNING = (b'{"id":%b,', b'{"id": %b,', b'{ "id":%b,', b'{"id"  :%b,', b'{"id":%b ,')


def test_a_request_is_known_whatever_its_id_and_answered_under_its_own() -> None:
    rest = SPELLINGS[0] % b"[3,4]"
    for form in AT_ITS_BEGINNING:
        target = codec()
        for _ in range(3):
            told(target, form % b'"first"' + rest[1:])
            told(target, rest)
        for own in IDS:
            body = form % own + rest[1:]
            for other in (body, body.replace(b"[3,4]", b"[3,true]"), body.replace(b"}]}", b'}],"id":"last"}')):
                assert told(target, other) == told(codec(), other), other


def test_ids_are_no_part_of_what_is_remembered() -> None:
    target = codec()
    for number in range(9):
        told(target, SPELLINGS[9].replace(b'"a"', b'"%d"' % number) % b"[1,2]")
        told(target, SPELLINGS[0][:-1] % b"[1,2]" + b',"id":"%d"}' % number)  # behind: has an envelope alone
    assert len(target._verbatim) == 1
