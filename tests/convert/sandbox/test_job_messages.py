"""What parent and child say to each other: a job survives the way, nonsense is no message."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import pytest

from convert.sandbox import job_messages
from convert.sandbox.job_messages import Broken, Inspected, Job


def test_a_job_survives_the_way_and_its_paths_become_absolute() -> None:
    taught, trusted = Path("t.py"), ("a.B", "c.D")
    job = Job(Path("m.pkl"), "m", None, Path("rows.csv"), trusted, "model", True, taught, 12.5, 1 << 30, True)
    here = Path.cwd()
    arrived = Job.from_bytes(job.to_bytes())
    assert (arrived.model, arrived.data, arrived.converters) == (here / "m.pkl", here / "rows.csv", here / "t.py")
    assert Job.from_bytes(arrived.to_bytes()) == arrived
    assert (arrived.name, arrived.onnx, arrived.trusted, arrived.key) == ("m", None, ("a.B", "c.D"), "model")
    assert (arrived.any_version, arrived.timeout_seconds, arrived.memory_bytes) == (True, 12.5, 1 << 30)
    assert arrived.allow_ties


def test_messages_come_in_order_with_their_blobs() -> None:
    pipe = io.BytesIO()
    job_messages.write(pipe, "progress", text="é", share=0.5)
    job_messages.write(pipe, "done", b"file")
    pipe.seek(0)
    assert job_messages.read(pipe) == ({"kind": "progress", "text": "é", "share": 0.5}, b"")
    assert job_messages.read(pipe) == ({"kind": "done"}, b"file")


class Claims(io.BytesIO):
    """A pipe that notes how much is asked of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.most = max(self.most, size or 0)
        return super().read(size)


def test_no_memory_is_asked_for_by_what_a_message_claims() -> None:
    for claimed in ((2, job_messages.MOST_BLOB_BYTES), (job_messages.MOST_TEXT_BYTES, 0)):
        pipe = Claims(job_messages.HEADER.pack(*claimed) + b"{}")
        with pytest.raises(Broken):
            job_messages.read(pipe)
        assert pipe.most <= job_messages.PIECE_BYTES
    for claimed in ((2, job_messages.MOST_BLOB_BYTES + 1), (job_messages.MOST_TEXT_BYTES + 1, 0)):
        pipe = Claims(job_messages.HEADER.pack(*claimed) + b"{}")
        with pytest.raises(Broken):
            job_messages.read(pipe)
        assert pipe.most == job_messages.HEADER.size


def test_what_was_inspected_survives_the_way() -> None:
    seen = Inspected({"dynonnx.format": "1"}, "drawn", [("input", "X", "float64", [None, 4])])
    assert Inspected.from_bytes(seen.to_bytes()) == seen


@pytest.mark.parametrize(
    "said", [b"", b"1", b"{}", b'{"metadata": 1}', b'{"metadata": {}, "doc_string": "", "signature": [1]}']
)
def test_what_is_no_inspection_is_broken(said: bytes) -> None:
    with pytest.raises(Broken):
        Inspected.from_bytes(said)


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xff" * 8, b"\x04\0\0\0\0\0\0\0null", b"\x01\0\0\0\0\0\0\0{"])
def test_nonsense_is_no_message(data: bytes) -> None:
    with pytest.raises(Broken):
        job_messages.read(io.BytesIO(data))


@pytest.mark.parametrize("filling", [b"[],", b"{},", b"1,", b'"",'])
def test_values_are_counted_before_they_are_made(filling: bytes) -> None:
    """16 MB of empty lists took half a gigabyte."""
    many = b'{"a":[' + filling * (job_messages.MOST_VALUES + 1)
    for text in (many[:-1] + b"]}", many):
        message = job_messages.HEADER.pack(len(text), 0) + text
        tracemalloc.start()
        with pytest.raises(Broken):
            job_messages.read(io.BytesIO(message))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 * len(text)
    with pytest.raises(Broken):
        Inspected.from_bytes(
            b'{"metadata":{},"doc_string":"","signature":[' + b"[]," * job_messages.MOST_METADATA_VALUES
        )
