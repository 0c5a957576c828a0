"""Memory against the quota as Heroku counts it: R14 a sample period, R15 and a kill."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from bench.dyno.dyno import dyno
from bench.dyno.quota import SAMPLE_PERIOD_S, Judge, guarding
from bench.dyno.sizes import size_named
from bench.machine.processes import Child, clean_environment

MIB = 1 << 20


@pytest.fixture
def judge() -> Judge:
    return Judge(512 * MIB, 1024 * MIB, Counter())


def test_below_the_quota_nothing_is_logged(judge: Judge) -> None:
    assert not judge.must_kill(0.0, 400 * MIB, 100 * MIB)
    assert not judge.codes


def test_cache_counts_for_r14_and_not_for_r15(judge: Judge) -> None:
    assert not judge.must_kill(0.0, 400 * MIB, 2000 * MIB)
    assert judge.codes == {"R14": 1}


def test_r14_is_logged_once_a_sample_period(judge: Judge) -> None:
    for look in range(81):
        judge.must_kill(look * SAMPLE_PERIOD_S / 40, 600 * MIB, 0)
    assert judge.codes == {"R14": 3}


def test_above_the_kill_level_or_killed_by_the_kernel_is_r15(judge: Judge) -> None:
    assert judge.must_kill(0.0, 1025 * MIB, 0)
    assert judge.must_kill(0.0, 10 * MIB, 0, oom_kills=1)
    assert judge.codes == {"R15": 2}


@pytest.mark.parametrize(("mib", "code", "status"), [(600, "R14", 0), (1100, "R15", -9)])
def test_a_real_dyno_is_judged(tmp_path: Path, mib: int, code: str, status: int) -> None:
    hold = f"import time; held = bytearray({mib} << 20); time.sleep(1.5)"
    codes: Counter[str] = Counter()
    with dyno(size_named("standard-1x"), "quota") as made:
        command = made.wrap([sys.executable, "-c", hold])
        with (
            Child(command, tmp_path / "log", clean_environment(), members=made.group.processes) as child,
            guarding(made, child, codes),
        ):
            assert child.wait(30) == status
            if code == "R15":  # the kernel was quicker than the look; the next one sees that it killed
                while not codes[code]:
                    pass
    assert codes[code] == 1
