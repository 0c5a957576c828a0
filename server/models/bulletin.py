"""Owns what the arbiter tells every worker at any time, in shared memory: which versions do not serve, and why.

One process writes, all read without a lock: a checksum tells a reader that it came in the middle of a write.
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Mapping

import orjson

BYTES = 1 << 18  # pages that are never written take no memory
HEAD = struct.Struct("=II")  # length, checksum
TRIES = 1000

Key = tuple[str, str]  # name, version


class Bulletin:
    """Reasons by model name and version. Made before the fork; `publish` is for the process that made it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, BYTES)
        self.publish({})

    def publish(self, reasons: Mapping[Key, str]) -> None:
        """Replaces everything. What does not fit is left out, the last first."""
        rows = [[*key, reason] for key, reason in reasons.items()]
        text = orjson.dumps(rows)
        while len(text) > BYTES - HEAD.size:
            rows.pop()
            text = orjson.dumps(rows)
        self._memory[HEAD.size : HEAD.size + len(text)] = text
        self._memory[: HEAD.size] = HEAD.pack(len(text), zlib.crc32(text))

    def read(self) -> dict[Key, str]:
        """What was published last."""
        for _ in range(TRIES):
            length, checksum = HEAD.unpack(self._memory[: HEAD.size])
            text = self._memory[HEAD.size : HEAD.size + length]
            if zlib.crc32(text) == checksum:
                return {(name, version): reason for name, version, reason in orjson.loads(text)}
        return {}
