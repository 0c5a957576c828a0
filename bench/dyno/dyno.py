"""Owns the stand-in dyno: what each type gives (``heroku.toml``), its limits round one command, its memory judged.

Knows nothing of HTTP. What this machine cannot enforce is said in ``Dyno.said`` and left out.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.dyno import cgroup
from bench.dyno.cgroup import Group
from bench.errors import BenchError
from bench.machine.processes import Child
from bench.machine.watch import looking, tree_of

SAMPLE_PERIOD_S = 20.0  # of Heroku's log-runtime-metrics
_LOOK_EVERY_S = 0.5  # oftener than Heroku, so that a short run does not miss what a long one would see
_MIB = 1 << 20
HEROKU = tomllib.loads(Path(__file__).with_name("heroku.toml").read_text("utf-8"))
_JOIN = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1" || exit 97; shift; n=$((n - 1)); done; '
_MEMORY = "/sys/fs/cgroup/memory"
_SHOW = (
    f'mount --bind "$1" {_MEMORY} && mount --bind "$2" /sys/fs/cgroup/cpu '
    f'&& mount --bind "$3" {_MEMORY}/memory.limit_in_bytes || exit 96; shift 3; '
)


@dataclass(frozen=True, slots=True)
class Size:
    """One dyno type; ``heroku.toml`` has the units."""

    name: str
    memory_mib: int
    kill_mib: int
    threads: int
    cores: float
    web_concurrency: int
    dollars: int
    scales: bool


SIZES = {name: Size(name, **size) for name, size in HEROKU["sizes"].items()}
CODES: dict[str, str] = HEROKU["codes"]


def size_named(name: str) -> Size:
    """Raises BenchError for a name that is no dyno type."""
    if (size := SIZES.get(name.lower())) is None:
        raise BenchError(f"no dyno type is called {name!r}; there are {', '.join(SIZES)}")
    return size


@dataclass(frozen=True, slots=True)
class Dyno:
    """One dyno of a type. ``cores`` is the share of the processor that it gets in this run.

    The group's own limit is the level at which Heroku kills. The command is shown the quota, as on Heroku: in the file
    ``shows``, mounted where a dyno has it; None where that cannot be (it needs root and control groups v1).
    """

    size: Size
    cores: float
    group: Group
    shows: Path | None

    @property
    def said(self) -> list[str]:
        """What is simulated and what is not, for the report."""
        share = f"{self.cores:g} core" + ("" if self.cores == 1 else "s")
        lines = [f"dyno {self.size.name}: {self.size.memory_mib} MB, {share}, {self.size.threads} threads"]
        lines += self.group.missing
        said = HEROKU["said"]["limited" if "memory" in self.group.directories else "unlimited"]
        lines.append(said.format(memory_mib=self.size.memory_mib, kill_mib=self.size.kill_mib))
        return lines if self.shows is not None else [*lines, HEROKU["said"]["unseen"]]

    def environment(self) -> dict[str, str]:
        """As Heroku's Python buildpack sets it."""
        own = {"DYNO_RAM": str(self.size.memory_mib), "WEB_CONCURRENCY": str(self.size.web_concurrency)}
        return {**HEROKU["environment"], **own}

    def wrap(self, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` inside the dyno, in the same process."""
        files = self.group.join_files()
        if not files:
            return list(command)
        arguments = [str(len(files)), *map(str, files)]
        if self.shows is None:
            return ["sh", "-c", f'{_JOIN}exec "$@"', "dyno", *arguments, *command]
        shown = (self.group.directories["memory"], self.group.directories["cpu"], self.shows)
        script = f'{_JOIN}{_SHOW}exec "$@"'  # joins before the mounts hide it
        return ["unshare", "--mount", "sh", "-c", script, "dyno", *arguments, *map(str, shown), *command]


@contextmanager
def dyno(size: Size, name: str, cores: float | None = None) -> Iterator[Dyno]:
    """A dyno for the length of the block. ``cores`` overrides the share that the type has in this model."""
    share = size.cores if cores is None else cores
    group = cgroup.make(f"dyno-{os.getpid()}-{name}", size.kill_mib * _MIB, share, size.threads)
    with tempfile.NamedTemporaryFile("w", prefix="dyno-quota-") as quota:
        quota.write(f"{size.memory_mib * _MIB}\n")
        quota.flush()
        try:
            yield Dyno(size, share, group, Path(quota.name) if _can_show(group.directories) else None)
        finally:
            group.remove()


def _can_show(directories: Mapping[str, Path]) -> bool:
    """Whether the limits can be mounted where a dyno has them: needs root, and control groups v1, as on Heroku."""
    memory, cpu = directories.get("memory"), directories.get("cpu")
    if memory is None or cpu is None or memory == cpu or shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0  # noqa: S607


@dataclass(slots=True)
class Judge:
    """Decides by one look after another. Memory in bytes; ``codes`` counts what Heroku would log.

    Heroku logs R14 once a sample period while resident memory, swap and cache are above the quota, and goes on; it logs
    R15 and kills once resident memory and swap are above the kill level.
    """

    quota: int
    kill: int
    codes: Counter[str]
    _next_r14: float = field(default=float("-inf"))

    def must_kill(self, at_s: float, resident: int, cache: int, oom_kills: int = 0) -> bool:
        """``resident`` is rss and swap. Counts R14 or R15; True for the latter."""
        if resident > self.kill or oom_kills:
            self.codes["R15"] += 1
            return True
        if resident + cache > self.quota and at_s >= self._next_r14:
            self.codes["R14"] += 1
            self._next_r14 = at_s + SAMPLE_PERIOD_S
        return False


@contextmanager
def guarding(dyno: Dyno | None, child: Child, codes: Counter[str]) -> Iterator[None]:
    """Hold the processes of ``child`` to the dyno's memory while the block lasts; does nothing without a dyno."""
    if dyno is None:
        yield
        return
    judge = Judge(dyno.size.memory_mib * _MIB, dyno.size.kill_mib * _MIB, codes)

    def look() -> bool:
        killed = judge.must_kill(time.monotonic(), *_memory(dyno.group, child))
        if killed:
            child.signal(signal.SIGKILL)
        return not killed

    with looking(look, _LOOK_EVERY_S):
        yield


def _memory(group: Group, child: Child) -> tuple[int, int, int]:
    """Resident (with swap), cache, and how often the kernel killed; by the processes where there is no group."""
    said = group.readings()
    if said.rss is None:
        return int(tree_of(child.pid)[0]), 0, 0
    return said.rss + (said.swap or 0), said.cache or 0, said.oom_kills or 0
