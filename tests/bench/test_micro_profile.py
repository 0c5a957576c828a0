"""The profile of a request: own times without the profiler's cost, each with its stage, of a real server too."""

from __future__ import annotations

import cProfile
import time
from pathlib import Path

import pytest

from bench.load import Generator
from bench.micro.subjects import heavy
from bench.micro.turns import Place
from bench.profiling.__main__ import profiles, render
from bench.profiling.collect import bias, said
from bench.profiling.stages import STAGES, Row, rows, stage_of, totals
from bench.wrk import found

BATCHER, PROTOCOL = "/app/server/batcher.py", "/app/server/protocol.py"
NO_BIAS = {"python": [0.0, 0.0], "builtin": [0.0, 0.0]}


@pytest.mark.parametrize(
    ("file", "name", "stage"),
    [
        (PROTOCOL, "Connection.on_header", "parse"),
        (PROTOCOL, "Exchange.answer", "write"),
        ("/app/server/gate.py", "Gate.admit", "gate"),
        ("/app/server/codecs/rows.py", "RowReader.read_row", "decode"),
        ("/app/server/codecs/tensors.py", "join", "batch"),
        ("/venv/site-packages/onnxruntime/capi/x.py", "Session.run", "run"),
        ("/app/server/codecs/answers.py", "Lane.bodies", "encode"),
        ("/app/server/novelty.py", "shine", "unplaced"),
        ("/usr/lib/asyncio/events.py", "Handle._run", "other"),
        ("/elsewhere/batcher.py", "Batcher.submit", "other"),
    ],
)
def test_a_function_has_the_stage_of_its_file(file: str, name: str, stage: str) -> None:
    assert stage_of((file, 1, name)) == stage


def test_a_builtin_counts_to_its_caller() -> None:
    turn, write = [BATCHER, 5, "Batcher._turn"], ["", 0, "<method 'popleft' of 'collections.deque' objects>"]
    flush = [PROTOCOL, 9, "Connection.flush"]
    profile = {
        "functions": [[turn, 10, 20e-6], [flush, 10, 30e-6], [write, 20, 8e-6]],
        "edges": [[turn, flush, 10, 30e-6], [turn, write, 10, 2e-6], [flush, write, 10, 6e-6]],
        "bias": NO_BIAS,
    }
    found = rows(profile, requests=10)
    assert totals(found)["batch"] == pytest.approx(2.2)
    assert totals(found)["write"] == pytest.approx(3.6)
    assert found[2].name == "popleft in protocol.py Connection.flush"


def test_the_profilers_own_cost_is_taken_off_callee_and_caller() -> None:
    turn, length = [BATCHER, 5, "Batcher._turn"], ["", 0, "<built-in method builtins.len>"]
    submit = [BATCHER, 7, "Batcher.submit"]
    profile = {
        "functions": [[turn, 10, 100e-6], [submit, 10, 20e-6], [length, 30, 9e-6]],
        "edges": [[turn, submit, 10, 20e-6], [turn, length, 30, 9e-6]],
        "bias": {"python": [0.5e-6, 1e-6], "builtin": [0.1e-6, 0.2e-6]},
    }
    found = {row.name: row.us for row in rows(profile, requests=10)}
    assert found == {
        "batcher.py Batcher._turn": pytest.approx(10 - 0.5 - 1 - 0.6),
        "batcher.py Batcher.submit": pytest.approx(1.5),
        "builtins.len in batcher.py Batcher._turn": pytest.approx(0.6),
    }


def test_without_its_own_cost_a_profile_is_near_the_truth() -> None:
    """A loop of many small calls, for which the profiler is worst. The least of many short tries is undisturbed."""
    calls, tries = 1000, 100

    def step(number: int) -> int:
        return number * number + 1

    def loop() -> None:
        for number in range(calls):
            step(number)

    def plain() -> float:
        began = time.perf_counter()
        loop()
        return time.perf_counter() - began

    def profiled() -> float:
        profile = cProfile.Profile()
        profile.enable()
        loop()
        profile.disable()
        return float(sum(seconds for _, _, seconds in said(profile)["functions"]))

    real, raw = min(plain() for _ in range(tries)), min(profiled() for _ in range(tries))
    corrected = raw - calls * sum(bias()["python"])
    assert raw > 1.5 * real
    assert abs(corrected - real) < (raw - real) / 2


@pytest.mark.skipif(found() is None, reason="wrk is not installed")
def test_a_running_server_tells_its_stages(tmp_path: Path, generator: Generator) -> None:
    (profile,) = profiles(heavy(tmp_path), Place(tmp_path, generator.cores, 0.5), [2])
    by_name: dict[str, Row] = {row.name: row for row in profile.rows}
    assert by_name["batcher.py Batcher.submit"].calls == pytest.approx(1, rel=0.1)
    stages = totals(profile.rows)
    assert all(stages[stage] > 0 for stage in STAGES)
    unplaced = [row.name for row in profile.rows if row.stage == "unplaced"]
    assert not unplaced, "give the server's new file a stage in bench/profiling/stages.py"
    assert "orjson.loads" in render(profile, 60)
