"""The numbers are those of the kernel's headers, where these are installed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from server.confinement.syscalls import MACHINES

# ARM64 has the generic numbers. Of two spellings of a number a 64-bit machine has the first.
HEADERS = {
    "x86_64": (Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), r"#define __NR_(\w+) (\d+)"),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"), r"#define __NR(?:3264)?_(\w+) (\d+)"),
}
SPELT_OTHERWISE = {"newfstatat": "fstatat"}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_linuxs_own(machine: str) -> None:
    header, pattern = HEADERS[machine]
    if not header.is_file():
        pytest.skip("the kernel's headers for this machine are not installed")
    found = {name: int(number) for name, number in re.findall(pattern, header.read_text())}
    for name, number in MACHINES[machine].numbers.items():
        assert found.get(name, found.get(SPELT_OTHERWISE.get(name, ""))) == number, name
