"""The command line, end to end: results are left, faults end with a status, nothing stays behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from bench import __main__ as bench_main
from bench.__main__ import show
from bench.arguments import parser
from bench.baselines.systems import System
from bench.errors import BenchError
from bench.load import wrk
from bench.load.cases import read_cases
from bench.record import results
from bench.turns import session
from bench.turns.bench import Bench
from bench.turns.scenarios import SCENARIOS, RunOptions
from tests.bench.conftest import STANDIN
from tests.support.bench.runs import a_run

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "bench", *map(str, arguments)]


def environment() -> dict[str, str]:
    return dict(os.environ) | {"PYTHONPATH": str(ROOT)}


def told(*words: object) -> str:
    """What a command gives to be printed, in this process: most of the time of another would be its imports."""
    given = parser().parse_args([str(word) for word in words])
    return str(bench_main.COMMANDS[given.command](given))


@pytest.fixture(scope="module")
def written(pickles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command for a stock Locust writes."""
    out = tmp_path_factory.mktemp("written") / "cases.json"
    assert "150 requests" in told("cases", "--pickle", pickles / "iris.pkl", "--out", out)
    return out


def test_cases_writes_requests_with_their_answers(written: Path) -> None:
    assert len(read_cases(written)) == 150
    said = json.loads(written.read_text("utf-8"))
    assert said[0]["expected"]["prediction"] == "setosa"


def test_missing_models_end_with_a_sentence(tmp_path: Path) -> None:
    command = bench("quick", "--pickles", tmp_path, "--models", tmp_path, "--results", tmp_path)
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make models" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow  # what ends a run, and every process of one, tests of a second or less show
def test_a_run_that_is_told_to_end_leaves_its_results_and_no_process(pickles: Path, tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "iris" / "1").mkdir(parents=True)
    shutil.copy(pickles / "iris.pkl", models / "iris" / "1" / "model.onnx")  # only its being there is asked for here
    where = ("--pickles", pickles, "--models", models, "--results", tmp_path / "results")
    with subprocess.Popen(
        bench("quick", "--systems", "fastapi_pickle", *where),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr is not None
        assert "steady" in run.stderr.readline()
        started = children_of(run.pid)
        run.terminate()
        out, _ = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "interrupted" in out
    assert results.read(next((tmp_path / "results").iterdir())).interrupted
    assert started
    assert not [process for process in started if process.is_running()]


def test_wrong_answers_fail_the_run(made_bench: Bench, cases_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = (sys.executable, str(STANDIN), str(cases_file), "--port", "{port}", "--wrong-after", "120")
    system = System("standin", command)  # right when it is met, wrong under load
    session.run(made_bench, [system], [SCENARIOS["steady"]], RunOptions(rate=200, seconds=0.5))
    assert 0 < made_bench.results.wrong < sum(turn.figures.requests for turn in made_bench.results.turns)
    assert show(made_bench) == 1
    assert "WRONG ANSWERS" in capsys.readouterr().out
    assert "these figures are no measurement" in (made_bench.folder / "report.html").read_text("utf-8")


def children_of(pid: int) -> list[psutil.Process]:
    """Server and generator, as soon as both are there."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        children: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
        if len(children) >= 2:
            return children
    return []


def test_the_stock_locust_command_works(written: Path, tmp_path: Path) -> None:
    locust = [sys.executable, "-m", "locust", "-f", str(ROOT / "bench" / "load" / "locustfile.py"), "--headless"]
    refused = subprocess.run(
        [*locust, "--host", "https://app.example", "--cases", str(written)],
        cwd=tmp_path,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 2
    assert "app.example is not this machine" in refused.stderr


def test_a_run_can_be_drawn_compared_and_planned_with(tmp_path: Path) -> None:
    run = tmp_path / "results" / "one"
    run.mkdir(parents=True)
    a_run().write(run)
    assert "report.html" in told("report", run)
    assert "+0.0%" in told("compare", run, run)
    assert "1 dyno of type eco" in told("plan", "--rate", 5000, "--run", run)
    assert "measured" in told("plan", "--rate", 5000, "--results", run.parent)
    assert "A Standard-1X dyno holds" in (run / "report.html").read_text("utf-8")


def test_a_plan_without_a_run_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="python -m bench run"):
        told("plan", "--rate", 5000, "--results", tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(wrk.executable() is None, reason="wrk is not installed")
def test_an_interrupted_micro_run_leaves_what_it_measured_and_no_process(tmp_path: Path) -> None:
    command = bench("micro", "--scenarios", "wide", "--results", tmp_path)
    with subprocess.Popen(
        command, env=environment(), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        assert any("round 1" in line for line in run.stderr)
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "interrupted" in out
    (left,) = tmp_path.glob("*/results.json")
    assert b'"interrupted": true' in left.read_bytes()
    assert len(children) >= 4
    assert psutil.wait_procs(children, 60)[1] == []


def test_an_error_is_a_sentence_and_an_interrupt_a_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> int:
        raise BenchError("no model")

    def interrupted() -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    ended: list[bool] = []
    monkeypatch.setattr(bench_main, "end_all", lambda: ended.append(True))  # other tests have children here
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert bench_main.guarded(fails) == 1
        assert bench_main.guarded(interrupted) == 130
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert ended == [True, True]
    assert capsys.readouterr().err == "bench: no model\n"
