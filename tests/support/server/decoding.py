"""Decodes bodies as a door does, and shows the filled entries."""

from __future__ import annotations

from typing import Any

from server.artefact.tensors import Buffer
from server.batching.entry import Entry, PiecedAnswer
from server.codecs.codec import Codec
from server.codecs.slices import finish


class Decoded(Entry):
    """An entry that a codec has filled, and its answer."""

    group: Any  # a concrete group, whose own methods a test may want
    body: bytes | None = None

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """One per input."""
        buffers: tuple[Buffer, ...] = self.request[0]
        return buffers

    @property
    def single(self) -> bool:
        """Of JSON rows: whether it is one bare row."""
        return bool(self.request[1])

    def answer(self, body: bytes) -> None:
        self.body = body

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        self.body = b"".join(answer.pieces)


def decode(codec: Codec, body: bytes | bytearray, described: Any = None) -> Decoded:
    """The entry of a body; ``described``: what `read_headers` returned. Raises ServerError."""
    entry = Decoded()
    entry.arrived, entry.deadline = 0.0, 1e9
    entry.request = described
    if (slices := codec.decode(entry, body)) is not None:
        finish(slices)
    return entry
