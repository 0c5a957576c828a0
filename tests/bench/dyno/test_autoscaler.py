"""How many dynos are wanted: at once where more are needed, late where fewer are enough, never none."""

from __future__ import annotations

import pytest

from bench.dyno.autoscaler import Look, Rules, total, wanted

RULES = Rules(goal=0.6, most=8, tolerance=0.1, settle_s=15.0, calm_s=30.0)


def looks(*demands: float, every_s: float = 2.0) -> list[Look]:
    return [Look(number * every_s, demand) for number, demand in enumerate(demands)]


@pytest.mark.parametrize(
    ("demand", "dynos"),
    [(0.0, 1), (0.6, 1), (0.65, 1), (0.67, 2), (1.2, 2), (1.9, 4), (60.0, 8)],
)
def test_more_come_at_once_up_to_what_is_asked_for(demand: float, dynos: int) -> None:
    assert wanted(looks(demand), 1, -100.0, RULES) == dynos


def test_none_is_added_before_the_last_have_settled() -> None:
    assert wanted([Look(14.9, 2.0)], 2, 0.0, RULES) == 2
    assert wanted([Look(15.0, 2.0)], 2, 0.0, RULES) == 4


def test_dynos_go_only_after_a_while_in_which_fewer_were_enough() -> None:
    asked = looks(1.7, *[0.5] * 20)
    assert wanted(asked[:15], 3, -100.0, RULES) == 3  # 28 s after the last time that three were needed
    assert wanted(asked[:17], 3, -100.0, RULES) == 1
    assert wanted([*asked, Look(42.0, 1.1)], 3, -100.0, RULES) == 2  # as many as were ever needed meanwhile
    assert wanted(asked, 3, 20.0, RULES) == 3  # they came 20 s ago


def test_what_wavers_round_a_bound_changes_nothing() -> None:
    dynos, changed = 2, -100.0
    changes = []
    for number in range(200):
        now = number * 2.0
        past = [Look(at * 2.0, 1.2 + 0.1 * (-1) ** at) for at in range(number + 1)]
        if (now_wanted := wanted(past, dynos, changed, RULES)) != dynos:
            changes.append((now, now_wanted))
            dynos, changed = now_wanted, now
    assert changes == []


@pytest.mark.parametrize("dynos", [0, 1, 3])
def test_there_is_always_one(dynos: int) -> None:
    assert wanted(looks(*[0.0] * 50), dynos, -100.0, RULES) == 1
    assert wanted([], dynos, 0.0, RULES) == max(1, dynos)


def test_a_dyno_that_does_not_answer_counts_as_the_others() -> None:
    assert total([0.5, None, 0.7]) == pytest.approx(1.8)
    assert total([None]) is None
    assert total([]) is None
