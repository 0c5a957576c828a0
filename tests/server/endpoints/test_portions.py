"""A large answer in portions: every byte in order, none copied, none of them kept once taken."""

from __future__ import annotations

import pytest

from server.endpoints.portions import PORTION_BYTES, Portions


@pytest.mark.parametrize(
    "sizes",
    [[1], [PORTION_BYTES], [PORTION_BYTES + 1], [1, 3 * PORTION_BYTES, 1], [16_384] * 100, [0, 5, 0]],
    ids=["small", "one", "one and a byte", "within a piece", "many pieces", "empty pieces"],
)
def test_portions_are_the_whole_in_order(sizes: list[int]) -> None:
    pieces: list[bytes | memoryview] = [bytes([at % 251]) * size for at, size in enumerate(sizes)]
    portions = Portions(pieces)
    taken: list[bytes] = []
    while portions.left:
        before = portions.left
        portion = b"".join(portions.take())
        assert len(portion) == min(PORTION_BYTES, before) == before - portions.left
        taken.append(portion)
    assert b"".join(taken) == b"".join(pieces)
    assert len(taken) == max(1, -(-sum(sizes) // PORTION_BYTES))


def test_nothing_is_copied() -> None:
    piece = bytes(2 * PORTION_BYTES)
    assert [part.obj is piece for part in Portions([piece]).take()] == [True]
