"""Owns the server's own numbers of the last ten minutes, and who watches them. Knows neither ASGI nor sockets.

Once a second a worker reads what all have counted, encodes it once, and wakes those that watch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from time import monotonic, time
from typing import TYPE_CHECKING, Any

import orjson

from server.errors import overloaded
from server.metrics.demand import Demand, demand_of
from server.metrics.judoscale import Judoscale
from server.metrics.process import read_memory, read_wanted
from server.metrics.sampling import Load, Sampler

if TYPE_CHECKING:
    from server.endpoints.lifecycle import Endpoints

EVERY_SECONDS = 1.0
HISTORY_SECONDS = 600
HISTORY_BYTES = 1 << 20  # of all samples kept: with many busy models they reach back less far
MEMORY_BEATS = 30  # between two looks at this process's memory, which take the kernel some milliseconds
SCALE_BEATS = 15  # that the demand is a mean of
MOST_WATCHERS = 128  # of one worker
AT_ONCE = 8  # watchers that are woken in one turn of the loop


class Watcher:
    """One who watches; gets each sample, or none if it is still busy with the one before."""

    def __init__(self) -> None:
        self.is_behind = False
        self.woken: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    async def next(self) -> bytes | None:
        """The next event; None once there are no more, as this worker stops or this watcher was too slow."""
        event = await self.woken
        self.woken = asyncio.get_running_loop().create_future()
        return None if self.is_behind else event

    def wake(self, event: bytes | None) -> None:
        """Gives it an event, None for the end. One that has not taken the last is behind, and gets no more."""
        if self.woken.done():
            self.is_behind = True
        else:
            self.woken.set_result(event)


class Live:
    """The samples of a running worker."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._endpoints = endpoints
        self._sampler = Sampler(endpoints.scoreboard)
        self._samples: deque[bytes] = deque()
        self._bytes = 0
        self._loads: deque[Load] = deque(maxlen=SCALE_BEATS)
        self._watchers: dict[Watcher, None] = {}
        self._beats = 0
        self._looked = monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._waking: asyncio.Task[None] | None = None
        self._is_closed = False
        settings = endpoints.settings
        self._judoscale = Judoscale(settings.judoscale_url, settings.dyno) if settings.judoscale_url else None

    def start(self) -> None:
        """Beats once a second from now on, on the running loop."""
        self._measure()
        self._count()
        self._sampler = Sampler(self._endpoints.scoreboard)  # what the start took is no load
        self._timer = asyncio.get_running_loop().call_later(EVERY_SECONDS, self._beat)

    def close(self) -> None:
        """Ends with all who watch."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for watcher in self._watchers:
            watcher.wake(None)

    def _beat(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY_SECONDS, self._beat)
        self._beats += 1
        if self._beats % MEMORY_BEATS == 0:
            asyncio.get_running_loop().run_in_executor(None, self._measure)  # a thread of its own: requests go on
        self.look(monotonic(), time())
        if self._watchers and (self._waking is None or self._waking.done()):
            self._waking = asyncio.get_running_loop().create_task(self._wake(self._samples[-1]))

    def look(self, now: float, time_of_day: float) -> None:
        """Counts what this process used, and takes a sample of what all did since the last look."""
        endpoints = self._endpoints
        self._count()
        seconds = max(now - self._looked, 0.001)
        self._looked = now
        sample, load = self._sampler.sample(seconds, endpoints.serving.costs())
        self._loads.append(load)
        if self._judoscale is not None:
            self._judoscale.beat(self.loads(), self.demand().utilisation, time_of_day)
        self._keep(orjson.dumps(self._completed(sample, load, time_of_day)))

    def _measure(self) -> None:
        self._endpoints.metrics.memory(read_memory())

    def _count(self) -> None:
        endpoints = self._endpoints
        endpoints.metrics.beat(read_wanted(), endpoints.gate.router, endpoints.serving.queue_seconds())

    def _completed(self, sample: dict[str, Any], load: Load, time_of_day: float) -> dict[str, Any]:
        return {
            "time": time_of_day,
            **sample,
            "busy": min(1.0, load.loop / max(1, load.workers)),
            "workers": load.workers,
            "memory_limit": self._endpoints.memory_limit,
        }

    def _keep(self, sample: bytes) -> None:
        self._samples.append(sample)
        self._bytes += len(sample)
        while len(self._samples) > HISTORY_SECONDS or (self._bytes > HISTORY_BYTES and len(self._samples) > 1):
            self._bytes -= len(self._samples.popleft())

    async def _wake(self, sample: bytes) -> None:
        event = b"data: %b\n\n" % sample
        for number, watcher in enumerate(list(self._watchers), start=1):
            watcher.wake(event)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def history(self) -> bytes:
        """The first event: the samples that are kept, the oldest first."""
        return b'event: history\ndata: {"every":%d,"samples":[%b]}\n\n' % (EVERY_SECONDS, b",".join(self._samples))

    def watch(self) -> tuple[Watcher, Callable[[], object]]:
        """A watcher from now on, and how to let it go. Raises ServerError ``overloaded`` where there are too many."""
        if len(self._watchers) >= MOST_WATCHERS:
            raise overloaded(EVERY_SECONDS)
        watcher = Watcher()
        self._watchers[watcher] = None
        if self._is_closed:
            watcher.wake(None)
        return watcher, partial(self._watchers.pop, watcher, None)

    def loads(self) -> list[Load]:
        """The loads of the last SCALE_BEATS seconds, the oldest first."""
        return list(self._loads)

    def demand(self) -> Demand:
        """The demand of these seconds."""
        return demand_of(self.loads(), self._endpoints.cpus, self._endpoints.settings.scale_utilisation)
