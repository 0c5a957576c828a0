"""Owns what a file takes of a dyno's memory, and which is the smallest that it fits. Pure."""

from __future__ import annotations

MIB = 1 << 20
SERVER_BYTES = 128 * MIB  # arbiter, a worker, libraries, requests
DYNOS = {
    "basic": 512, "standard-2x": 1024, "performance-m": 2560, "performance-l": 14 * 1024,
    "performance-l-ram": 30 * 1024, "performance-xl": 62 * 1024, "performance-2xl": 126 * 1024,
}  # fmt: skip


def smallest_dyno(opening_bytes: int) -> str:
    """Heroku's smallest that serves a model which takes so much while it is opened; empty where none does."""
    needed = SERVER_BYTES + opening_bytes
    return next((name for name, megabytes in DYNOS.items() if needed <= megabytes * MIB), "")


def memory_line(served_bytes: int, opening_bytes: int) -> str:
    """One line for a person."""
    dyno = smallest_dyno(opening_bytes)
    fits = f"fits a {dyno} dyno" if dyno else "fits no dyno"
    served, opening = (max(1, round(size / MIB)) for size in (served_bytes, opening_bytes))
    return f"memory: {served:,} MB while served, {opening:,} MB while it is opened; {fits}"
