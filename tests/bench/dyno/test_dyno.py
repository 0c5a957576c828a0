"""The stand-in dyno: its limits hold where this machine can enforce them, what it cannot is said; R14, R15, a kill."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dyno import cgroup
from bench.dyno.dyno import SAMPLE_PERIOD_S, SIZES, Dyno, Judge, dyno, guarding, size_named
from bench.errors import BenchError
from bench.machine.processes import Child, clean_environment

MIB = 1 << 20


@pytest.fixture
def quarter() -> Iterator[Dyno]:
    with dyno(size_named("standard-1x"), "test", cores=0.25) as made:
        yield made


def run(made: Dyno, program: str) -> subprocess.CompletedProcess[str]:
    command = made.wrap([sys.executable, "-c", program])
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def need(made: Dyno, controller: str) -> None:
    if controller not in made.group.directories or made.group.missing:
        pytest.skip(f"this machine limits no {controller}: {made.group.missing}")


def test_a_command_runs_whatever_can_be_enforced(quarter: Dyno) -> None:
    assert run(quarter, "print('served')").stdout == "served\n"
    assert "dyno standard-1x: 512 MB, 0.25 cores" in quarter.said[0]


def test_memory_beyond_the_quota_is_not_fatal_and_beyond_the_kill_level_is(quarter: Dyno) -> None:
    need(quarter, "memory")
    assert run(quarter, "bytearray(600 << 20)").returncode == 0
    assert run(quarter, "bytearray(1100 << 20)").returncode == -9
    assert quarter.group.readings().oom_kills == 1


def test_a_quarter_of_a_core_is_a_quarter_and_throttling_is_counted(quarter: Dyno) -> None:
    need(quarter, "cpu")
    spin = "import time, os\nend = time.time() + 1.2\nwhile time.time() < end: pass\nprint(sum(os.times()[:2]))"
    used = float(run(quarter, spin).stdout)
    assert used < 0.6
    if used < 0.2:
        pytest.skip("others use this machine: no quarter of a core is left")
    assert (quarter.group.readings().throttled_s or 0) > 0


def test_threads_are_limited(quarter: Dyno) -> None:
    need(quarter, "pids")
    start = "threading.Thread(target=time.sleep, args=(9,), daemon=True).start()"
    many = f"import threading, time\nfor _ in range(300): {start}"
    assert "can't start new thread" in run(quarter, many).stderr


def test_the_command_sees_its_own_limits(quarter: Dyno) -> None:
    if quarter.shows is None:
        pytest.skip("limits cannot be shown here")
    seen = run(quarter, "print(open('/sys/fs/cgroup/memory/memory.limit_in_bytes').read())")
    assert int(seen.stdout) == 512 << 20


def test_nothing_is_left_behind(quarter: Dyno) -> None:
    directories = list(quarter.group.directories.values())
    sleeper = subprocess.Popen(
        quarter.wrap([sys.executable, "-c", "print(1, flush=True); import signal; signal.pause()"]),
        stdout=subprocess.PIPE,
    )
    with sleeper:
        assert sleeper.stdout is not None
        sleeper.stdout.readline()
        quarter.group.remove()
    assert not any(directory.exists() for directory in directories)


def test_a_system_without_groups_says_so() -> None:
    group = cgroup.make("none", 1 << 20, 1.0, 10, places={})
    assert len(group.missing) == 3
    assert "memory not limited" in group.missing[0]
    assert group.join_files() == []


def test_v2_files_are_written_where_there_are_such(tmp_path: Path) -> None:
    place = tmp_path / "own"
    made = place / "box"
    made.mkdir(parents=True)
    for file in ("memory.max", "cpu.max", "pids.max", "cgroup.procs"):
        (made / file).touch()
    (place / "cgroup.controllers").write_text("cpu memory pids", "ascii")
    group = cgroup.make("box", 512 << 20, 0.25, 256, dict.fromkeys(("memory", "cpu", "pids"), place))
    assert group.missing == []
    assert (made / "memory.max").read_text("ascii") == str(512 << 20)
    assert (made / "cpu.max").read_text("ascii") == "25000 100000"
    assert (made / "pids.max").read_text("ascii") == "256"
    assert group.join_files() == [made / "cgroup.procs"]
    (made / "memory.stat").write_text("anon 1000\nfile 50\n", "ascii")
    (made / "memory.swap.current").write_text("7\n", "ascii")
    (made / "memory.events").write_text("oom 1\noom_kill 1\n", "ascii")
    (made / "cpu.stat").write_text("usage_usec 9\nthrottled_usec 1500000\n", "ascii")
    readings = group.readings()
    assert (readings.rss, readings.cache, readings.swap) == (1000, 50, 7)
    assert (readings.throttled_s, readings.oom_kills) == (1.5, 1)


def test_own_places_are_found_in_both_versions() -> None:
    v1 = "4:memory:/a/b\n2:cpu,cpuacct:/\n0::/x\n"
    mounts = (
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
    )
    places = cgroup.own_places(v1, mounts)
    assert places["memory"] == Path("/sys/fs/cgroup/memory/a/b")
    assert places["cpu"] == Path("/sys/fs/cgroup/cpu")


def test_every_size_is_named_and_an_unknown_one_refused() -> None:
    assert [size_named(name.upper()).name for name in SIZES] == list(SIZES)
    with pytest.raises(BenchError, match="standard-1x"):
        size_named("huge")


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
