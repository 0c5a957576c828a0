"""Files with some bytes changed by chance: flipped, cut off, repeated, or whole fields swapped with each other."""

from __future__ import annotations

from random import Random

from server.artefact.wire import BYTES, fields

NUMBERS = (0, 1, 0x7F, 0x80, 0xFF)


def mutated(data: bytes, chance: Random) -> bytes:
    """The file with one to four changes."""
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        data = chance.choice([_flipped, _flipped, _cut, _repeated, _swapped, _swapped])(data, chance)
    return data


def _flipped(data: bytes, chance: Random) -> bytes:
    at = chance.randrange(len(data) or 1)
    return data[:at] + bytes([chance.choice([*NUMBERS, chance.randrange(256)])]) + data[at + 1 :]


def _cut(data: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(data) or 1)
    return data[:start] if chance.random() < 0.3 else data[:start] + data[start + chance.randrange(1, 9) :]


def _repeated(data: bytes, chance: Random) -> bytes:
    start = chance.randrange(len(data) or 1)
    part = data[start : start + chance.randrange(1, 200)]
    return data[:start] + part * chance.choice([2, 3]) + data[start + len(part) :]


def _swapped(data: bytes, chance: Random) -> bytes:
    """Two fields of one message change places, so that lengths still fit: nodes, inputs, shapes, constants."""
    start, stop = 0, len(data)
    for _ in range(chance.randrange(1, 5)):
        try:
            found = [(at, end) for tag, at, end in fields(data, start, stop) if tag & 7 == BYTES and end - at > 3]
        except (ValueError, IndexError):
            break
        if len(found) > 1 and chance.random() < 0.5:
            (a, b), (c, d) = sorted(chance.sample(found, 2))
            if b - a == d - c:
                return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]
        if not found:
            break
        start, stop = chance.choice(found)
    return _flipped(data, chance)
