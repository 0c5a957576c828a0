"""Owns which of the signals that wait the arbiter acts on. Pure: handles none."""

from __future__ import annotations

import signal
from collections.abc import Iterable

COUNTED = frozenset({signal.SIGTTIN, signal.SIGTTOU})  # each is a worker more, or less


def once(signals: Iterable[int]) -> list[int]:
    """Signals in the order they came, each but the COUNTED once: a thousand reloads that wait are one.

    Each would look at the whole folder, and a stop behind them would wait for that.
    """
    kept: list[int] = []
    for number in signals:
        if number in COUNTED or number not in kept:
            kept.append(number)
    return kept
