"""Owns the state that a process serves from, from before the fork to its end: models, gate, metrics, control.

Knows neither ASGI nor sockets. Both doors hold one `Endpoints`; their operations are in `serving`, `reads` and
`v2_reads`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import time
from typing import Literal

from server.batching.runs.quarantine import Quarantine, Record
from server.batching.turns import Turns
from server.endpoints.clients.quota import make_quota
from server.endpoints.gate import Gate
from server.endpoints.ledger import make_ledger
from server.endpoints.live import Live
from server.endpoints.serving import Serving, worth_of
from server.endpoints.shared_reads import SharedReads
from server.errors import ServerError
from server.logs.access import AccessLog
from server.logs.handler import count_losses
from server.metrics.counters import ServerMetrics
from server.metrics.scoreboard import ARBITER_LINE, Scoreboard
from server.models.repository import Model, Repository
from server.settings import Settings

Control = Callable[[Literal["load", "unload"], str], Awaitable[None]]  # of a model's name; raises ServerError


class Endpoints:
    """The state of one process. Made before the fork; `open` adds what only a running worker has."""

    serving: Serving  # after `open`
    live: Live  # after `open`

    def __init__(
        self,
        repository: Repository,
        settings: Settings,
        scoreboard: Scoreboard,
        workers: int,
        *,
        busy_poll: bool = False,
        memory_limit: int | None = None,
        cpus: float = 1.0,
    ) -> None:
        """``workers``: the planned number; ``busy_poll``: as in `Serving`. Raises as `replace_models` does.

        ``memory_limit``: bytes that all processes may use, None without a limit; ``cpus``: what they may use of these.
        """
        self.settings = settings
        self.scoreboard = scoreboard
        self.fit(workers, busy_poll=busy_poll, memory_limit=memory_limit, cpus=cpus)
        self.started = time()
        self.gate = Gate(
            keys=settings.api_keys,
            admin_keys=settings.admin_keys,
            max_body_bytes=settings.max_body_bytes,
            deadline_seconds=settings.deadline_ms / 1000,
            hirefire_token=settings.hirefire_token,
            behind_router=settings.behind_router,
        )
        self.quota = make_quota(settings)
        self.ledger = make_ledger(settings.inflight_bytes, settings.max_body_bytes)
        self.metrics = ServerMetrics(scoreboard, ARBITER_LINE)
        self.quarantine = Quarantine(scoreboard.models)
        self.turns = Turns()
        self.access_log = AccessLog(settings.access_log) if settings.access_log else None
        self.openapi_document = b"{}"
        self.shared_reads = SharedReads()
        self.draining = False
        self.control: Control = _refuse_control
        self._calls: set[asyncio.Future[None]] = set()
        self._line = 0
        self.repository = Repository((), {})
        self.replace_models(repository)

    def fit(self, workers: int, *, busy_poll: bool, memory_limit: int | None, cpus: float) -> None:
        """Makes these the surroundings of workers that are forked from now on."""
        self.workers = workers
        self._busy_poll = busy_poll
        self.memory_limit = memory_limit
        self.cpus = cpus

    def replace_models(self, repository: Repository) -> None:
        """Makes these the models of workers that are forked from now on; what is new is held against nothing.

        Raises ValueError if the scoreboard has too few blocks for them; then the models stay as they were.
        """
        known = set(map(id, self.repository))
        self.scoreboard.assign_all([(model.name, model.version) for model in repository])
        for model in repository:
            if id(model) not in known:
                self.quarantine.record(self.scoreboard.blocks[model.name, model.version]).renew()
        self.repository = repository

    def open(self, line: int) -> None:
        """Starts the worker's batchers on the running loop; ``line``: the worker's line on the scoreboard."""
        self.gate.renew_ids()
        self._line = line
        self.metrics = ServerMetrics(self.scoreboard, line)
        count_losses(self.metrics.log_line_lost)
        self.serving = Serving(
            self.repository,
            self.settings,
            self.scoreboard,
            line,
            turns=self.turns,
            quarantine=self.quarantine,
            busy_poll=self._busy_poll,
        )
        self.live = Live(self)
        self.live.start()
        self.scoreboard.begin_serving(line)

    def stop_accepting(self) -> None:
        """Marks this worker as accepting no new connections."""
        self.scoreboard.end_serving(self._line)

    def lift_quarantine(self, name: str | None = None) -> None:
        """Forgets what is held against the versions of a name, or against all."""
        for (model, _), block in self.scoreboard.blocks.items():
            if name in (None, model):
                self.quarantine.record(block).lift()

    def records(self) -> dict[tuple[str, str], Record]:
        """What is held against each version's present file, by name and version."""
        return {key: self.quarantine.record(block) for key, block in self.scoreboard.blocks.items()}

    def quarantined(self, model: Model) -> str | None:
        """Why a version that is loaded does not serve; None while it does."""
        return self.quarantine.record(self.scoreboard.blocks[model.name, model.version]).reason

    def batches(self, model: Model) -> bool:
        """Whether requests share runs of a version: by its trial and, once it is open, by its runs in this worker."""
        return model.verdict.row_independent and ("serving" not in vars(self) or self.serving.batches(model))

    def drain(self) -> None:
        """Called once this worker retires: it is not ready any more, and nobody watches it."""
        self.draining = True
        if "live" in vars(self):
            self.live.close()

    def not_cached_because(self, model: Model) -> str | None:
        """Why answers of a version are not kept by this worker; None if they are."""
        if "serving" not in vars(self):
            return worth_of(model, self.settings).reason
        return self.serving.not_cached_because(model)

    def close(self) -> None:
        """Closes the batchers."""
        self.live.close()
        self.serving.close()

    async def load(self, name: str) -> None:
        """Returns once every accepting worker serves the model's files in the folder. Raises ServerError."""
        await self._call("load", name)

    async def unload(self, name: str) -> None:
        """Returns once no accepting worker serves the model. Raises ServerError."""
        await self._call("unload", name)

    async def _call(self, action: Literal["load", "unload"], name: str) -> None:
        call = asyncio.ensure_future(self.control(action, name))
        self._calls.add(call)
        try:
            await asyncio.wait([call])
        finally:
            self._calls.discard(call)
        if call.cancelled():
            raise ServerError("draining", "this worker is stopping; what was asked for may still be done")
        call.result()

    def abandon(self) -> None:
        """Refuses what still runs, and calls that wait: this worker has no time left."""
        self.serving.abandon()
        for call in self._calls:
            call.cancel()


async def _refuse_control(action: str, name: str) -> None:
    raise ServerError("unsupported", "there is no arbiter here that could load or unload a model")
