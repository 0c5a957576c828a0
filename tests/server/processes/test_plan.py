"""The dyno plan: from cgroup files to a number of workers."""

from __future__ import annotations

import pytest

from server.processes.plan import MIB, Box, make_plan, read_box

V1_NO_LIMIT = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("files", "processors", "box"),
    [
        ({}, 8, Box(None, 8.0)),
        ({"memory.max": "536870912\n", "cpu.max": "100000 100000\n"}, 8, Box(512 * MIB, 1.0)),
        ({"memory.max": "max\n", "cpu.max": "max 100000\n"}, 4, Box(None, 4.0)),
        ({"cpu.max": "150000 100000\n"}, 8, Box(None, 1.5)),
        ({"cpu.max": "800000 100000\n"}, 2, Box(None, 2.0)),
        ({"memory.limit_in_bytes": "1073741824\n"}, 8, Box(1024 * MIB, 8.0)),
        ({"memory.limit_in_bytes": V1_NO_LIMIT}, 8, Box(None, 8.0)),
        ({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, 3, Box(None, 3.0)),
        ({"cpu.cfs_quota_us": "50000\n", "cpu.cfs_period_us": "100000\n"}, 3, Box(None, 0.5)),
        ({"memory.max": "", "cpu.max": ""}, 1, Box(None, 1.0)),
        ({"cpu.max": "100000 0\n"}, 2, Box(None, 2.0)),
        ({"cpu.max": "much of it\n"}, 2, Box(None, 2.0)),
    ],
)
def test_read_box(files: dict[str, str], processors: int, box: Box) -> None:
    assert read_box(files, processors) == box


@pytest.mark.parametrize(
    ("memory_mib", "cpus", "workers", "reason"),
    [
        (512, 8, 1, "memory"),  # eight cores are seen on a Standard-1X, and a share of about one is had
        (1024, 8, 2, "memory"),
        (14 * 1024, 8, 8, "cores"),
        (256, 1, 1, "cores"),
        (None, 2, 2, "cores"),
        (None, 0.5, 1, "cores"),
        (None, 3.9, 3, "cores"),
    ],
)
def test_workers_come_from_memory_and_cores(memory_mib: int | None, cpus: float, workers: int, reason: str) -> None:
    memory = None if memory_mib is None else memory_mib * MIB
    plan = make_plan(Box(memory, cpus), None, 1)
    assert (plan.workers, plan.workers_from) == (workers, reason)
    assert (plan.memory_bytes, plan.cpus) == (memory, cpus)


def test_what_a_person_asks_for_counts() -> None:
    plan = make_plan(Box(512 * MIB, 1.0), 7, 2)
    assert (plan.workers, plan.workers_from, plan.ort_threads) == (7, "WEB_CONCURRENCY", 2)


def test_who_has_a_core_to_itself() -> None:
    box = Box(None, 2.0)
    assert [make_plan(box, workers, 1).core_each for workers in (None, 1, 2, 3)] == [True, True, True, False]
