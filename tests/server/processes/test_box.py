"""What a box allows, and when it is another. Time is moved by hand."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from server.processes import box as module
from server.processes.box import LOOK_SECONDS, BoxWatch, read_own_box
from server.processes.plan import MIB, Box

SMALL, LARGE = Box(512 * MIB, 1.0), Box(1024 * MIB, 2.0)


@pytest.mark.parametrize("folders", [("", ""), ("memory", "cpu")])
def test_limits_are_read_of_either_kind_of_cgroup(
    folders: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    assert read_own_box() == Box(None, 8.0)
    if folders[0]:
        (tmp_path / "memory").mkdir()
        (tmp_path / "cpu").mkdir()
        (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{512 * MIB}\n")
        (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("250000\n")
        (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    else:
        (tmp_path / "memory.max").write_text(f"{512 * MIB}\n")
        (tmp_path / "cpu.max").write_text("250000 100000\n")
    assert read_own_box() == Box(512 * MIB, 2.5)


def test_a_box_is_another_once_two_looks_have_found_it_so() -> None:
    boxes = [SMALL, LARGE, LARGE, LARGE, SMALL, LARGE, SMALL, SMALL]
    watch = BoxWatch(SMALL, iter(boxes).__next__)
    found = [watch.look(LOOK_SECONDS * number) for number in range(len(boxes))]
    assert found == [None, None, LARGE, None, None, None, None, SMALL]


def test_nothing_is_read_between_two_looks() -> None:
    reads: list[Box] = []

    def read() -> Box:
        reads.append(SMALL)
        return SMALL

    watch = BoxWatch(SMALL, read)
    for number in range(100):
        assert watch.look(100.0 + number * LOOK_SECONDS / 50) is None
    assert len(reads) == 2


class Unreadable:
    """A folder none of whose files can be opened, for one reason."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __truediv__(self, path: str) -> Unreadable:
        return self

    def read_text(self, *_: str) -> str:
        raise OSError(self._number, "no")


@pytest.mark.fault(38)
def test_a_limit_that_cannot_be_read_for_want_of_descriptors_is_not_taken_for_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else a server in a small box would plan for all processors and memory of the machine."""
    watch = BoxWatch(SMALL)
    monkeypatch.setattr(module, "ROOT", Unreadable(errno.EMFILE))
    with pytest.raises(OSError, match="no"):
        read_own_box()
    assert [watch.look(number * LOOK_SECONDS) for number in range(4)] == [None] * 4
    monkeypatch.setattr(module, "ROOT", Unreadable(errno.ENOENT))
    assert read_own_box().memory_bytes is None
