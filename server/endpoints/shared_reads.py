"""Owns answers that take many turns of the loop to make: one at a time of each, for all who asked before it was begun.

However many ask at once, only one is made after the other. Knows no models and no sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

AT_ONCE = 4  # who are told in one turn of the loop, as each then writes the whole of it

Made = TypeVar("Made")


class SharedReads:
    """What is being made now, by name, and who waits for the next."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, list[asyncio.Future[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def get(self, name: Hashable, make: Callable[[], Awaitable[Made]]) -> Made:
        """What ``make`` makes, begun after this call: whoever counted something before finds it there.

        Raises what ``make`` raises.
        """
        wanted: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
        if (waiting := self._waiting.get(name)) is not None:
            waiting.append(wanted)
        else:
            self._waiting[name] = [wanted]
            task = asyncio.create_task(self._make(name, make))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await wanted

    async def _make(self, name: Hashable, make: Callable[[], Awaitable[Made]]) -> None:
        while asking := self._waiting[name]:
            self._waiting[name] = []
            outcome: asyncio.Future[Made] = asyncio.get_running_loop().create_future()
            try:
                outcome.set_result(await make())
            except Exception as error:  # noqa: BLE001  it is theirs who asked
                outcome.set_exception(error)
            for number, wanted in enumerate(asking, start=1):
                if not wanted.done():  # it may have left
                    _repeat(outcome, wanted)
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
        del self._waiting[name]


def _repeat(outcome: asyncio.Future[Made], wanted: asyncio.Future[Made]) -> None:
    if (error := outcome.exception()) is not None:
        wanted.set_exception(error)
    else:
        wanted.set_result(outcome.result())
