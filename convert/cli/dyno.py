"""Owns what a file takes of a dyno's memory, and which is the smallest that it fits. Pure."""

from __future__ import annotations

from server.artefact.footprint import DYNO_BYTES, MIB

SERVER_BYTES = 128 * MIB  # arbiter, a worker, libraries, requests
SMALLEST_FIRST = ("basic", *(name for name, size in DYNO_BYTES.items() if size > DYNO_BYTES["basic"]))


def smallest_dyno(opening_bytes: int) -> str:
    """Heroku's smallest that serves a model which takes so much while it is opened; empty where none does."""
    needed = SERVER_BYTES + opening_bytes
    return next((name for name in SMALLEST_FIRST if needed <= DYNO_BYTES[name]), "")


def memory_line(served_bytes: int, opening_bytes: int) -> str:
    """One line for a person."""
    dyno = smallest_dyno(opening_bytes)
    fits = f"fits a {dyno} dyno" if dyno else "fits no dyno"
    served, opening = (max(1, round(size / MIB)) for size in (served_bytes, opening_bytes))
    return f"memory: {served:,} MB while served, {opening:,} MB while it is opened; {fits}"
