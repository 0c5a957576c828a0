"""Owns the way of lines to a descriptor: never waits for its reader, and queues only so much. Knows no format.

Standard output may be a pipe that nobody reads any more, a full disk, or closed: a server serves on.
"""

from __future__ import annotations

import os
import select
import stat
from collections import deque
from time import monotonic

# A pipe takes so many bytes whole or not at all (PIPE_BUF on Linux), so lines of several processes do not mix.
LINE_BYTES = 4096
QUEUE_BYTES = 1 << 16
DRAIN_SECONDS = 0.5  # for a reader to take what is queued when the process ends


class LineOutput:
    """Writes lines of at most LINE_BYTES; queues what the descriptor does not take now, and drops the newest."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: deque[bytes] = deque()
        self._queued_bytes = 0

    @property
    def is_stalled(self) -> bool:
        """Whether lines wait."""
        return bool(self._queue)

    def write(self, line: bytes) -> bool:
        """Writes a line now, or queues it; False if it is dropped."""
        rest = line if self._queue else self._put(line)
        if not rest:
            return rest is not None
        if self._queued_bytes + len(rest) > QUEUE_BYTES:
            return False
        self._queue.append(rest)
        self._queued_bytes += len(rest)
        return True

    def retry(self) -> int:
        """Writes what waits, as far as the descriptor takes it. Returns how many lines it never will."""
        dropped = 0
        while self._queue:
            line = self._queue.popleft()
            rest = self._put(line)
            self._queued_bytes -= len(line) - len(rest or b"")
            if rest:
                self._queue.appendleft(rest)
                break
            dropped += rest is None
        return dropped

    def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Waits for the reader, so long at most."""
        ends = monotonic() + seconds
        room = select.poll()
        room.register(self._descriptor, select.POLLOUT)
        while self._queue and (left := ends - monotonic()) > 0:
            room.poll(left * 1000)
            self.retry()

    def forget(self) -> None:
        """Empties the queue: after a fork it is the parent's."""
        self._queue.clear()
        self._queued_bytes = 0

    def _put(self, line: bytes) -> bytes | None:
        """What the descriptor does not take now; None if it never will."""
        try:
            return line[os.write(self._descriptor, line) :]
        except BlockingIOError:
            return line
        except OSError:  # no reader, no descriptor, no space
            return None


def reserve_standard_descriptors() -> None:
    """Takes those of 0, 1 and 2 that are closed, lest a socket gets the number and log lines go to a client."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDONLY)  # takes the lowest number; what is written to it fails, and so is counted


def stop_waiting_for_reader(descriptor: int) -> None:
    """Lets a write to a pipe, a socket or a terminal fail where it would wait.

    The flag belongs to what is open, which other programs may share (the shell its terminal): so it is opened anew
    where the system allows.
    """
    mode = os.fstat(descriptor).st_mode
    is_pipe = stat.S_ISFIFO(mode)
    if is_pipe or os.isatty(descriptor):
        try:
            own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:  # another user's, or no /proc
            pass
        else:
            os.dup2(own, descriptor)
            os.close(own)
            return
    if is_pipe or stat.S_ISSOCK(mode):
        os.set_blocking(descriptor, False)
