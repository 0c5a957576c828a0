"""Owns the kernel's filter for the child process: no network, no program, no process, no change to a file. Linux only.

The filter answers "not permitted" to a list of system calls and lets all others through; threads stay possible.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
from typing import Any

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 38, 22, 2
ALLOW, DENY, MISSING = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM; ENOSYS makes the C library fall back
LOAD_WORD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER_AT, ARCHITECTURE_AT, FIRST_ARGUMENT_AT = 0, 4, 16
CLONE_THREAD = 0x00010000
CREATES = 0o100 | 0o1000  # O_CREAT, O_TRUNC: opening so changes the disk though nothing can be written

X86_64: dict[str, Any] = {
    "architecture": 0xC000003E,
    "clone": 56,
    "missing": (435, 437),  # clone3, openat2: their flags stand where no filter sees them
    "opens": ((2, 1), (257, 2)),  # open, openat: which argument holds the flags
    "denied": (
        41, 42, 43, 49, 50, 53, 288,  # socket, connect, accept, bind, listen, socketpair, accept4
        57, 58, 59, 322,  # fork, vfork, execve, execveat
        62, 101, 200, 234, 310, 311,  # kill, ptrace, tkill, tgkill, process_vm_readv, process_vm_writev
        76, 82, 83, 84, 85, 86, 87, 88, 90, 92,  # truncate, rename, mkdir, rmdir, creat, link, unlink, symlink, ch*
        258, 260, 263, 264, 265, 266, 268, 316,  # mkdirat, fchownat, unlinkat, renameat, linkat, symlinkat, ...
        165, 166, 272, 308, 321, 425,  # mount, umount, unshare, setns, bpf, io_uring_setup
    ),
}  # fmt: skip
AARCH64: dict[str, Any] = {
    "architecture": 0xC00000B7,
    "clone": 220,
    "missing": (435, 437),
    "opens": ((56, 2),),
    "denied": (
        198, 203, 202, 200, 201, 199, 242, 221, 281, 129, 117, 130, 131, 270, 271, 45, 38, 276, 34, 35, 36, 37, 53, 54,
        40, 39, 97, 268, 280, 425,
    ),
}  # fmt: skip
TABLES = {"x86_64": X86_64, "aarch64": AARCH64}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def apply() -> bool:
    """Filters this process and all its threads for good; False where the system has no such filter."""
    table = TABLES.get(platform.machine()) if sys.platform == "linux" else None
    if table is None:
        return False
    code = _filter(table)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _filter(table: dict[str, Any]) -> bytes:
    """The program, in the kernel's classic instructions of eight bytes each."""
    missing, opens, denied = table["missing"], table["opens"], table["denied"]
    lines = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, table["architecture"]),
        (RETURN, 0, 0, DENY),
        (LOAD_WORD, 0, 0, NUMBER_AT),
    ]
    for number in missing:
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, MISSING)]
    for number in denied:
        lines += [(EQUAL, 0, 1, number), (RETURN, 0, 0, DENY)]
    for number, argument in opens:
        flags = FIRST_ARGUMENT_AT + 8 * argument
        lines += [(EQUAL, 0, 4, number), (LOAD_WORD, 0, 0, flags), (ANY_BIT, 0, 1, CREATES)]
        lines += [(RETURN, 0, 0, DENY), (RETURN, 0, 0, ALLOW)]
    lines += [
        (EQUAL, 0, 3, table["clone"]),
        (LOAD_WORD, 0, 0, FIRST_ARGUMENT_AT),
        (ANY_BIT, 1, 0, CLONE_THREAD),
        (RETURN, 0, 0, DENY),
        (RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
