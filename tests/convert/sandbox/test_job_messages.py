"""What parent and child say to each other: a job survives the way, nonsense is no message."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from convert.sandbox import job_messages
from convert.sandbox.job_messages import Broken, Job


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


@pytest.mark.parametrize("data", [b"", b"\x01", b"\xff" * 8, b"\x04\0\0\0\0\0\0\0null", b"\x01\0\0\0\0\0\0\0{"])
def test_nonsense_is_no_message(data: bytes) -> None:
    with pytest.raises(Broken):
        job_messages.read(io.BytesIO(data))
