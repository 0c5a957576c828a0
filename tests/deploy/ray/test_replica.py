"""What Serve is told of a replica, and what its clients are told once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-scale")

from tests.support.ray import serve  # noqa: F401, I001 - imported first, without the warnings of Ray's own
from deploy.ray.application import LINE, Door, Replica
from deploy.ray.policy import TOLD
from server.metrics.demand import Demand
from server.metrics.scoreboard import Scoreboard


def replica(**endpoints: Any) -> Any:
    deployment: Any = Replica
    made = object.__new__(deployment.func_or_class.__bases__[0])  # our class, without what Serve puts round it
    made._endpoints = SimpleNamespace(**endpoints)
    return made


def test_a_run_that_does_not_end_fails_the_health_check() -> None:
    scoreboard = Scoreboard(LINE + 1, 1)
    scoreboard.begin_serving(LINE)
    healthy = replica(scoreboard=scoreboard)
    healthy.check_health()
    scoreboard.report_stuck(LINE)
    with pytest.raises(RuntimeError, match="does not end"):
        healthy.check_health()


def test_the_demand_is_told_in_replicas_at_the_goal() -> None:
    live = SimpleNamespace(demand=lambda: Demand(1.0, 1.5, 3))
    told = replica(live=live, settings=SimpleNamespace(scale_utilisation=0.6)).record_autoscaling_stats()
    assert told == {TOLD: pytest.approx(2.5)}


@pytest.mark.parametrize(
    ("given", "ours", "told"),
    [
        ([(b"x-request-id", b"a")], b"a", []),  # Serve says it
        ([(b"x-request-id", b"bad\xff")], b"made", [(b"x-request-id", b"made")]),
        ([], b"made", [(b"x-request-id", b"made")]),
    ],
    ids=["same", "another", "none"],
)
def test_a_request_id_that_serve_tells_is_not_told_twice(given: Any, ours: bytes, told: Any) -> None:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-request-id", ours)]})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    door: Any = Door(app)  # type: ignore[arg-type]
    asyncio.run(door({"type": "http", "headers": given}, receive, send))
    assert [message.get("headers") for message in sent] == [told, None]
