"""Several workers beside one: what is promised of shares and gains is told by the rounds; real ones are measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.load import wrk
from bench.load.models import ModelUnderTest, heavy
from bench.machine.processes import available
from bench.record import results
from bench.scaling.cores import HELD, WHOLE, CoresOptions, Shares, cores, targets
from bench.turns.bench import Bench
from tests.support.bench.runs import peak


def test_gains_and_shares_are_targets() -> None:
    run = results.new("x", {})
    for number, speed in ((1, 1.0), (2, 0.5)):
        run.peaks.append(peak(WHOLE, "1 worker", 32, number, 30e3 * speed, cpu_us=16.0))
        run.peaks.append(peak(WHOLE, "2 workers", 32, number, 57e3 * speed, cpu_us=17.0))
        run.peaks.append(peak(WHOLE, "1 worker", 16, number, 28e3 * speed, cpu_us=20.0))
    turns = {(WHOLE, 2, 32): [Shares(1.0, 1.1), Shares(1.4, 1.2)]}
    every = {target.what: target for target in targets(run, turns, [1, 2], [16, 32])}
    told, held = (f"{scenario}, 2 workers, 32 connections: " for scenario in (WHOLE, HELD))
    gain, share = every[f"{told}requests/s against 1"], every[f"{told}largest share, by connections"]
    assert (gain.goal, gain.measured, gain.reached) == (1.8, 1.9, True)
    assert gain.by_cpu == pytest.approx(2 * 16 / 17)
    assert (share.goal, share.measured, share.reached) == (1.3, 1.4, False)
    assert share.by_cpu == pytest.approx(1.15)
    assert every[f"{told}CPU a request against 1 with 16"].measured == 17 / 20
    assert not any(target.measured for what, target in every.items() if what.startswith(held))
    assert not any(" 16 connections: CPU" in what for what in every)  # nobody had 8


@pytest.mark.slow
@pytest.mark.skipif(wrk.executable() is None, reason="wrk is not installed")
@pytest.mark.skipif(len(available()) < 2, reason="one core")
def test_real_workers_are_measured_side_by_side(made_bench: Bench, tmp_path: Path) -> None:
    options = CoresOptions(counts=(1, 2, 99), connections=(8,), rounds=1, seconds=0.5)
    cores(made_bench, heavy(tmp_path), options, sorted(available()))
    run = made_bench.results
    assert {(peak.scenario, peak.system) for peak in run.peaks} == {
        (scenario, system) for scenario in (WHOLE, HELD) for system in ("1 worker", "2 workers")
    }
    assert not run.faults
    assert any("99 workers" in note for note in run.notes)
    shares = [target for target in run.targets if "share" in target.what]
    assert len(shares) == 2
    assert all(target.measured is not None and 1.0 <= target.measured <= 2.0 for target in shares)


def test_without_wrk_the_run_says_so(made_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    nothing = ModelUnderTest("iris", "iris", made_bench.folder, made_bench.folder, [])
    cores(made_bench, nothing, CoresOptions(), [0, 1])
    assert "wrk is not installed" in made_bench.results.notes[0]
