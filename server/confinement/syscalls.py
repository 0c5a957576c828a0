"""Owns the numbers of the system calls that the walls name, by machine. Pure data, from Linux's own headers."""

from __future__ import annotations

import platform
import struct
import sys
from collections.abc import Mapping
from typing import NamedTuple

NEWEST = 450  # the highest number that was looked at; what came later is answered as a kernel without it would


class Machine(NamedTuple):
    """A kind of processor: what the kernel's filter calls it, and its number of each system call it has."""

    architecture: int
    numbers: Mapping[str, int]


# The calls of which both machines have their own number: x86-64, ARM64.
_BOTH: Mapping[str, tuple[int, int]] = {
    "read": (0, 63), "write": (1, 64), "readv": (19, 65), "writev": (20, 66), "pread64": (17, 67), "close": (3, 57),
    "lseek": (8, 62), "dup": (32, 23), "close_range": (436, 436), "openat": (257, 56), "fcntl": (72, 25),
    "ioctl": (16, 29), "fstat": (5, 80), "newfstatat": (262, 79), "statx": (332, 291), "statfs": (137, 43),
    "fstatfs": (138, 44), "faccessat": (269, 48), "faccessat2": (439, 439), "readlinkat": (267, 78), "getcwd": (79, 17),
    "getdents64": (217, 61), "fadvise64": (221, 223), "ppoll": (271, 73), "pselect6": (270, 72), "mmap": (9, 222),
    "mprotect": (10, 226), "munmap": (11, 215), "mremap": (25, 216), "madvise": (28, 233), "mincore": (27, 232),
    "brk": (12, 214), "futex": (202, 98), "set_robust_list": (273, 99), "rseq": (334, 293), "clone": (56, 220),
    "set_tid_address": (218, 96), "membarrier": (324, 283), "sched_yield": (24, 124), "getcpu": (309, 168),
    "sched_getaffinity": (204, 123), "sched_setaffinity": (203, 122), "rt_sigaction": (13, 134), "uname": (63, 160),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "rt_sigpending": (127, 136), "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "nanosleep": (35, 101), "clock_nanosleep": (230, 115),
    "clock_gettime": (228, 113), "clock_getres": (229, 114), "gettimeofday": (96, 169), "times": (100, 153),
    "getrusage": (98, 165), "getrlimit": (97, 163), "prlimit64": (302, 261), "sysinfo": (99, 179), "prctl": (157, 167),
    "getrandom": (318, 278), "getpid": (39, 172), "getppid": (110, 173), "gettid": (186, 178), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "kill": (62, 129), "tgkill": (234, 131),
    "exit": (60, 93), "exit_group": (231, 94), "clone3": (435, 435), "openat2": (437, 437), "seccomp": (317, 277),
    "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445), "landlock_restrict_self": (446, 446),
}  # fmt: skip
_X86_64_ONLY = {
    "open": 2, "stat": 4, "lstat": 6, "poll": 7, "access": 21, "select": 23, "pause": 34, "readlink": 89,
    "arch_prctl": 158, "time": 201,
}  # fmt: skip

MACHINES = {
    "x86_64": Machine(0xC000003E, {**{name: pair[0] for name, pair in _BOTH.items()}, **_X86_64_ONLY}),
    "aarch64": Machine(0xC00000B7, {name: pair[1] for name, pair in _BOTH.items()}),
}


def this_machine() -> Machine | None:
    """The machine this process runs on; None where the walls do not know it."""
    known = sys.platform == "linux" and struct.calcsize("P") == 8
    return MACHINES.get(platform.machine()) if known else None
