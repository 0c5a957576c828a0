"""Owns how the kernel is asked for what Python has no function for. Knows nothing of what is asked."""

from __future__ import annotations

import ctypes
import os
from typing import Any

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.syscall.restype = ctypes.c_long


def ask(number: int, *arguments: Any) -> int:
    """One system call by its number; arguments are integers or ctypes' pointers. Raises OSError."""
    longs = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(number), *longs))


def prctl(option: int, value: int = 0) -> int:
    """prctl(2) with one value. Raises OSError."""
    return _checked(_LIBC.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def unshare(flags: int) -> None:
    """unshare(2), which Python has from 3.12 on. Raises OSError."""
    _checked(_LIBC.unshare(flags))


def drop_capabilities() -> None:
    """Root is nobody special from here on. Raises OSError."""
    version_3, this_process = 0x20080522, 0
    _checked(_LIBC.capset((ctypes.c_uint32 * 2)(version_3, this_process), (ctypes.c_uint32 * 6)()))


def map_privately(start: int, length: int, protection: int) -> None:
    """Puts zeros of this process's own where memory was mapped. Raises OSError."""
    mmap = _LIBC.mmap
    mmap.restype = ctypes.c_void_p
    private_anonymous_fixed = 0x02 | 0x20 | 0x10
    where, size, offset = ctypes.c_void_p(start), ctypes.c_size_t(length), ctypes.c_long(0)
    if mmap(where, size, protection, private_anonymous_fixed, -1, offset) != start:
        raise _error()


def forget_pages(start: int, length: int) -> None:
    """Unmaps pages that come back, as their file has them, when they are used again. Raises OSError."""
    do_not_need = 4
    _checked(_LIBC.madvise(ctypes.c_void_p(start), ctypes.c_size_t(length), do_not_need))


def _checked(result: int) -> int:
    if result < 0:
        raise _error()
    return result


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
