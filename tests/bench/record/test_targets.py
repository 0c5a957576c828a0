"""The record, the targets and the table of a micro run: medians over rounds, ratios within them, honest verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record.micro_record import Bare, Record, Turn
from bench.record.targets import bound, over_bare, targets
from bench.report import micro_table as table


def turn(section: str, lane: str, connections: int, number: int, rate: float, **other: object) -> Turn:
    figures: dict[str, object] = {
        "requests": 1000,
        "p50_us": 1e6 * connections / rate,
        "p99_us": 2e6 * connections / rate,
        "cpu_us": 0.9e6 / rate,
        "busy": 0.9,
        "batch_rows": None,
        "others": 0.01,
        "checked": 12,
        "faults": {},
    } | other
    return Turn(section, lane, connections, number, rate=rate, **figures)  # type: ignore[arg-type]


@pytest.fixture
def record() -> Record:
    """Two quiet rounds and one in which the machine was half as fast."""
    made = Record("python -m bench.micro", {}, {}, {"iris": "iris: four features", "bound": "bound", "wide": "wide"})
    for number, speed in ((1, 1.0), (2, 0.5), (3, 1.0)):
        for connections in (1, 32):
            for lane, rate in (("dynonnx", 100e3), ("fastapi_onnx", 5e3), ("nginx", 200e3)):
                made.turns.append(turn("iris", lane, connections, number, rate * speed))
        made.turns.append(turn("bound", "iris", 64, number, 100e3 * speed, batch_rows=40.0))
        made.turns.append(turn("bound", "breast-cancer", 64, number, 80e3 * speed, batch_rows=40.0))
        made.turns.append(turn("wide", "dynonnx", 8, number, 200.0 * speed))
    made.bare["iris"] = Bare({1: 4.0, 64: 10.0}, 1.0, 1.0)
    made.bare["breast-cancer"] = Bare({1: 6.0, 64: 69.0}, 3.0, 1.0)
    made.bare["wide"] = Bare({1000: 100.0}, 3800.0, 100.0)
    made.targets = targets(made)
    return made


def test_ratios_are_taken_within_a_round_and_medians_over_rounds(record: Record) -> None:
    assert record.middle("iris", "dynonnx", 32, "rate") == 100e3
    assert record.ratio("iris", 32, "dynonnx", "fastapi_onnx", "rate") == 20.0
    del record.turns[0:3]  # a round that one lane never had does not count for the other
    record.turns.append(turn("iris", "dynonnx", 1, 7, 1.0))
    assert record.ratio("iris", 1, "dynonnx", "nginx", "rate") == 0.5


def test_nothing_measured_is_no_figure(record: Record) -> None:
    assert record.middle("iris", "raw_asgi", 32, "rate") is None
    assert record.ratio("iris", 32, "dynonnx", "raw_asgi", "rate") is None
    record.turns[:] = [turn("iris", "dynonnx", 32, 1, 1e5, cpu_us=None), turn("iris", "nginx", 32, 1, 2e5)]
    assert record.ratio("iris", 32, "dynonnx", "nginx", "cpu_us") is None


@pytest.mark.parametrize(("rows", "us"), [(1, 5.0), (11.5, 10.25), (22, 15.5), (43, 26.0), (85, 47.0)])
def test_a_run_of_other_sizes_lies_on_the_line(rows: float, us: float) -> None:
    bare = Bare({64: 36.5, 1: 5.0, 22: 15.5}, 0.0, 0.0)
    assert bare.run_us_at(rows) == pytest.approx(us)


def test_the_bound_is_the_front_and_a_rows_share_of_the_run(record: Record) -> None:
    found = bound(record)
    assert found is not None
    iris_run = 4.0 + 6.0 * 39 / 63
    assert found.front.wall == pytest.approx(10.0 - iris_run / 40 + 2.0)
    assert found.run == pytest.approx((6.0 + 39.0) / 40)
    assert found.by_wall == pytest.approx((found.front.wall + found.run) / 12.5)


def test_a_wide_request_is_compared_with_its_parts(record: Record) -> None:
    found = over_bare(record)
    assert found is not None
    assert found.wall == pytest.approx(5000 / 4000)


def test_verdicts_follow_the_direction_of_the_goal(record: Record) -> None:
    assert [target.reached for target in record.targets] == [True, True, False, True, True]
    assert record.targets[2].measured == 2.0


def test_what_was_not_measured_is_neither_reached_nor_missed(record: Record) -> None:
    record.turns[:] = [each for each in record.turns if each.lane != "nginx"]
    record.bare.clear()
    assert [target.reached for target in targets(record)] == [True, None, None, None, None]
    record.targets = targets(record)
    assert table.render(record).count("not measured") == 4


def test_the_table_shows_every_lane_and_verdict(record: Record) -> None:
    shown = table.render(record)
    (line,) = [line for line in shown.splitlines() if line.split()[:2] == ["32", "dynonnx"]]
    assert line.split()[2:] == ["100,000", "320", "640", "9.0", "90%", "20.00x", "20.00x", "0.50x", "0.50x"]
    assert "NOT reached" in shown
    assert max(map(len, shown.splitlines())) <= 120


def test_faults_are_said_aloud(record: Record) -> None:
    record.turns.append(turn("iris", "dynonnx", 1, 4, 1e5, faults={"wrong answer: prediction": 2, "wrk: status": 1}))
    assert sum(record.faults.values()) == 3
    assert "FAULTS: iris dynonnx: wrong answer: prediction x2" in table.render(record)


def test_a_busy_machine_is_said_aloud(record: Record) -> None:
    assert "other processes" not in table.render(record)
    record.turns[:] = [replace(each, others=0.4) for each in record.turns]
    assert "other processes took 40% of the server's core" in table.render(record)


def test_the_file_holds_all_of_it(record: Record, tmp_path: Path) -> None:
    said = json.loads(record.write(tmp_path).read_bytes())
    assert len(said["turns"]) == len(record.turns)
    assert said["bare"]["iris"]["run_us"] == {"1": 4.0, "64": 10.0}
    assert [target["reached"] for target in said["targets"]] == [True, True, False, True, True]
