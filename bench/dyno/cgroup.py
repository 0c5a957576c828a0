"""Owns a control group with limits, v1 or v2, whichever this machine offers. Linux only; knows nothing of dynos.

Each limit is tried by itself: what the kernel refuses is left out and said, never fatal.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.machine.processes import wait_until

PERIOD_US = 100_000
_GONE_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Readings:
    """What a group has used so far; None for what this machine does not count. Memory in bytes, time in seconds."""

    rss: int | None = None
    cache: int | None = None
    swap: int | None = None
    throttled_s: float | None = None
    oom_kills: int | None = None


@dataclass(slots=True)
class Group:
    """One directory for each controller that could be had (v2: the same one for all), and what could not."""

    directories: dict[str, Path] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def join_files(self) -> list[Path]:
        """Writing a process number to each of these puts that process into the group."""
        return sorted({directory / "cgroup.procs" for directory in self.directories.values()})

    def processes(self) -> list[int]:
        """All process numbers in the group."""
        pids: set[int] = set()
        for file in self.join_files():
            with suppress(OSError):  # the group has gone since
                pids.update(int(pid) for pid in file.read_text("ascii").split())
        return sorted(pids)

    def readings(self) -> Readings:
        """How much has been used."""
        memory, cpu = (self.directories.get(controller) for controller in ("memory", "cpu"))
        used, held = _pairs(memory, "memory.stat"), _pairs(cpu, "cpu.stat")
        kills = _pairs(memory, "memory.oom_control") | _pairs(memory, "memory.events")
        swap = int(_read(memory and memory / "memory.swap.current") or 0)
        throttled_s = held.get("throttled_time", 0) / 1e9 + held.get("throttled_usec", 0) / 1e6  # v1, v2
        return Readings(
            rss=used.get("total_rss", used.get("anon")),
            cache=used.get("total_cache", used.get("file")),
            swap=used.get("total_swap", swap) if used else None,
            throttled_s=throttled_s if held else None,
            oom_kills=kills.get("oom_kill"),
        )

    def limit(self, controller: str, place: Path | None, name: str, files: Mapping[str, str]) -> None:
        """Make ``name`` in ``place``, write its value to the first of ``files`` that is there. Raises OSError."""
        if place is None:
            raise OSError("this machine has no such controller")
        directory = place / name
        if (place / "cgroup.controllers").exists():
            (place / "cgroup.subtree_control").write_text(f"+{controller}", "ascii")
        directory.mkdir(exist_ok=True)
        self.directories[controller] = directory
        for file, limit in files.items():
            if (directory / file).exists():
                (directory / file).write_text(limit, "ascii")
                return
        raise OSError(f"{directory} takes no limit")

    def remove(self) -> None:
        """Kill what is still inside and take the directories away."""

        def is_empty() -> bool:
            processes = self.processes()
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not processes

        wait_until(is_empty, _GONE_WITHIN_S)
        for directory in set(self.directories.values()):
            with suppress(OSError):  # one that stays behind is empty and limits nobody
                directory.rmdir()


def make(name: str, memory: int, cores: float, threads: int, places: Mapping[str, Path] | None = None) -> Group:
    """A new group below this process's own, or in ``places``, its directories by controller.

    ``memory`` in bytes, ``cores`` of processor time, ``threads`` with processes.
    """
    group, places = Group(), own_places() if places is None else places
    quota_us = int(cores * PERIOD_US)
    for controller, what, files in (
        ("memory", "memory", {"memory.limit_in_bytes": f"{memory}", "memory.max": f"{memory}"}),
        ("cpu", "processor share", {"cpu.cfs_quota_us": f"{quota_us}", "cpu.max": f"{quota_us} {PERIOD_US}"}),
        ("pids", "number of threads", {"pids.max": f"{threads}"}),
    ):
        place = places.get(controller)
        try:
            group.limit(controller, place, name, files)
        except OSError as error:
            why = f"{error.strerror} ({place})" if error.strerror else f"{error}"
            group.missing.append(f"{what} not limited: {why}")
    return group


def own_places(cgroups: str | None = None, mounts: str | None = None) -> dict[str, Path]:
    """Where this process's groups are, by controller, from the text of /proc/self/cgroup and /proc/self/mountinfo."""
    cgroups = _read(Path("/proc/self/cgroup")) if cgroups is None else cgroups
    mounts = _read(Path("/proc/self/mountinfo")) if mounts is None else mounts
    paths = {names: path for _, names, path in (line.split(":", 2) for line in cgroups.splitlines())}
    places: dict[str, Path] = {}
    for before, after in (line.split(" - ", 1) for line in mounts.splitlines()):
        root, mount = before.split()[3:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup":
            for names, path in paths.items():
                if names and set(names.split(",")) <= set(options.split(",")):
                    places |= dict.fromkeys(names.split(","), _below(mount, root, path))
        elif kind == "cgroup2" and "" in paths:
            own = _below(mount, root, paths[""])
            for controller in _read(own / "cgroup.controllers").split():
                places.setdefault(controller, own)
    return places


def _below(mount: str, root: str, path: str) -> Path:
    return Path(mount + path.removeprefix(root if root != "/" else "").rstrip("/"))


def _pairs(directory: Path | None, file: str) -> dict[str, int]:
    lines = (line.split() for line in _read(directory and directory / file).splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}


def _read(file: Path | None) -> str:
    with suppress(FileNotFoundError):
        return file.read_text("utf-8") if file is not None else ""
    return ""
