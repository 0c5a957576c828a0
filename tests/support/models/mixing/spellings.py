"""One file written otherwise than protobuf's own writers do: each spelling is the same, or another, to some reader.

Numbers wider than their type, fields twice, fields of another wire type, messages in two parts. Knows no rules.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import onnx

from server.artefact.wire import BYTES, FIXED32, FIXED64, VARINT, fields

WIDER = (1 << 32, 1 << 63, 1 << 64, (1 << 64) - (1 << 32))  # added to a number, whose type cuts it off
ALL_TAGS: Mapping[int, tuple[int, ...]] = {
    wire: tuple(number << 3 | wire for number in range(1, 32)) for wire in (VARINT, FIXED32, FIXED64)
}
Field = tuple[int, int, int, bytes]  # number, wire type, the number that stands there, its payload


def spellings(data: bytes) -> Iterator[bytes]:
    """All files with one field of `data` spelt otherwise, wherever it stands."""
    yield from _message(data, onnx.ModelProto.DESCRIPTOR)


def _message(data: bytes, kind: Any) -> Iterator[bytes]:
    found = _fields(data)
    for place, (number, wire, value, payload) in enumerate(found):
        before, after = b"".join(map(_written, found[:place])), b"".join(map(_written, found[place + 1 :]))
        described = kind.fields_by_number.get(number)
        for spelt in _field(number, wire, value, payload, described):
            yield before + spelt + after


def _field(number: int, wire: int, value: int, payload: bytes, kind: Any) -> Iterator[bytes]:
    same = _written((number, wire, value, payload))
    if wire == VARINT:
        for wider in (value + more for more in WIDER):
            yield _number(number << 3) + _number(wider)
        for other in (0, 1, value + 1):
            yield _number(number << 3) + _number(other) + same
            yield same + _number(number << 3) + _number(other)
        yield _number(number << 3 | BYTES) + _text(_number(value))  # as a list of one
        yield same + _number(number << 3 | FIXED64) + bytes(8)
    elif wire == BYTES:
        inner = kind.message_type if kind is not None else None
        for half in (b"", payload[: len(payload) // 2]):
            yield _number(number << 3 | BYTES) + _text(half) + same
            yield same + _number(number << 3 | BYTES) + _text(half)
        yield _number(number << 3) + b"\1" + same
        yield same + same
        yield b""
        if inner is not None:
            for part in _parts(payload):
                yield b"".join(_number(number << 3 | BYTES) + _text(piece) for piece in part)
            for spelt in _message(payload, inner):
                yield _number(number << 3 | BYTES) + _text(spelt)


def _parts(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """A message in two parts, which protobuf merges."""
    found = [*map(_written, _fields(payload))]
    for place in range(1, len(found)):
        yield b"".join(found[:place]), b"".join(found[place:])


def _fields(data: bytes) -> list[Field]:
    found: list[Field] = []
    for tag, start, stop in fields(data, 0, len(data), [tag for tags in ALL_TAGS.values() for tag in tags]):
        wire = tag & 7
        found.append((tag >> 3, wire, stop if wire == VARINT else 0, b"" if wire == VARINT else data[start:stop]))
    return found


def _written(field: Field) -> bytes:
    number, wire, value, payload = field
    tag = _number(number << 3 | wire)
    return tag + (_number(value) if wire == VARINT else _text(payload) if wire == BYTES else payload)


def _text(payload: bytes) -> bytes:
    return _number(len(payload)) + payload


def _number(value: int) -> bytes:
    """A varint, of more than 64 bits too."""
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
