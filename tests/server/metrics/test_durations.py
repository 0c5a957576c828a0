"""Durations: counting many at once is counting each, and quantiles lie in the bucket of what was counted."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.metrics.durations import SUM, WIDTH, count, count_since, quantile
from server.metrics.families import SECONDS_BUCKETS

NOW = 1000.0
DURATIONS = st.one_of(st.floats(0, 60), st.floats(0, 0.001), st.sampled_from(SECONDS_BUCKETS))


def cells() -> memoryview[float]:
    return memoryview(bytearray(8 * (WIDTH + 2))).cast("d")


@given(st.lists(DURATIONS, min_size=1, max_size=64))
def test_many_at_once_are_each(seconds: list[float]) -> None:
    begun = [NOW - each for each in seconds]
    one_by_one, at_once = cells(), cells()
    for each in begun:
        count(one_by_one, 1, NOW - each)
    count_since(at_once, 1, list(begun), NOW)
    rounding = [each for each in begun if any(abs(NOW - each - bound) < 1e-9 for bound in SECONDS_BUCKETS)]
    if not rounding:
        assert at_once[1 : 1 + SUM].tolist() == one_by_one[1 : 1 + SUM].tolist()
    assert sum(at_once[1 : 1 + SUM]) == len(seconds)
    assert at_once[1 + SUM] == pytest.approx(one_by_one[1 + SUM], abs=1e-9)
    assert at_once[0] == at_once[WIDTH + 1] == 0.0


def test_a_duration_on_a_bound_is_below_it() -> None:
    own = cells()
    for bound in SECONDS_BUCKETS:
        count(own, 0, bound)
    count(own, 0, 31.0)
    assert own[:SUM].tolist() == [1.0] * SUM


@given(st.lists(st.floats(0, 30), min_size=1, max_size=200), st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_duration_that_has_it(seconds: list[float], share: float) -> None:
    own = cells()
    for each in seconds:
        count(own, 0, each)
    found = quantile(own[:SUM].tolist(), share)
    wanted = sorted(seconds)[max(0, -int(-share * len(seconds) // 1) - 1)]
    assert found is not None
    assert bisect_left(SECONDS_BUCKETS, found) == bisect_left(SECONDS_BUCKETS, wanted)


def test_nothing_has_no_quantile_and_what_is_above_all_bounds_the_last() -> None:
    assert quantile([0.0] * SUM, 0.5) is None
    assert quantile([0.0] * (SUM - 1) + [3.0], 0.5) == SECONDS_BUCKETS[-1]
