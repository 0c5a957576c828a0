"""What a process measures of itself is what the kernel says, and nothing where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.metrics.process import PAGE_BYTES, Memory, Wanted, read_memory, read_wanted


def test_memory_is_what_the_kernel_says(tmp_path: Path) -> None:
    (tmp_path / "statm").write_text("1000 200 30 1 0 50 0\n")
    (tmp_path / "smaps_rollup").write_text("00-ff ---p 00000000 00:00 0 [rollup]\nRss: 800 kB\nPss:    512 kB\n")
    (tmp_path / "fd").mkdir()
    for number in range(3):
        (tmp_path / "fd" / str(number)).touch()
    assert read_memory(tmp_path) == Memory(1000 * PAGE_BYTES, 200 * PAGE_BYTES, 512 * 1024, 3)


def test_without_the_shares_all_that_is_resident_counts(tmp_path: Path) -> None:
    (tmp_path / "statm").write_text("1000 200 30 1 0 50 0\n")
    assert read_memory(tmp_path).proportional == 200 * PAGE_BYTES
    assert read_memory(tmp_path / "nowhere") == Memory(0, 0, 0, 0)


def test_a_thread_that_waits_for_a_processor_is_busy(tmp_path: Path) -> None:
    (tmp_path / "schedstat").write_text("1500000000 500000000 77\n")
    assert read_wanted(tmp_path / "schedstat").thread == pytest.approx(2.0)


def test_without_the_kernels_word_it_is_the_processor_time() -> None:
    wanted = read_wanted(Path("/nowhere"))
    assert 0.0 < wanted.thread <= wanted.processor or wanted == Wanted(wanted.processor, wanted.thread)
    assert wanted.processor > 0.0
