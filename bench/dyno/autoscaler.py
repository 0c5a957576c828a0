"""Owns the stand-in autoscaler: how many dynos to run, by the demand that they tell. Pure: knows no clock, no dyno.

It is as plain as those that are to be had: what the dynos tell is added up and divided by the share of a dyno that is
to be used. More dynos come at once, up to what is asked for, fewer only after a while in which fewer were enough.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Look(NamedTuple):
    """What one look found: the moment, in seconds, and the dynos that would be wholly used, by what all tell."""

    at_s: float
    demand: float


class Rules(NamedTuple):
    """How one decides. ``goal``: the share of a dyno to be used, 0 to 1.

    ``tolerance``: up to this part over the goal nothing changes. ``settle_s``: so long after more dynos came no others
    are added, as the signal is a mean of so many seconds. ``calm_s``: for so long fewer must have been enough.
    """

    goal: float = 0.6
    most: int = 8
    tolerance: float = 0.1
    settle_s: float = 15.0
    calm_s: float = 30.0


def wanted(looks: Sequence[Look], dynos: int, changed_s: float, rules: Rules) -> int:
    """How many dynos to run from now on, at least one.

    ``looks``: the newest last. ``dynos``: that run or start. ``changed_s``: since when there are so many, by the clock
    of the looks; where dynos start, since the last of them served.
    """
    if not looks:
        return max(1, dynos)
    now = looks[-1].at_s
    asked = looks[-1].demand / rules.goal
    if asked > dynos * (1.0 + rules.tolerance):
        may = now - changed_s >= rules.settle_s
        return max(dynos, min(_whole(asked), rules.most)) if may else dynos
    if now - changed_s < rules.calm_s:
        return max(1, dynos)
    most_asked = max(look.demand for look in looks if look.at_s >= now - rules.calm_s) / rules.goal
    return max(1, min(dynos, _whole(most_asked)))


def total(demands: Sequence[float | None]) -> float | None:
    """The demand of all dynos by what each tells; one that does not answer counts as the others do on the average.

    None where none answers.
    """
    told = [demand for demand in demands if demand is not None]
    return sum(told) / len(told) * len(demands) if told else None


def _whole(dynos: float) -> int:
    return math.ceil(dynos - 1e-9)
