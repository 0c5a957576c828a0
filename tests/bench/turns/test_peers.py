"""Peers side by side: what is right is timed; what does not start or answers wrongly is named and not kept."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.baselines.systems import System
from bench.load import wrk
from bench.load.cases import Case
from bench.turns import peers
from bench.turns.bench import Bench
from bench.turns.closed_loop import Pairing
from bench.turns.micro import MicroOptions

STANDIN = Path(__file__).resolve().parents[2] / "support" / "bench" / "standin.py"
ONE_ROUND = MicroOptions((), rounds=1, seconds=0.1, connections=(1,))


@pytest.mark.skipif(wrk.executable() is None, reason="wrk is not installed")
def test_only_what_answers_rightly_is_timed(made_bench: Bench, cases: list[Case], cases_file: Path) -> None:
    def pairing(name: str, *faults: str) -> Pairing:
        command = (sys.executable, str(STANDIN), str(cases_file), "--port", "{port}", *faults)
        return Pairing(name, System(name, command), cases)

    late = pairing("late", "--wrong-after", "2")  # right when it starts, then not
    every = [pairing("right"), pairing("wrong", "--wrong"), late]
    peers.rounds(made_bench, "iris", every, ONE_ROUND)
    results = made_bench.results
    assert {peak.system for peak in results.peaks} == {"right"}
    assert results.wrong == 0  # what is not timed does not make the run a failure
    (at_start, under_load) = results.notes
    assert at_start.startswith("iris: not timed: wrong answers its golden request")
    assert under_load.startswith("iris: late is not timed: with 1 connections wrong answer: probability")
