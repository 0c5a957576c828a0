"""Owns protobuf's wire format: the fields of a message, without a schema and without a copy. Knows no ONNX.

No allocation depends on a length that the bytes claim.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; groups (3, 4) are in no ONNX file


class BadFile(ValueError):
    """The file cannot be served. The message continues its name: "is empty: copy it again"."""


# One regex match skips a sequence of numbers that are not read; forests have millions.
_ONE_NUMBER = {VARINT: rb"[\x80-\xff]{0,9}[\x00-\x7f]", FIXED64: rb"[\x00-\xff]{8}", FIXED32: rb"[\x00-\xff]{4}"}
_NUMBER_SEQUENCES = {
    tag: re.compile(b"(?:%b%b)++" % (re.escape(bytes([tag])), _ONE_NUMBER[tag & 7]))
    for tag in range(8, 128)
    if tag & 7 in _ONE_NUMBER
}


def fields(data: bytes, at: int, end: int, number_tags: Container[int] = ()) -> Iterator[tuple[int, int, int]]:
    """Yields fields with a length as (tag, start, end); of ``number_tags`` floats too, varints as (tag, 0, number).

    Raises BadFile for a field beyond its message, IndexError for one beyond the file.
    """
    while at < end:
        tag = data[at]
        if (numbers := _NUMBER_SEQUENCES.get(tag)) is not None and tag not in number_tags:
            match = numbers.match(data, at, end)
            if match is None:
                raise _overrun(data, end)
            at = match.end()
            continue
        tag, at = varint(data, at)
        wire = tag & 7
        if not 8 <= tag < 1 << 32 or wire not in (VARINT, FIXED64, BYTES, FIXED32):
            raise damaged()
        if wire == BYTES:
            length, at = varint(data, at)
            stop = at + length
            if stop > end:
                raise _overrun(data, end)
            yield tag, at, stop
            at = stop
        elif wire == VARINT:
            number, at = varint(data, at)
            if tag in number_tags:
                yield tag, 0, number
        else:
            stop = at + (4 if wire == FIXED32 else 8)
            if tag in number_tags:
                yield tag, at, stop
            at = stop
    if at > end:
        raise _overrun(data, end)


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at ``at`` and its end. Raises IndexError at the end of the file, BadFile after 10 bytes.

    Also for one of more than 64 bits, which protobuf cuts off: to it that is another number.
    """
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    number = byte & 0x7F
    for place in range(1, 10):
        byte = data[at + place]
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            if number >> 64:
                break
            return number, at + place + 1
    raise damaged()


def _overrun(data: bytes, end: int) -> Exception:
    return truncated(data) if end == len(data) else damaged()


def truncated(data: bytes) -> BadFile:
    return BadFile(
        f"ends in the middle, after {len(data)} bytes: copy the whole file again, unless it is still being written"
    )


def damaged() -> BadFile:
    return BadFile("is damaged, or no ONNX file at all: copy it again, or convert the model")
