"""Whether looking pays: by what rows cost and how many questions return."""

from __future__ import annotations

import pytest

from server.batching.cost import CostCurve
from server.caching.worth import (
    DEAR_SHARE,
    MISS_SECONDS,
    REQUEST_SECONDS,
    SHARING_SECONDS,
    SPARED_SECONDS,
    TRYING_SHARE,
    WINDOW,
    Worth,
)


def curve(row_seconds: float, rows: int = 1) -> CostCurve:
    learned = CostCurve()
    for _ in range(20):
        learned.learn(rows, rows * row_seconds)
    return learned


CHEAP, DEAR = 1e-6, MISS_SECONDS / DEAR_SHARE * 1.01


def test_a_cheap_model_is_looked_for_only_while_that_pays() -> None:
    worth = Worth(curve(CHEAP), keeps=True)
    assert (worth.looks, worth.reason) == (True, None)
    worth.count(0, WINDOW, WINDOW)
    assert not worth.looks
    assert worth.reason is not None
    assert f"0 of its last {WINDOW} questions" in worth.reason
    worth.rested()
    assert worth.looks


def test_it_stays_while_hits_spare_more_than_misses_cost() -> None:
    share = MISS_SECONDS / (MISS_SECONDS + SPARED_SECONDS + CHEAP)
    for more, stays in ((1.02, True), (0.98, False)):
        worth = Worth(curve(CHEAP), keeps=True)
        hits = round(share * more * WINDOW)
        worth.count(hits, WINDOW - hits, WINDOW - hits)
        assert worth.looks is stays


def test_rows_of_one_request_count_together() -> None:
    few, many = Worth(curve(CHEAP), keeps=True), Worth(curve(CHEAP), keeps=True)
    few.count(WINDOW // 10, WINDOW, WINDOW)
    many.count(WINDOW // 10, WINDOW, 100 * WINDOW)
    assert (few.looks, many.looks) == (False, True)


def test_a_dear_model_is_always_looked_for() -> None:
    for keeps in (True, False):
        worth = Worth(curve(DEAR), keeps=keeps)
        worth.count(0, 10 * WINDOW, 10 * WINDOW)
        assert worth.looks


def test_what_a_row_costs_is_what_it_cost_in_company() -> None:
    assert curve(DEAR, rows=1).seconds_per_row == pytest.approx(DEAR)
    shared = CostCurve()
    shared.learn(100, 100 * CHEAP)
    assert not Worth(shared, keeps=False).looks


def test_without_bytes_nothing_cheap_is_looked_for() -> None:
    worth = Worth(curve(CHEAP), keeps=False)
    assert (worth.looks, worth.reason) == (False, "DYNONNX_CACHE_BYTES is 0")
    worth.rested()
    assert not worth.looks


def test_it_notices_that_a_model_has_become_dear() -> None:
    learned = curve(CHEAP)
    worth = Worth(learned, keeps=False)
    for _ in range(200):
        learned.learn(1, 2 * DEAR)
    worth.rested()
    assert worth.looks


def test_sharing_without_keeping_pays_sooner() -> None:
    middling = curve(1.01 * SHARING_SECONDS / DEAR_SHARE)
    assert Worth(middling, keeps=False).looks
    kept = Worth(middling, keeps=True)
    kept.count(0, WINDOW, WINDOW)
    assert not kept.looks


@pytest.mark.parametrize("row_seconds", [0.0, CHEAP, 100 * CHEAP])
def test_trying_again_costs_half_a_percent_at_most(row_seconds: float) -> None:
    rest = Worth(curve(row_seconds), keeps=True).rest
    share = WINDOW * MISS_SECONDS / ((rest + WINDOW) * (row_seconds + REQUEST_SECONDS))
    assert TRYING_SHARE / 2 < share <= TRYING_SHARE


def test_what_may_draw_by_chance_is_never_looked_for() -> None:
    worth = Worth(curve(DEAR), keeps=True, ruled=True, repeatable=False)
    assert (worth.looks, worth.reason) == (False, "its graph may draw by chance")
    worth.count(WINDOW, WINDOW, WINDOW)
    worth.rested()
    assert not worth.looks


@pytest.mark.parametrize("ruled", [True, False])
def test_the_operator_has_the_last_word(ruled: bool) -> None:
    worth = Worth(curve(CHEAP if ruled else DEAR), keeps=True, ruled=ruled)
    worth.count(0, 10 * WINDOW, 10 * WINDOW)
    worth.rested()
    assert worth.looks is ruled
    assert (worth.reason is None) is ruled
