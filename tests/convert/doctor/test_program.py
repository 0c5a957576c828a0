"""A pickle is read as a text: what it would do is noted, and not done."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from convert.doctor import program
from convert.doctor.notes import Made, Name
from convert.doctor.program import read_program
from tests.support.convert.hostile import END, Calls


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_and_objects_are_noted_in_every_protocol(protocol: int) -> None:
    content = [{"a": (1, 2.5, None, True), "b": ["x", {3}]}, Path("a"), Calls(print, "x")]
    read = read_program(pickle.dumps(content, protocol))
    assert read.why_stopped == ""
    assert read.content[0]["a"] == (1, 2.5, None, True)
    made = [item for item in read.content[1:] if isinstance(item, Made)]
    assert [item.of.rpartition(".")[2] for item in made] == ["PosixPath", "print"]


def test_nothing_is_called_or_imported(tmp_path: Path) -> None:
    target = tmp_path / "ran"
    read = read_program(pickle.dumps(Calls(os.system, f"touch {target}")))
    assert list(read.names) == ["posix.system"]
    assert isinstance(read.content, Made)
    read = read_program(b"cno_such_module_at_all\nthing\n.")
    assert read.content == Name("no_such_module_at_all.thing")
    assert not target.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80",
        END,
        b"\x80\x04\x95" + b"\xff" * 8,
        b"e.",  # APPENDS without a mark
        b"R.",
        b"h\x00.",
        b"\x80\x02]q\x00h\x00h\x00a.",  # a list in itself
        b"\x80\x05\x8e" + b"\xff" * 8,  # more bytes than there are
        b"I" + b"9" * 100_000 + b"\n.",  # a number of more digits than Python reads
    ],
)
def test_what_is_broken_breaks_nothing(content: bytes) -> None:
    read_program(content)


def test_no_name_is_made_of_what_is_no_text() -> None:
    """A tuple of a tuple of a tuple, each twice, would be 2^60 characters."""
    doubled = b"(t" + b"2\x86" * 60  # DUP, TUPLE2
    read = read_program(b"\x80\x04" + doubled + b"\x8c\x01x\x93.")
    assert list(read.names) == ["?.x"]


def test_so_many_steps_are_read_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_OPCODES", 1000)
    read = read_program(b"\x80\x04]" + b"N" * 5000 + b".")
    assert "only its first 1,000 steps" in read.why_stopped
