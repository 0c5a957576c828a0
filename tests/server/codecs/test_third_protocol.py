"""A protocol that the server does not have fits through the seam as it is: a codec, its group, an entry, no more."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Generator, Sequence

import numpy as np

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.entry import Entry, PiecedAnswer
from server.codecs.codec import Codec, Headers
from server.endpoints.entering import HotRoute, enter
from server.errors import ServerError
from server.metrics.families import RouteName
from tests.support.server.rig import Curve, NumbersEntry, Rig, in_loop


class WordsGroup:
    """Requests of little-endian int64 words for the output ``double``."""

    outputs: tuple[str, ...] = ("double",)
    rows_first = True
    route_name: RouteName = "infer"  # what it is called in metrics: a name of its own goes into ROUTE_NAMES
    counts_stages = True

    def feed(self, entries: Sequence[Entry], start: int | None, rows: int) -> Feed:
        """One ``[rows, 1]`` matrix."""
        words = np.concatenate([np.frombuffer(entry.request, "<i8") for entry in entries])
        return {"X": (words if start is None else words[start : start + rows]).reshape(rows, 1)}

    def deliver(self, entries: Sequence[Entry], outputs: Sequence[Array]) -> None:
        """Words again."""
        row = 0
        for entry in entries:
            if not entry.done:
                entry.done = True
                words = outputs[0][row : row + entry.rows].astype("<i8")
                entry.answer_in_pieces(PiecedAnswer([words.tobytes()], b"application/x-words", []))
            row += entry.rows

    def deliver_in_slices(self, entry: Entry, outputs: Sequence[Array]) -> Generator[None, None, None]:
        """Words again, at once."""
        self.deliver([entry], outputs)
        yield

    def question(self, entry: Entry) -> bytes:
        """The words."""
        return b"words" + bytes(entry.request)

    def request_bytes(self, entry: Entry) -> int:
        """Those of the words."""
        return len(entry.request)

    def request_for_all(self, entry: Entry) -> bytes:
        """The same words."""
        return bytes(entry.request)

    def repeat(self, entry: Entry, answer: bytes | PiecedAnswer) -> None:
        """The same answer."""
        assert isinstance(answer, PiecedAnswer)
        entry.answer_in_pieces(answer)


class WordsCodec:
    """The protocol: words in, words out; its header says how many."""

    reads_headers = True
    counts_stages = True
    _group = WordsGroup()

    def read_headers(self, headers: Headers) -> int:
        """The number of words."""
        return int(dict(headers)[b"words"])

    def decode(self, entry: Entry, body: bytes | bytearray) -> None:
        """Raises ServerError ``bad_request`` for any other number of words."""
        if len(body) != 8 * entry.request:
            raise ServerError("bad_request", f"expected {entry.request} words")
        entry.group, entry.request, entry.rows = self._group, bytes(body), len(body) // 8


class WordsEntry(Entry):
    """What a third door would wait with."""

    def __init__(self, words: int) -> None:
        super().__init__()
        self.request = WordsCodec().read_headers([(b"words", b"%d" % words)])
        self.deadline, self.arrived = 1e9, 0.0
        self.outcome: asyncio.Future[PiecedAnswer | ServerError] = asyncio.get_running_loop().create_future()

    def answer_in_pieces(self, answer: PiecedAnswer) -> None:
        self.outcome.set_result(answer)

    def refuse(self, error: ServerError) -> None:
        self.outcome.set_result(error)


def route_to(rig: Rig) -> HotRoute:
    codec: Codec = WordsCodec()
    return HotRoute("/words", rig.batcher, codec, timed=True)


def words(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}q", *numbers)


@in_loop
async def test_it_is_batched_and_each_gets_its_own() -> None:
    rig = Rig()
    entries = [WordsEntry(count) for count in (1, 3, 2)]
    for number, entry in enumerate(entries):
        enter(route_to(rig), entry, words(*range(number, number + entry.request)))
    answers = [await entry.outcome for entry in entries]
    assert [answer.pieces for answer in answers if isinstance(answer, PiecedAnswer)] == [
        [words(0)],
        [words(2, 4, 6)],
        [words(4, 6)],
    ]
    assert len(rig.runtime.runs) == 1
    assert rig.count('nv_inference_compute_output_duration_us{model="m",version="1"}') >= 0


@in_loop
async def test_it_shares_no_run_with_another_protocol_and_both_are_answered() -> None:
    rig = Rig()
    json, entry = NumbersEntry(7), WordsEntry(1)
    rig.submit(json)
    enter(route_to(rig), entry, words(5))
    assert await json.served()
    answer = await entry.outcome
    assert isinstance(answer, PiecedAnswer)
    assert answer.pieces == [words(10)]
    assert rig.runtime.rows == [[7], [5]]


@in_loop
async def test_a_large_one_is_served_in_pieces_and_put_together() -> None:
    rig = Rig(Curve(), max_batch_rows=4)
    entry = WordsEntry(10)
    enter(route_to(rig), entry, words(*range(10)))
    answer = await entry.outcome
    assert isinstance(answer, PiecedAnswer)
    assert answer.pieces == [words(*range(0, 20, 2))]
    assert [len(rows) for rows in rig.runtime.rows] == [4, 4, 2]


@in_loop
async def test_what_its_codec_refuses_is_counted_and_never_waits() -> None:
    rig = Rig()
    entry = WordsEntry(2)
    enter(route_to(rig), entry, words(1))
    error = await entry.outcome
    assert isinstance(error, ServerError)
    assert error.code == "bad_request"
    assert rig.failures("bad_request") == 1
    assert rig.runtime.runs == []
