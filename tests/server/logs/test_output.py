"""The way of lines out: nobody who reads them slowly, or not at all, is waited for."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.logs.output import LINE_BYTES, QUEUE_BYTES, LineOutput, stop_waiting_for_reader
from tests.support.server.pipe import Pipe

LINE = b"x" * 99 + b"\n"


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_lines_come_out_as_they_went_in(pipe: Pipe) -> None:
    lines = LineOutput(pipe.writer)
    assert lines.write(b"one\n")
    assert lines.write(b"two\n")
    assert pipe.read() == b"one\ntwo\n"
    assert not lines.is_stalled


def test_a_stalled_reader_costs_the_newest_lines_and_the_oldest_come_in_order(pipe: Pipe) -> None:
    lines = LineOutput(pipe.writer)
    pipe.fill()
    taken = [lines.write(b"%03d " % number + LINE) for number in range(1000)]
    kept = sum(taken)
    assert taken == [True] * kept + [False] * (1000 - kept)
    assert 0 < kept * (len(LINE) + 4) <= QUEUE_BYTES
    assert lines.retry() == 0
    pipe.read()
    read = b""
    for _ in range(4):
        assert lines.retry() == 0
        read += pipe.read()
    assert [int(line[:3]) for line in read.splitlines()] == list(range(kept))
    assert lines.write(LINE)


def test_a_line_of_the_largest_size_is_written_whole_or_not_at_all(pipe: Pipe) -> None:
    pipe.fill()
    lines = LineOutput(pipe.writer)
    os.read(pipe.reader, LINE_BYTES - 1)
    long = b"y" * (LINE_BYTES - 1) + b"\n"
    assert lines.write(long)
    assert b"y" not in pipe.read()
    lines.retry()
    assert pipe.read() == long


def test_a_reader_that_has_gone_costs_each_line_and_nothing_else(pipe: Pipe) -> None:
    lines = LineOutput(pipe.writer)
    pipe.fill()
    assert lines.write(LINE)
    pipe.close_reader()
    assert lines.retry() == 1
    assert not lines.write(LINE)
    assert not lines.is_stalled


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_costs_each_line() -> None:
    with Path("/dev/full").open("wb", 0) as full:
        lines = LineOutput(full.fileno())
        assert [lines.write(LINE) for _ in range(3)] == [False, False, False]


def test_a_closed_descriptor_costs_each_line(pipe: Pipe) -> None:
    spare = os.dup(pipe.writer)
    os.close(spare)
    assert not LineOutput(spare).write(LINE)


def test_draining_ends_with_the_queue_or_the_time(pipe: Pipe) -> None:
    lines = LineOutput(pipe.writer)
    pipe.fill()
    lines.write(LINE)
    lines.drain(0.01)
    assert lines.is_stalled
    pipe.read()
    lines.drain(10.0)
    assert pipe.read() == LINE


def test_what_is_forgotten_is_not_written(pipe: Pipe) -> None:
    lines = LineOutput(pipe.writer)
    pipe.fill()
    lines.write(LINE)
    lines.forget()
    pipe.read()
    lines.retry()
    assert pipe.read() == b""
    pipe.fill()
    assert sum(lines.write(LINE) for _ in range(1000)) == QUEUE_BYTES // len(LINE), "its room is free again"


@pytest.mark.skipif(sys.platform != "linux", reason="a pipe can be opened anew through /proc, which is Linux's")
def test_other_holders_of_the_pipe_still_wait_for_their_reader() -> None:
    reader, shells = os.pipe()
    ours = os.dup(shells)
    stop_waiting_for_reader(ours)
    assert (os.get_blocking(shells), os.get_blocking(ours)) == (True, False)
    for descriptor in (reader, shells, ours):
        os.close(descriptor)


def test_where_it_cannot_be_opened_anew_the_flag_is_set_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied")

    reader, writer = os.pipe()
    monkeypatch.setattr("server.logs.output.os.open", refuse)
    stop_waiting_for_reader(writer)
    assert not os.get_blocking(writer)
    os.close(reader)
    os.close(writer)


def test_files_are_left_as_they_are(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as file:
        stop_waiting_for_reader(file.fileno())
        assert os.get_blocking(file.fileno())


def test_closed_standard_descriptors_are_taken_and_cannot_be_written() -> None:
    code = """
import os
from server.logs.output import reserve_standard_descriptors
os.close(0), os.close(1)
reserve_standard_descriptors()
fresh = os.open(os.devnull, os.O_WRONLY)
assert fresh > 2, fresh
try:
    os.write(1, b"x")
except OSError:
    raise SystemExit(7)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=False)
    assert done.returncode == 7
