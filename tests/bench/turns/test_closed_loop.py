"""Turns under real load: what is counted, and that a wrong answer under load is noticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import psutil
import pytest
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType

from bench.baselines.lanes import Lane, lanes_of, nginx_found
from bench.baselines.systems import Running, serving
from bench.load.answers import fault
from bench.load.cases import Case, make_cases
from bench.load.client import Address, Connection
from bench.load.generator import Generator
from bench.load.models import Subject, heavy, wide
from bench.load.rows import rows_for
from bench.load.wrk import found
from bench.turns import bare
from bench.turns.closed_loop import Place, cpu_seconds, drive

ROOT = Path(__file__).resolve().parents[3]

needs_wrk = pytest.mark.skipif(found() is None, reason="wrk is not installed")


@pytest.fixture
def place(tmp_path: Path, generator: Generator) -> Place:
    return Place(tmp_path, generator.cores, 0.4)


@pytest.fixture(scope="session")
def subject(iris: Any, cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Subject:
    folder = tmp_path_factory.mktemp("subject")
    graph = to_onnx(iris, initial_types=[("X", DoubleTensorType([None, 4]))], options={"zipmap": False})
    (folder / "iris.onnx").write_bytes(graph.SerializeToString())
    joblib.dump(iris, folder / "iris.pkl")
    return Subject("iris", "iris", folder / "iris.pkl", folder / "iris.onnx", cases)


@needs_wrk
def test_a_turn_counts_what_the_server_did(standin: Callable[..., Running], cases: list[Case], place: Place) -> None:
    running = standin()
    turn = drive(place, "iris", Lane("standin", running.system, cases), running, 4, 1)
    assert turn.faults == {}
    assert turn.checked >= 4
    assert turn.requests > 50
    assert turn.rate == pytest.approx(turn.requests / place.seconds, rel=0.6)
    assert turn.cpu_us is not None
    assert 0 < turn.cpu_us < 2e4
    assert turn.busy is not None
    assert 0 < turn.busy < 1.3
    assert 0 < turn.p50_us <= turn.p99_us
    assert turn.others is None or 0 <= turn.others < 1.1


@needs_wrk
def test_an_answer_that_is_wrong_under_load_is_noticed(
    standin: Callable[..., Running], cases: list[Case], place: Place
) -> None:
    running = standin()
    others = [Case(case.path, case.body, {"prediction": "of another kind"}) for case in cases]
    turn = drive(place, "iris", Lane("standin", running.system, others), running, 2, 1)
    assert turn.faults == {"wrong answer: prediction": turn.checked}


@needs_wrk
def test_an_error_status_is_counted_by_wrk(subject: Subject, place: Place) -> None:
    asked = lane(subject, "raw_asgi", place.folder)
    rubbish = [Case(case.path, b"{}", case.expected) for case in subject.cases]
    with serving(asked.system, asked.cases[0], place.folder, frozenset()) as running:
        turn = drive(place, "iris", Lane("raw_asgi", asked.system, rubbish), running, 2, 1)
    assert turn.faults["wrk: status"] > 10
    assert turn.faults["http 500"] == turn.checked


def test_raw_asgi_answers_as_the_pickle(iris: Any, subject: Subject, tmp_path: Path) -> None:
    rows = rows_for("iris")[:20]
    every = [*make_cases(iris, rows), *make_cases(iris, rows, rows_each=1), *make_cases(iris, rows, rows_each=7)]
    assert answers(lane(subject, "raw_asgi", tmp_path), every, tmp_path) == [None] * len(every)


@pytest.mark.skipif(nginx_found() is None, reason="nginx is not installed")
def test_nginx_answers_the_same_to_all(subject: Subject, tmp_path: Path) -> None:
    constant = lane(subject, "nginx", tmp_path)
    assert answers(constant, constant.cases[:3], tmp_path) == [None] * 3


def lane(subject: Subject, name: str, folder: Path) -> Lane:
    (only,) = [lane for lane in lanes_of(subject, folder) if lane.name == name]
    return only


def answers(lane: Lane, cases: Any, folder: Path) -> list[str | None]:
    with serving(lane.system, lane.cases[0], folder, frozenset()) as running:
        target = Address.parse(running.url)
        with Connection(target) as connection:
            got = [connection.exchange(target.request("POST", case.path, case.body)) for case in cases]
    return [fault(case.expected, answer.status, answer.body) for case, answer in zip(cases, got, strict=True)]


def test_models_made_on_the_spot_are_answered_rightly(tmp_path: Path) -> None:
    for made in (heavy(tmp_path), wide(tmp_path)):
        assert answers(lane(made, "fastapi_onnx", tmp_path), made.cases[:3], tmp_path) == [None] * 3
        assert answers(lane(made, "dynonnx", tmp_path), made.dynonnx_cases[:3], tmp_path) == [None] * 3


def test_bare_costs_grow_with_rows(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bare, "BLOCKS", 3)
    rows = rows_for("iris")
    body = subject.cases[0].body.decode()
    said = bare.costs({"artefact": str(subject.artefact), "rows": rows, "body": body, "counts": [1, 5000]})
    assert 0 < said["run_us"][1] < said["run_us"][5000]
    assert 0 < said["decode_us"] < 1000
    assert 0 < said["encode_us"] < 1000


def test_processor_time_of_children_counts() -> None:
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(sum(range(5_000_000))); input()'])"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        worked, own = cpu_seconds(shell.pid), psutil.Process(shell.pid).cpu_times()
        shell.communicate(b"\n")
    assert worked is not None
    assert worked > own.user + own.system
    assert cpu_seconds(shell.pid) is None


@needs_wrk
def test_an_interrupted_run_leaves_what_it_measured_and_no_process(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.turns.micro", "--sections", "wide", "--results", str(tmp_path)]
    environment = dict(os.environ) | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        assert any("round 1" in line for line in run.stderr)
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGINT)
        out, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "interrupted" in out
    (left,) = tmp_path.glob("*/micro.json")
    assert b'"interrupted": true' in left.read_bytes()
    assert len(children) >= 4
    assert psutil.wait_procs(children, 5)[1] == []
