"""The filter's program, run here as the kernel runs it: both machines, every argument that matters."""

from __future__ import annotations

import struct

import pytest

from server.confinement import seccomp
from server.confinement.syscalls import MACHINES, Machine

PID, OTHER = 4711, 4712
AND_HIGH_BITS = 0xFFFFFFFF00000000


def judged(machine: Machine, name: str | int, *arguments: int, architecture: int | None = None) -> int:
    """What the program answers to one call."""
    number = machine.numbers[name] if isinstance(name, str) else name
    values = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = struct.pack("=IIQ6Q", number, architecture or machine.architecture, 0, *values)
    lines = list(struct.iter_unpack("=HBBI", seccomp.program(machine, PID)))
    at = accumulator = 0
    while True:
        code, if_true, if_false, constant = lines[at]
        at += 1
        match code:
            case seccomp.LOAD:
                accumulator = struct.unpack_from("=I", data, constant)[0]
            case seccomp.OR:
                accumulator |= constant
            case seccomp.RETURN:
                return int(constant)
            case seccomp.EQUAL:
                at += if_true if accumulator == constant else if_false
            case seccomp.GREATER:
                at += if_true if accumulator > constant else if_false
            case seccomp.AT_LEAST:
                at += if_true if accumulator >= constant else if_false
            case seccomp.ANY_BIT:
                at += if_true if accumulator & constant else if_false


THREAD_FLAGS = 0x3D0F00
CASES: tuple[tuple[str, tuple[int, ...], bool], ...] = (
    ("read", (), True),
    ("futex", (1, 2, 3), True),
    ("openat", (0, 0, 0o2000000), True),
    ("openat", (0, 0, 0o1), False),
    ("openat", (0, 0, 0o2), False),
    ("openat", (0, 0, 0o3), False),
    ("openat", (0, 0, 0o100), False),
    ("openat", (0, 0, 0o1000), False),
    ("openat", (0, 0, 0o20200000), False),
    ("openat", (0, 0, 0o20000), False),
    ("clone", (THREAD_FLAGS,), True),
    ("clone", (THREAD_FLAGS | 0x400000,), True),
    ("clone", (17,), False),
    ("clone", (THREAD_FLAGS | 0x10000000,), False),
    ("clone", (THREAD_FLAGS | 0x8000,), False),
    ("clone", (THREAD_FLAGS & ~0x10000,), False),
    ("ioctl", (0, 0x5401), True),
    ("ioctl", (0, 0x5412), False),
    ("ioctl", (0, AND_HIGH_BITS | 0x5412), False),
    ("fcntl", (0, 3), True),
    ("fcntl", (0, 4, 0o20000), False),
    ("fcntl", (0, 8), False),
    ("prctl", (15,), True),
    ("prctl", (1,), False),
    ("prctl", (4,), False),
    ("prlimit64", (0, 7, 0, 1), True),
    ("prlimit64", (PID, 7, 0, 1), True),
    ("prlimit64", (OTHER, 7, 0, 1), False),
    ("prlimit64", (0, 7, 1, 0), False),
    ("prlimit64", (0, 7, 1 << 32, 0), False),
    ("sched_setaffinity", (0,), True),
    ("sched_setaffinity", (OTHER,), False),
    ("kill", (PID, 9), True),
    ("kill", (OTHER, 0), False),
    ("kill", (-1, 0), False),
    ("kill", (0, 0), False),
    ("kill", (-PID, 0), False),
    ("tgkill", (PID, 1, 6), True),
    ("tgkill", (OTHER, 1, 6), False),
)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_arguments_decide(machine: Machine) -> None:
    for name, arguments, allowed in CASES:
        answer = judged(machine, name, *arguments)
        assert answer == (seccomp.ALLOW if allowed else seccomp.DENY), (name, arguments)


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_what_is_not_named_is_refused(machine: Machine) -> None:
    named = {number for name, number in machine.numbers.items() if name not in seccomp._BUILD_WALLS}
    answers = {number: judged(machine, number) for number in range(600)}
    assert {number for number, answer in answers.items() if answer == seccomp.ALLOW} <= named
    assert all(answer == seccomp.DENY for number, answer in answers.items() if number not in named and number <= 450)
    assert all(answers[number] == seccomp.MISSING for number in range(451, 600))
    assert {judged(machine, name) for name in ("clone3", "openat2")} == {seccomp.MISSING}
    assert {judged(machine, name) for name in ("seccomp", "landlock_restrict_self")} == {seccomp.DENY}


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_other_machines_numbers_kill(machine: Machine) -> None:
    assert judged(machine, "read", architecture=0x40000003) == seccomp.KILL
    assert judged(machine, 0x40000000) == seccomp.KILL
    assert judged(machine, 0xFFFFFFFF) == seccomp.KILL


def test_the_program_is_short_enough_for_the_kernel() -> None:
    assert all(len(seccomp.program(machine, PID)) // 8 < 4096 for machine in MACHINES.values())
