"""Owns Landlock, the kernel's rules of what a process may still reach. Knows nothing of which files those are.

The numbers are those of <linux/landlock.h>; what a kernel knows of them grows with its ABI.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from server.confinement import kernel
from server.confinement.syscalls import Machine

ASK_VERSION, PATH_BENEATH = 1, 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
# How many of the rights over files each ABI knows; from 4 on it knows two over TCP, from 6 on two scopes.
RIGHTS_OVER_FILES = {1: 13, 2: 14, 3: 15, 4: 15}
NEWEST_RIGHTS = 16
TCP, SCOPES = 0b11, 0b11  # bind and connect; abstract sockets and signals of those outside


def abi(machine: Machine) -> int:
    """What the kernel has of it; 0 for nothing."""
    try:
        return kernel.ask(machine.numbers["landlock_create_ruleset"], 0, 0, ASK_VERSION)
    except OSError:
        return 0


def restrict(machine: Machine, version: int, readable: Iterable[Path], listable: Iterable[Path] = ()) -> None:
    """From here on this thread reads what lies beneath ``readable``, lists ``listable``, and writes nothing.

    It may trace no process outside, and where the ABI has it, neither signal one nor connect to it. Paths that are not
    there are left out. Raises OSError.
    """
    rights = (1 << RIGHTS_OVER_FILES.get(version, NEWEST_RIGHTS)) - 1
    words = (rights, *((TCP,) if version >= 4 else ()), *((SCOPES,) if version >= 6 else ()))
    attributes = ctypes.create_string_buffer(struct.pack(f"={len(words)}Q", *words))
    rules = kernel.ask(machine.numbers["landlock_create_ruleset"], attributes, 8 * len(words), 0)
    try:
        for path in readable:
            _allow(machine, rules, path, READ_FILE | READ_DIR)
        for path in listable:
            _allow(machine, rules, path, READ_DIR)
        kernel.ask(machine.numbers["landlock_restrict_self"], rules, 0)
    finally:
        os.close(rules)


def _allow(machine: Machine, rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        rights = rights if stat.S_ISDIR(os.fstat(opened).st_mode) else READ_FILE
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, opened))
        kernel.ask(machine.numbers["landlock_add_rule"], rules, PATH_BENEATH, rule, 0)
    finally:
        os.close(opened)
