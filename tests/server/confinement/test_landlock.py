"""What is asked of Landlock fits what each kernel's ABI knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.confinement import kernel, landlock
from server.confinement.syscalls import MACHINES

Calls = list[tuple[int, tuple[object, ...]]]
MACHINE = MACHINES["x86_64"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    made: Calls = []

    def ask(number: int, *arguments: object) -> int:
        made.append((number, arguments))
        return os.open(os.devnull, os.O_RDONLY) if number == 444 else 0

    monkeypatch.setattr(kernel, "ask", ask)
    return made  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("version", "size", "rights"),
    [(1, 8, 13), (2, 8, 14), (3, 8, 15), (4, 16, 15), (5, 16, 16), (6, 24, 16), (7, 24, 16), (99, 24, 16)],
)
def test_an_old_kernel_is_asked_for_what_it_knows(version: int, size: int, rights: int, calls: Calls) -> None:
    landlock.restrict(MACHINE, version, ())
    (_, (attributes, given, _)), (restricted, _) = calls
    words = memoryview(attributes).cast("B")[:size].cast("Q").tolist()  # type: ignore[arg-type]
    assert (given, words) == (size, [(1 << rights) - 1, 3, 3][: size // 8])
    assert restricted == 446


def test_a_file_is_read_a_folder_listed_and_what_is_not_there_left_out(tmp_path: Path, calls: Calls) -> None:
    (tmp_path / "file").touch()
    landlock.restrict(MACHINE, 1, [tmp_path, tmp_path / "file", tmp_path / "gone"])
    rules = [memoryview(arguments[2]).cast("B")[:8].cast("Q")[0] for number, arguments in calls if number == 445]  # type: ignore[arg-type]
    assert rules == [landlock.READ_FILE | landlock.READ_DIR, landlock.READ_FILE]


def test_a_kernel_without_it_has_version_0(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(kernel, "ask", missing)
    assert landlock.abi(MACHINE) == 0
