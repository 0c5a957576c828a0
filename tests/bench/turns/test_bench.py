"""Measuring: peaks come from wrk where it is installed; every turn is in the results."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bench.baselines.systems import Running
from bench.load import wrk
from bench.turns import bench as measure
from bench.turns.bench import Bench


@pytest.mark.skipif(wrk.found() is None, reason="wrk is not installed")
def test_peaks_come_from_wrk(made_bench: Bench, standin: Callable[..., Running]) -> None:
    measure.peaks(made_bench, [standin("--delay-ms", "10")], seconds=1)
    assert made_bench.results.peaks["standin"] == pytest.approx(32 / 0.0105, rel=0.25)


def test_without_wrk_the_run_says_so(made_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    measure.peaks(made_bench, [])
    assert "wrk is not installed" in made_bench.results.notes[0]
