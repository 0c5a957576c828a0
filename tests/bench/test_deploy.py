"""A deploy under load: the old dyno goes, the new one comes, callers wait for it instead of failing."""

from __future__ import annotations

import sys
from pathlib import Path

from bench.arrivals import Phase
from bench.contenders import Contender
from bench.deploy import deploy
from bench.measure import Bench

STANDIN = Path(__file__).with_name("standin.py")


def test_a_restart_is_seen_as_waiting_and_its_moments_are_marked(made_bench: Bench, cases_file: Path) -> None:
    contender = Contender("standin", (sys.executable, str(STANDIN), str(cases_file), "--port", "{port}"))
    bench = made_bench
    deploy(bench, contender, None, Phase(100, 3))
    (turn,) = bench.results.turns
    (restart, _), (up, _) = turn.events
    assert [what for _, what in turn.events] == ["restart", "new dyno up"]
    assert 0 < restart < up < 5
    assert turn.figures.failed <= 1  # the stand-in does not drain: what it held when it was told to go is lost
    assert turn.figures.max_ms is not None
    assert turn.figures.max_ms > (up - restart) * 500  # who came first waited most of the gap
    assert "H" in bench.results.notes[0]
