"""A server that counts what its live stream takes: `python -m tests.campaigns.watching.counted FILE`.

Each beat writes into FILE the seconds of the processor that beats and the tasks of open pages have taken, and how many
pages are open. The clock of the thread is read round each step, so that what else runs on the machine counts nothing.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from server.__main__ import main
from server.asgi.live import _Events
from server.endpoints.live import Live


class Taken:
    """Seconds of the processor so far."""

    seconds = 0.0


class Counted:
    """An awaitable whose steps are counted."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __await__(self) -> Generator[Any, Any, Any]:
        steps, value = self._inner.__await__(), None
        while True:
            began = time.thread_time()
            try:
                waits_for = steps.send(value)
            except StopIteration as end:
                return end.value
            finally:
                Taken.seconds += time.thread_time() - began
            try:
                value = yield waits_for
            except BaseException as error:
                steps.throw(error)
                raise


def count(file: Path) -> None:
    """From now on every open page and every beat of this process is counted."""
    answer, beat = _Events.__call__, Live._beat

    async def counted_answer(self: _Events, *words: Any) -> None:
        await Counted(answer(self, *words))

    def counted_beat(self: Live) -> None:
        began = time.thread_time()
        beat(self)
        Taken.seconds += time.thread_time() - began
        file.write_text(f"{Taken.seconds} {len(self._watchers)}")

    _Events.__call__ = counted_answer  # type: ignore[method-assign, assignment]
    Live._beat = counted_beat  # type: ignore[method-assign]


if __name__ == "__main__":
    count(Path(sys.argv.pop(1)))
    sys.exit(main())
