"""Owns the stand-in dyno: the limits of a dyno type round one command, and what Heroku's environment says.

Knows nothing of HTTP. What this machine cannot enforce is said in ``Dyno.said`` and left out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.dyno import cgroup
from bench.dyno.cgroup import Group, Limits, Readings
from bench.dyno.sizes import Size

_MIB = 1 << 20
_JOIN = 'n=$1; shift; while [ "$n" -gt 0 ]; do echo $$ >"$1" || exit 97; shift; n=$((n - 1)); done; '
_MEMORY = "/sys/fs/cgroup/memory"
_SHOW = (
    f'mount --bind "$1" {_MEMORY} && mount --bind "$2" /sys/fs/cgroup/cpu '
    f'&& mount --bind "$3" {_MEMORY}/memory.limit_in_bytes || exit 96; shift 3; '
)


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
        if "memory" in self.group.directories:
            lines.append(
                f"memory above {self.size.memory_mib} MB counts as R14 each 20 s, above {self.size.kill_mib} MB the "
                "dyno is killed (R15); Heroku swaps above the quota, which makes it slow: nothing swaps here"
            )
        else:
            lines.append("R14 and R15 are counted by the processes' own memory, looked at twice a second")
        if self.shows is None:
            lines.append(
                "the server cannot see these limits (that needs root and control groups v1): it plans for this machine"
            )
        return lines

    def environment(self) -> dict[str, str]:
        """As Heroku's Python buildpack sets it."""
        return {
            "DYNO": "web.1",
            "DYNO_RAM": str(self.size.memory_mib),
            "WEB_CONCURRENCY": str(self.size.web_concurrency),
            "WEB_CONCURRENCY_SET_BY": "heroku/python",
            "FORWARDED_ALLOW_IPS": "*",
            "PYTHONUNBUFFERED": "true",
        }

    def wrap(self, command: Sequence[str]) -> list[str]:
        """The command that runs ``command`` inside the dyno, in the same process."""
        files = [str(file) for file in self.group.join_files()]
        if not files:
            return list(command)
        script, arguments = _JOIN, [str(len(files)), *files]
        prefix: list[str] = []
        if self.shows is not None:
            shown = [str(self.group.directories[controller]) for controller in ("memory", "cpu")] + [str(self.shows)]
            prefix, script, arguments = (
                ["unshare", "--mount"],
                _JOIN + _SHOW,
                [*arguments, *shown],
            )  # joins before the mounts hide it
        return [*prefix, "sh", "-c", f'{script}exec "$@"', "dyno", *arguments, *command]

    def readings(self) -> Readings:
        """Memory and throttling up to now."""
        return self.group.readings()


@contextmanager
def dyno(size: Size, name: str, cores: float | None = None) -> Iterator[Dyno]:
    """A dyno for the length of the block. ``cores`` overrides the share that the type has in this model."""
    share = size.cores if cores is None else cores
    group = cgroup.make(f"dyno-{os.getpid()}-{name}", Limits(size.kill_mib * _MIB, share, size.threads))
    with tempfile.NamedTemporaryFile("w", prefix="dyno-quota-") as quota:
        quota.write(f"{size.memory_mib * _MIB}\n")
        quota.flush()
        try:
            yield Dyno(size, share, group, Path(quota.name) if _can_show(group.directories) else None)
        finally:
            group.remove()


def _can_show(directories: Mapping[str, Path]) -> bool:
    """Whether the limits can be mounted where a dyno has them: needs root, and control groups v1, as on Heroku."""
    if not {"memory", "cpu"} <= directories.keys() or shutil.which("unshare") is None:
        return False
    if directories["memory"] == directories["cpu"]:
        return False
    probe = ["unshare", "--mount", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0  # noqa: S603
