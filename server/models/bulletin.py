"""Owns the shared memory in which the arbiter tells all workers which versions do not serve, and why. Knows no files.

One process writes, the others read without a lock: the checksum shows a reader that a write was not finished.
docs/decisions.md: "Why versions do not serve stands in shared memory".
"""

from __future__ import annotations

import mmap
import struct
import zlib
from collections.abc import Mapping

import orjson

BYTES = 1 << 18  # pages that are never written use no memory
HEAD = struct.Struct("=II")  # length, checksum
TRIES = 1000  # of a read, while a write goes on

Key = tuple[str, str]  # name, version


class Bulletin:
    """Reasons by model name and version. Made before the fork; only the process that made it may `publish`."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, BYTES)
        self._read: tuple[bytes, dict[Key, str]] = b"", {}  # what was read last, behind its head
        self._published: Mapping[Key, str] | None = None
        self.publish({})

    def publish(self, reasons: Mapping[Key, str]) -> None:
        """Replaces all reasons, which do not change later. Drops the last ones that do not fit in BYTES."""
        if reasons == self._published:
            return
        self._published = reasons
        rows: list[bytes] = []
        room = BYTES - HEAD.size - len(b"[]")
        for key, reason in reasons.items():
            row = orjson.dumps([*key, reason])
            room -= len(row) + len(b",")
            if room < 0:
                break
            rows.append(row)
        text = b"[%b]" % b",".join(rows)
        self._memory[HEAD.size : HEAD.size + len(text)] = text
        self._memory[: HEAD.size] = HEAD.pack(len(text), zlib.crc32(text))

    def read(self) -> dict[Key, str]:
        """The reasons published last, the same ones while these stand: not to be changed."""
        for _ in range(TRIES):
            head = self._memory[: HEAD.size]
            if head == self._read[0]:
                return self._read[1]
            length, checksum = HEAD.unpack(head)
            text = self._memory[HEAD.size : HEAD.size + length]
            if zlib.crc32(text) == checksum:
                self._read = head, {(name, version): reason for name, version, reason in orjson.loads(text)}
                return self._read[1]
        return {}
