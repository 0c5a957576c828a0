"""Owns the kernel's filter of system calls: what is not on the list is refused. Knows nothing of files or of why.

A refused call is an error ("Operation not permitted"), not a death: a library that can do without goes on, and a person
reads which call it was. Only numbers of another kind of machine (x32 among them), which no honest library uses, kill.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from server.confinement import kernel
from server.confinement.syscalls import NEWEST, Machine

SET_MODE_FILTER, ALL_THREADS = 1, 1
KILL, ALLOW, DENY, MISSING = 0x80000000, 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # DENY: EPERM; MISSING: ENOSYS
LOAD, EQUAL, GREATER, AT_LEAST, ANY_BIT, OR, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x44, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16  # in the kernel's struct seccomp_data
X32 = 0x40000000  # in a number: the call of a third machine, with other numbers, on x86-64

# Flags of open(2): write, create, truncate, a file without a name, signals to whom it belongs.
CHANGES = 0o3 | 0o100 | 0o1000 | 0o20000000 | 0o20000
# What the C library starts a thread with, and nothing else; musl sets DETACHED, which the kernel ignores.
THREAD, DETACHED = 0x3D0F00, 0x400000
ASKS_OF_A_FILE = (0x5401, 0x802C542A, 0x5413, 0x5450, 0x5451)  # is it a terminal, how wide, closed by exec or not
DUPLICATES_AND_FLAGS = (0, 1, 2, 3, 1030)  # F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC: no owner, no signal
NAMES_A_THREAD_OR_MEMORY = (15, 16, 0x53564D41)


class OneOf(NamedTuple):
    """An argument of 32 bits is one of these, apart from the bits that are ``ignored``."""

    argument: int
    values: tuple[int, ...]
    ignored: int = 0

    def lines(self) -> Iterator[Line]:
        """Goes on behind the last line, or refuses."""
        yield LOAD, 0, 0, _at(self.argument)
        if self.ignored:
            yield OR, 0, 0, self.ignored
        for at, value in enumerate(self.values):
            yield EQUAL, len(self.values) - at, 0, value | self.ignored
        yield RETURN, 0, 0, DENY


class Without(NamedTuple):
    """An argument of 32 bits has none of these bits."""

    argument: int
    bits: int

    def lines(self) -> Iterator[Line]:
        """Goes on behind the last line, or refuses."""
        yield LOAD, 0, 0, _at(self.argument)
        yield ANY_BIT, 0, 1, self.bits
        yield RETURN, 0, 0, DENY


class Null(NamedTuple):
    """An argument is a null pointer."""

    argument: int

    def lines(self) -> Iterator[Line]:
        """Goes on behind the last line, or refuses."""
        for half in (0, 4):
            yield LOAD, 0, 0, _at(self.argument) + half
            yield EQUAL, 1, 0, 0
            yield RETURN, 0, 0, DENY


if TYPE_CHECKING:  # Python 3.8, round which these walls stand as well, cannot say it
    Line = tuple[int, int, int, int]  # one instruction: code, jump if true, jump if false, constant
    Check = OneOf | Without | Null


def _at(argument: int) -> int:
    return ARGUMENTS_AT + 8 * argument  # both machines put the low half first


def _checked(pid: int) -> Mapping[str, tuple[Check, ...]]:
    """The calls of which the arguments matter."""
    return {
        "open": (Without(1, CHANGES),),
        "openat": (Without(2, CHANGES),),
        "clone": (OneOf(0, (THREAD,), ignored=DETACHED),),
        "ioctl": (OneOf(1, ASKS_OF_A_FILE),),
        "fcntl": (OneOf(1, DUPLICATES_AND_FLAGS),),
        "prctl": (OneOf(0, NAMES_A_THREAD_OR_MEMORY),),
        "prlimit64": (OneOf(0, (0, pid)), Null(2)),
        "sched_setaffinity": (OneOf(0, (0,)),),
        "kill": (OneOf(0, (pid,)),),
        "tgkill": (OneOf(0, (pid,)),),
    }


# Their flags stand in memory, where no filter sees them; told that they are missing, the C library uses the older call.
_MISSING = frozenset({"clone3", "openat2"})
_BUILD_WALLS = frozenset({"seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"})


def install(machine: Machine, pid: int) -> None:
    """Filters this process, whose id is ``pid``, and all its threads, for good. Raises OSError."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    code = program(machine, pid)
    pointer = ctypes.byref(Program(len(code) // 8, code))
    if kernel.ask(machine.numbers["seccomp"], SET_MODE_FILTER, ALL_THREADS, pointer):
        raise OSError("a thread has a filter of its own")


def program(machine: Machine, pid: int) -> bytes:
    """The filter, in the kernel's classic instructions of eight bytes each."""
    checked = _checked(pid)
    lines: list[Line] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, machine.architecture),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
        (AT_LEAST, 0, 1, X32),
        (RETURN, 0, 0, KILL),
        (GREATER, 0, 1, NEWEST),
        (RETURN, 0, 0, MISSING),
    ]
    for name, number in machine.numbers.items():
        if name not in _BUILD_WALLS:
            checks = [line for check in checked.get(name, ()) for line in check.lines()]
            answer = MISSING if name in _MISSING else ALLOW
            lines += [(EQUAL, 0, len(checks) + 1, number), *checks, (RETURN, 0, 0, answer)]
    lines.append((RETURN, 0, 0, DENY))
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
