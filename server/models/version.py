"""Owns what is known of one version's file between two looks at it: whether it has changed, whether it is to be tried.

Knows neither the folder nor what a trial does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

from server.models.folder import VersionFile, status_of
from server.models.repository import Model
from server.models.signed import signature_path

SETTLE_SECONDS = 0.5  # a file that was not announced is tried once two looks so far apart found it the same

Signature = tuple[int, ...]


@dataclass
class Version:
    """One version. ``seen``: its file at the last scan, None when gone; ``acted``: the file of its last trial."""

    file: VersionFile
    signature: Path = field(init=False)
    seen: Signature | None = None
    since: float = 0.0  # the look at which ``seen`` last changed
    looked: float = 0.0  # the last look
    announced: bool = False  # its trial is due at once
    acted: Signature | None = None
    misread: Signature | None = None  # the file of which its trial had other bytes than were read after it
    retry: float = math.inf  # when a trial that was put off is due, on the monotonic clock
    model: Model | None = None
    reason: str | None = None  # why its last trial failed

    def __post_init__(self) -> None:
        self.signature = signature_path(self.file.path)

    def look(self, now: float, *, listed: bool) -> None:
        """Notes whether its file has changed or, not ``listed``, has gone. Raises OSError where that cannot be told."""
        seen = self._signature() if listed else None
        self.looked = now
        if seen != self.seen:
            self.seen, self.since = seen, now

    def announce(self) -> None:
        """Its file is due for trial at once, where it is new or was refused."""
        self.announced = True
        if self.model is None or self.reason:
            self.acted = None

    def is_due(self, now: float) -> bool:
        """Whether its file is to be tried, or to be forgotten where it is gone."""
        settled = self.announced or self.looked - self.since >= SETTLE_SECONDS
        return (self.seen != self.acted and settled) or now >= self.retry

    def begin(self) -> int:
        """Notes that the trial of its file begins; gives the size of that, in bytes."""
        self.acted, self.announced, self.retry = self.seen, False, math.inf
        return self.seen[1] if self.seen else 0

    def is_to_be_read_again(self, now: float) -> bool:
        """Whether its trial, which tells of other bytes than are there, is the first of its file that does: then it
        is due again."""
        if self.misread == self.acted:
            return False
        self.misread, self.acted, self.since = self.acted, None, now
        return True

    def _signature(self) -> Signature | None:
        """Numbers that change with its file, the size second, and with what signs it; None without. Raises OSError."""
        status = status_of(self.file.path)
        if status is None:
            return None
        signed = status_of(self.signature)
        numbers = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_dev)
        return (*numbers, signed.st_ino, signed.st_size, signed.st_mtime_ns) if signed else numbers
