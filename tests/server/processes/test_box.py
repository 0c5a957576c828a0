"""What a box allows, and when it is another. Time is moved by hand."""

from __future__ import annotations

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
