"""Owns the reading of requirement files: names, versions, hashes. Pure; installs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Pin:
    """One version of a package, and the SHA-256 of each file that may be installed as it."""

    version: str
    hashes: tuple[str, ...] = ()


def read_pins(file: Path) -> dict[str, Pin]:
    """The pins of one file by normalised name, without those of the files that it includes. Raises ValueError.

    Of a package that is pinned twice, for several Pythons, the lower version counts.
    """
    pins: dict[str, Pin] = {}
    for line in file.read_text("utf-8").replace("\\\n", " ").splitlines():
        asked = line.partition("#")[0].strip()
        if not asked or asked.startswith("-"):
            continue
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[a-z,]+\])?==([0-9][0-9A-Za-z.]*)(?=[\s;]|$)", asked)
        if match is None:
            raise ValueError(f"{file.name} does not pin one version: {asked}")
        name = normalised(match[1])
        pin = Pin(match[2], tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", asked)))
        if name not in pins or release(pin.version) < release(pins[name].version):
            pins[name] = pin
    return pins


def normalised(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def release(version: str) -> tuple[int, ...]:
    """A version's numbers, to be compared; what stands after them does not count."""
    return tuple(int(part) for part in re.findall(r"\d+", re.match(r"[0-9.]*", version)[0]))  # type: ignore[index]
