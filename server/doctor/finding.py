"""Owns the shape of what the doctor says: one mistake, and the command that mends it."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One line. ``what``: what would go wrong; ``remedy``: the command that mends it."""

    what: str
    remedy: str
