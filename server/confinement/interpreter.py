"""Owns which files Python and its packages read while they work. Knows nothing of who may read them."""

from __future__ import annotations

import sys
from pathlib import Path

# Shared libraries and their loader, the time zones, and what libraries ask of the machine: processors and limits.
_OF_THE_SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/usr/share/zoneinfo",
    "/usr/share/locale", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu",
    "/sys/devices/system/node", "/sys/fs/cgroup",
)  # fmt: skip
_OF_PACKAGES = ("site-packages", "dist-packages")  # what holds installed packages and nothing else is called so
_OWN_PACKAGES = ("server", "convert")
ROOT = Path(__file__).resolve().parents[2]


def paths_it_reads() -> list[Path]:
    """The standard library, the packages on the path, our own code, the system's libraries.

    The folder that our packages stand in, unless they are installed, and the one where the command was typed, are no
    packages: they may hold anything.
    """
    on_path = {Path(entry or ".").resolve() for entry in sys.path}
    packages = on_path - {folder for folder in (ROOT, Path.cwd().resolve()) if folder.name not in _OF_PACKAGES}
    own = [ROOT / name for name in _OWN_PACKAGES]
    return [Path(sys.base_prefix, "lib"), *sorted(packages), *own, *map(Path, _OF_THE_SYSTEM)]
