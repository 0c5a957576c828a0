"""A host that others run: met only with leave and when right; its own time told apart from the network's."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.baselines.systems import Running
from bench.errors import BenchError
from bench.load.cases import Case
from bench.load.client import Answer
from bench.machine.processes import free_port
from bench.record import results
from bench.turns.host import meet

ROOT = Path(__file__).resolve().parents[3]


def test_a_host_that_is_not_this_machine_needs_a_word(cases: list[Case]) -> None:
    with pytest.raises(BenchError, match="--i-own-this-host"):
        meet("https://app.example", cases[0], "", owned=False)


def test_what_is_no_url_or_does_not_answer_is_named(cases: list[Case]) -> None:
    with pytest.raises(BenchError, match="http://name:port"):
        meet("app.example", cases[0], "", owned=True)
    with pytest.raises(BenchError, match="does not answer"):
        meet(f"http://127.0.0.1:{free_port()}", cases[0], "", owned=False)


def test_a_host_that_answers_wrongly_is_not_measured(standin: Callable[..., Running], cases: list[Case]) -> None:
    running = standin()
    other = Case("/predict", cases[0].body, {"prediction": "virginica"})
    with pytest.raises(BenchError, match="wrong answer: prediction"):
        meet(running.url, other, "", owned=False)


def test_server_timing_adds_up() -> None:
    head = b"HTTP/1.1 200 OK\r\nServer-Timing: parse;dur=0.1, run;dur=2.5, batch;desc=1\r\nContent-Length: 0"
    assert Answer(200, head, b"").server_s() == pytest.approx(0.0026)
    assert Answer(200, b"HTTP/1.1 200 OK\r\nX: 1", b"").server_s() != 0


@pytest.mark.slow
def test_the_command_measures_a_host(standin: Callable[..., Running], pickles: Path, tmp_path: Path) -> None:
    where = ("--pickles", str(pickles), "--results", str(tmp_path / "results"))
    command = [sys.executable, "-m", "bench", "host", standin().url, *where]
    command += ["--rate", "50", "--most", "20", "--seconds", "1"]
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    run = results.read(next((tmp_path / "results").iterdir()))
    assert [turn.scenario for turn in run.turns] == ["steady", "steps"]
    assert run.turns[0].figures.failed == 0
    assert run.turns[0].memory_mb is None
