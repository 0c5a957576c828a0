"""Serving: only once a system answers rightly; what does not is named, and a host that others run needs leave."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.baselines.serving import Running, meet, serving
from bench.baselines.systems import System
from bench.errors import BenchError, ServerFailed
from bench.load.cases import Case
from bench.load.client import Answer
from bench.machine.processes import clean_environment, free_port
from bench.record import results

NOWHERE: frozenset[int] = frozenset()
ROOT = Path(__file__).resolve().parents[3]


def test_a_server_that_ends_is_named_with_its_log(cases: list[Case], tmp_path: Path) -> None:
    broken = System("broken", (sys.executable, "-c", "raise SystemExit('no model, no service')"))
    with (
        pytest.raises(ServerFailed, match=r"broken ended with status 1 before it served\.(.|\n)*no model, no service"),
        serving(broken, cases[0], tmp_path, NOWHERE),
    ):
        pytest.fail("it never served")


def test_a_wrong_golden_answer_ends_the_start(standin: Callable[..., Running]) -> None:
    with pytest.raises(ServerFailed, match="wrong answer: probability"):
        standin("--wrong")


def test_an_error_as_golden_answer_ends_the_start(standin: Callable[..., Running]) -> None:
    with pytest.raises(ServerFailed, match="http 500 overloaded"):
        standin("--status", "500")


def test_the_port_reaches_command_and_environment(cases: list[Case], cases_file: Path, tmp_path: Path) -> None:
    standin = str(Path(__file__).resolve().parents[2] / "support" / "bench" / "standin.py")
    shell = 'exec "$0" "$1" "$2" --port "$PORT"'
    system = System("by-env", ("sh", "-c", shell, sys.executable, standin, str(cases_file)), {"PORT": "{port}"})
    with serving(system, cases[0], tmp_path, NOWHERE) as running:
        assert 0 < running.start_s < 30
        assert running.child is not None
        assert running.child.status() is None


def test_settings_of_this_shell_do_not_reach_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DYNONNX_MAX_ROWS", "WEB_CONCURRENCY", "PORT", "GUNICORN_CMD_ARGS"):
        monkeypatch.setenv(name, "7")
    assert not {name for name in clean_environment() if name.startswith(("DYNONNX_", "WEB_", "PORT", "GUNICORN"))}


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
