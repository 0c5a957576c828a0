"""Runs `python -m convert` as on a kernel without seccomp and Landlock: an outer filter says that they are missing.

An entry point: the words of the command follow.
"""

from __future__ import annotations

import ctypes
import struct
import sys

from convert.__main__ import main
from server.confinement import kernel, seccomp
from server.confinement.syscalls import this_machine
from server.confinement.walls import NO_NEW_PRIVILEGES


def take_away(*names: str) -> None:
    """From here on these system calls are missing, to this process and its children."""
    machine = this_machine()
    assert machine is not None
    lines = [(seccomp.LOAD, 0, 0, seccomp.NUMBER_AT)]
    for name in names:
        lines += [(seccomp.EQUAL, 0, 1, machine.numbers[name]), (seccomp.RETURN, 0, 0, seccomp.MISSING)]
    lines.append((seccomp.RETURN, 0, 0, seccomp.ALLOW))
    code = b"".join(struct.pack("=HBBI", *line) for line in lines)

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    kernel.prctl(NO_NEW_PRIVILEGES, 1)
    kernel.ask(machine.numbers["seccomp"], 1, 0, ctypes.byref(Program(len(lines), code)))


if __name__ == "__main__":
    take_away("seccomp", "landlock_create_ruleset")
    sys.exit(main(sys.argv[1:]))
