"""How many dynos a load needs: what is scarcest counts, what is refused and what waits as well."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.metrics.demand import CATCH_UP_SECONDS, demand_of
from server.metrics.sampling import Load

IDLE = Load(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1)


def test_an_idle_server_is_one_dyno() -> None:
    assert demand_of([], 1.0, 0.6) == (0.0, 0.0, 1)
    assert demand_of([IDLE] * 15, 1.0, 0.6) == (0.0, 0.0, 1)


@pytest.mark.parametrize(
    ("load", "cpus", "demand"),
    [
        (IDLE._replace(loop=0.6, answered=100.0), 2.0, 0.6),
        (IDLE._replace(loop=1.2, answered=100.0, workers=2), 2.0, 0.6),
        (IDLE._replace(processor=0.09, loop=0.5, answered=100.0), 0.1, 0.9),
        (IDLE._replace(run=0.7, loop=0.1, processor=0.7, answered=10.0), 2.0, 0.7),
        (IDLE._replace(learned=1.5, loop=0.2, answered=10.0), 1.0, 1.5),
        (IDLE._replace(loop=1.0, answered=300.0, overloaded=200.0), 1.0, 3.0),
        (IDLE._replace(loop=1.0, answered=100.0, queue=CATCH_UP_SECONDS), 1.0, 2.0),
        (IDLE._replace(loop=1.0, answered=100.0, router=CATCH_UP_SECONDS / 2), 1.0, 1.5),
    ],
    ids=[
        "loop",
        "two loops",
        "a share of a processor",
        "one model",
        "learned",
        "refused",
        "waits here",
        "at the router",
    ],
)
def test_demand(load: Load, cpus: float, demand: float) -> None:
    assert demand_of([load] * 15, cpus, 0.6).demand == pytest.approx(demand)


@given(st.floats(0, 1), st.floats(0.05, 1))
def test_so_many_dynos_hold_the_demand_at_the_goal_and_no_fewer(loop: float, goal: float) -> None:
    used = demand_of([IDLE._replace(loop=loop, answered=1.0)], 1.0, goal)
    assert used.demand / used.dynos <= goal + 1e-6
    assert used.dynos == 1 or used.demand / (used.dynos - 1) > goal


def test_what_is_refused_a_thousandfold_is_bounded() -> None:
    flood = IDLE._replace(loop=1.0, answered=1e6, overloaded=1e6)
    assert demand_of([flood], 1.0, 0.6).demand <= 101.0
