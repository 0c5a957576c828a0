"""Owns how much of the server is used, and how many like it the demand needs. Pure: knows no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from server.metrics.sampling import Load

CATCH_UP_SECONDS = 5.0  # in which what waits is to be worked off beside what comes
MOST_REFUSED = 100.0  # times what is answered: beyond, what is refused tells no more


class Demand(NamedTuple):
    """``utilisation``: of this dyno, 0 to 1. ``demand``: dynos that would be wholly used. ``dynos``: at the goal."""

    utilisation: float
    demand: float
    dynos: int


def demand_of(loads: Sequence[Load], cpus: float, goal: float) -> Demand:
    """The demand over some seconds. ``cpus``: what this dyno has; ``goal``: how much of one is to be used, 0 to 1.

    What is used is what is scarcest: the workers' loops, the processors, or the thread of one model. What is refused
    for overload is demand as much as what is answered; what waits here or at the router is to be worked off as well.
    """
    if not loads:
        return Demand(0.0, 0.0, 1)
    number = len(loads)
    workers = max(1, *(load.workers for load in loads))
    loop = sum(load.loop for load in loads) / number / workers
    processor = sum(load.processor for load in loads) / number / cpus
    run = sum(load.run for load in loads) / number / workers
    learned = sum(load.learned for load in loads) / number / max(cpus, workers)
    utilisation = min(1.0, max(loop, processor, run))
    answered = sum(load.answered - load.overloaded for load in loads)
    overloaded = sum(load.overloaded for load in loads)
    refused = min(MOST_REFUSED, overloaded / max(answered, 1.0))
    waiting = max(load.queue for load in loads[-3:]) / workers
    router = sum(load.router for load in loads) / number
    used = max(utilisation, learned)
    demand = used * (1.0 + refused) + (waiting + used * router) / CATCH_UP_SECONDS
    return Demand(utilisation, demand, max(1, math.ceil(demand / goal - 1e-9)))
