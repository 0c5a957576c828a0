"""Owns how long a request spent in the router, by a clock that may be wrong. Knows no deadlines.

A router whose clock is behind ours makes every request look old. The youngest of the last requests has hardly waited:
what it seems to have waited is the difference of the clocks, and is taken off.
"""

from __future__ import annotations

from time import time

# Seconds since an X-Request-Start: beyond these the clock is so wrong, or the text so forged, that it tells nothing.
OLDEST_START = 120.0
WINDOW_SECONDS = 60.0  # the youngest of this window and of the one before it count


class RouterClock:
    """The difference between the router's clock and ours, learned from X-Request-Start (Unix time in milliseconds)."""

    def __init__(self) -> None:
        self._youngest = self._before = OLDEST_START  # the least age in this window, and in the one before
        self._window_ends = 0.0
        self.spent = 0.0, 0  # seconds of all requests at the router, and how many told it

    def waited(self, start: bytes) -> float:
        """Seconds that a request with this X-Request-Start waited longer than the youngest; 0 if it tells nothing."""
        start = start.rstrip(b" \t")
        if not start.isdigit() or len(start) > 15:
            return 0.0
        now = time()
        age = now - int(start) / 1000
        if not 0.0 <= age <= OLDEST_START:  # one from the future teaches nothing: it would make all others old
            return 0.0
        if not now < self._window_ends <= now + WINDOW_SECONDS:
            self._before = self._youngest if now < self._window_ends + WINDOW_SECONDS else OLDEST_START
            self._youngest = OLDEST_START
            self._window_ends = now + WINDOW_SECONDS
        if age < self._youngest:
            self._youngest = age
        waited = age - min(self._youngest, self._before)
        seconds, requests = self.spent
        self.spent = seconds + waited, requests + 1
        return waited
