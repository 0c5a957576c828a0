"""Owns the Ray Serve application: door one in each replica, and what of it Serve is told. Knows no requests.

The server knows nothing of Ray. A replica is what elsewhere is a worker: it has the models tried, serves those until
it is replaced, and has numbers of its own. What an arbiter does elsewhere, Serve does here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

import ray
from ray import serve

from deploy.ray.policy import TOLD
from deploy.ray.trial import open_models
from server.asgi.app import App, Receive, Scope, Send
from server.endpoints.lifecycle import Endpoints
from server.logs import log
from server.metrics.scoreboard import Scoreboard
from server.models.repository import Repository
from server.settings import PREFIX, Settings, read_settings

LINE = 1  # of the scoreboard, on which a replica is the only worker
REQUEST_ID = b"x-request-id"


class Door:
    """Door one as Serve calls it, which gives every request an id and says it to the client: once is enough."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves a request, or the lifespan."""
        given = dict(scope.get("headers", ())).get(REQUEST_ID)

        async def send_without_id(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [pair for pair in message["headers"] if pair != (REQUEST_ID, given)]
            await send(message)

        await self._app(scope, receive, send_without_id)


@serve.deployment
@serve.ingress()
class Replica:
    """A replica of the server. ``environment``: settings beside those of its node's environment, also as numbers.

    Raises BadSetting, and BadRepository if there is no model: then Serve goes on with the replicas from before.
    """

    def __init__(self, environment: Mapping[str, Any]) -> None:
        here = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
        given = here | {name: str(value) for name, value in environment.items()}
        settings = read_settings(given)
        _log_here(settings)
        repository = open_models(settings, given)
        self._endpoints = _endpoints(
            repository, settings, ray.get_runtime_context().get_assigned_resources().get("CPU", 1.0)
        )

    def __serve_build_asgi_app__(self) -> Door:
        """The application, whose lifespan opens and closes the endpoints on the loop of the requests."""
        app = App(self._endpoints)
        app.line = LINE
        app.assemble()
        return Door(app)

    def check_health(self) -> None:
        """Raises RuntimeError once a run does not end and cannot be stopped: Serve replaces the replica."""
        if self._endpoints.scoreboard.is_stuck(LINE):
            raise RuntimeError("a run does not end")

    def record_autoscaling_stats(self) -> dict[str, float]:
        """The demand of the last seconds, in replicas at the goal."""
        goal = self._endpoints.settings.scale_utilisation
        return {TOLD: self._endpoints.live.demand().demand / goal}


def build(environment: dict[str, Any]) -> serve.Application:
    """What ``import_path`` of a Serve file names; ``environment`` is its ``args``."""
    return Replica.bind(environment)  # type: ignore[attr-defined]


def _endpoints(repository: Repository, settings: Settings, cpus: float) -> Endpoints:
    scoreboard = Scoreboard(LINE + 1, sum(map(len, repository.models.values())))
    return Endpoints(repository, settings, scoreboard, 1, cpus=cpus)


def _log_here(settings: Settings) -> None:
    """Standard error is the replica's log at Ray."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.handlers[:] = [handler]
    log.setLevel(settings.log_level.upper())
