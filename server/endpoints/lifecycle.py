"""Owns what one process serves, from before the fork to its end: models, gate, numbers, how it is controlled.

Knows neither ASGI nor sockets. `Endpoints` is what both doors hold; what they ask of it stands in `serving`,
`reads` and `v2_reads`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from server.endpoints.gate import Gate
from server.endpoints.serving import Serving
from server.errors import ServerError
from server.metrics.scoreboard import Scoreboard, ServerMetrics
from server.models.repository import Repository
from server.settings import Settings

Control = Callable[[Literal["load", "unload"], str], Awaitable[None]]  # of a model's name; raises ServerError


class Endpoints:
    """What a process serves. Built before the fork; `open` gives it what only a running worker has."""

    serving: Serving  # after `open`

    def __init__(
        self,
        repository: Repository,
        settings: Settings,
        scoreboard: Scoreboard,
        workers: int,
        *,
        busy_poll: bool = False,
    ) -> None:
        """``workers``: how many should serve; ``busy_poll``: as `Serving` has it. Raises as `replace_models`."""
        self.settings = settings
        self.scoreboard = scoreboard
        self.workers = workers
        self.gate = Gate(
            keys=settings.api_keys,
            admin_keys=settings.admin_keys,
            max_body_bytes=settings.max_body_bytes,
            deadline_seconds=settings.deadline_ms / 1000,
        )
        self.metrics = ServerMetrics(scoreboard, 0)
        self.openapi_document: dict[str, Any] = {}
        self.draining = False
        self.control: Control = _nobody_listens
        self._busy_poll = busy_poll
        self._line = 0
        self.replace_models(repository)

    def replace_models(self, repository: Repository) -> None:
        """Serves these models, in workers that are forked from now on.

        Raises ValueError where they are more than the scoreboard has blocks for; then all is as before.
        """
        for model in repository:
            self.scoreboard.assign(model.name, model.version)
        self.repository = repository

    def open(self, line: int) -> None:
        """Starts the batchers of this worker, on the running loop; ``line`` is the worker's line on the scoreboard."""
        self.gate.renew_ids()
        self._line = line
        self.metrics = ServerMetrics(self.scoreboard, line)
        self.serving = Serving(self.repository, self.settings, self.scoreboard, line, busy_poll=self._busy_poll)
        self.scoreboard.begin_serving(line)

    def stop_accepting(self) -> None:
        """Says that no new connection reaches this worker any more."""
        self.scoreboard.end_serving(self._line)

    def close(self) -> None:
        """Lets the batchers' threads go."""
        self.serving.close()

    async def load(self, name: str) -> None:
        """Comes back once only workers with what the folder now holds of a model accept. Raises ServerError."""
        await self.control("load", name)

    async def unload(self, name: str) -> None:
        """Comes back once only workers without a model accept. Raises ServerError."""
        await self.control("unload", name)


async def _nobody_listens(action: str, name: str) -> None:
    raise ServerError("unsupported", "there is no arbiter here that could load or unload a model")
