"""What is read of the turns of `cache`."""

from __future__ import annotations

import pytest

from bench.record import results
from bench.record.caches import ALONE, CONNECTIONS, HIT_SHARES, KEPT, MADE, Skewed, by_skew, gained, scenario_of
from bench.record.results import Peak, Results


def peak(scenario: str, system: str, rate: float, number: int = 1) -> Peak:
    """A turn of some rate, in which a request takes as much less processor time."""
    return Peak(scenario, system, CONNECTIONS, number, 100, rate, 1.0, 1.0, 1e6 / rate, 1.0, None, 0.0, 1, {})


@pytest.fixture
def record() -> Results:
    made = results.new("run", {})
    for skew, factor in ((1.0, 2.0), (0.6, 1.5)):
        name = scenario_of("iris", skew)
        made.settings.setdefault(HIT_SHARES, {})[name] = skew / 2
        made.peaks += [peak(name, MADE, 100.0), peak(name, KEPT, 100.0 * factor)]
    made.settings[HIT_SHARES][scenario_of("iris", ALONE)] = 1.0
    return made


def test_models_have_their_skews_in_order(record: Results) -> None:
    assert by_skew(record) == {"iris": [Skewed(0.6, 0.3, 1.5, 1.5), Skewed(1.0, 0.5, 2.0, 2.0)]}


def test_what_was_not_measured_is_none(record: Results) -> None:
    assert gained(record, scenario_of("iris", 1.2)) is None
    assert by_skew(results.new("run", {})) == {}
