"""The report: self-contained, verdict first, every figure and fault in it, whatever was measured or not."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import pytest

from bench.record import caches, results
from bench.record.findings import missed_goals, standings
from bench.record.results import Knee
from bench.report import page
from bench.report.charts import short
from bench.report.page import verdict, warnings
from tests.support.bench.runs import FIGURES, a_run


def test_the_verdict_stands_first_and_names_rate_goal_ratio_and_memory() -> None:
    first, *rest = verdict(a_run())
    assert first == "A Standard-1X dyno holds 8,000 predictions/s with p99 under 50 ms."
    assert rest == [
        "That is 4.0 times what fastapi_onnx holds (2,000/s).",
        "That is 20 times what fastapi_pickle holds (400/s).",
        "It takes 76 MB of 512 MB.",
        "All of its 10,000 answers were checked and right.",
    ]


def test_a_bound_by_the_generator_is_said_as_a_lower_bound() -> None:
    run = a_run()
    run.knees[0] = replace(run.knees[0], generator_bound=True)
    first, second, *_ = verdict(run)
    assert "at least 8,000 predictions/s" in first
    assert "at least 4.0 times" in second


def test_one_that_held_no_rate_is_said_to_hold_less() -> None:
    run = a_run()
    run.knees[2] = Knee("fastapi_pickle", None, 250.0, "p99 67 ms")
    assert "That is more than 32 times what fastapi_pickle holds (less than 250/s)." in verdict(run)
    assert "&lt; 250" in page.page(run)


def test_the_time_on_the_way_is_told_apart_for_a_host() -> None:
    run = a_run()
    run.settings["url"] = "https://app.example"
    run.turns[0] = replace(run.turns[0], figures=replace(FIGURES, p50_ms=30.0, server_p50_ms=0.4))
    first, *rest = verdict(run)
    assert first.startswith("https://app.example holds")
    assert "Of the median 30.0 ms, 0.4 ms were the server's own; 29.6 ms the way." in rest


def test_wrong_answers_are_the_verdict() -> None:
    run = a_run()
    run.turns[0] = replace(run.turns[0], figures=replace(FIGURES, errors={"wrong answer: probability": 7}))
    assert verdict(run) == ["7 answers were wrong: these figures are no measurement."]
    assert "Wrong answers" in warnings(run)[0]


def test_a_noisy_machine_is_said() -> None:
    run = a_run()
    assert warnings(run) == []
    run.turns = [replace(turn, figures=replace(turn.figures, limit="late")) for turn in run.turns]
    assert "12 of 12 turns" in warnings(run)[0]


def test_goals_that_were_missed_or_not_measured_are_named() -> None:
    assert missed_goals(a_run(), p99_ms=2.0, held=8000) == []
    assert missed_goals(a_run(), p99_ms=None, held=None) == []
    late, few = missed_goals(a_run(), p99_ms=1.0, held=9000)
    assert late == "p99 at the steady rate: 2.0 ms, asked for at most 1 ms"
    assert few == "rate held: 8,000/s, asked for at least 9,000/s"
    assert len(missed_goals(results.new("x", {}), p99_ms=1.0, held=1.0)) == 2


def test_right_answers_are_counted_without_the_failed_ones() -> None:
    run = a_run()
    run.turns[0] = replace(run.turns[0], figures=replace(FIGURES, errors={"unfinished": 500}))
    ours = standings(run)[0]
    assert (ours.requests, ours.right, ours.wrong) == (10_000, 9_500, 0)


def test_the_page_needs_no_network_and_its_charts_are_whole() -> None:
    html = page.page(a_run())
    assert not re.search(r"https?://|<script|@import|url\((?!#)|src=", html)
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert len(drawings) == 3
    for drawing in drawings:
        ElementTree.fromstring(drawing)  # noqa: S314 - our own text
    assert html.index("<h1>") < html.index("<svg") < html.index("<table>")
    for said in ("8,000/s", "4,000", "p99 900 ms", "76 MB", "goal: 50 ms"):
        assert said in html


def test_charts_are_shown_where_no_turn_was_of_open_load() -> None:
    run = results.new("run", {caches.HIT_SHARES: {caches.scenario_of("iris", skew): skew / 2 for skew in (0.6, 1.0)}})
    assert page.page(run).count("<svg") == 2


def test_what_comes_from_outside_is_escaped() -> None:
    run = a_run()
    run.settings["model"] = "<b>x"
    run.notes.append("<script>alert(1)</script>")
    run.turns[0] = replace(run.turns[0], figures=replace(FIGURES, errors={"<i>odd": 1}))
    html = page.page(run)
    assert "<script>" not in html
    assert "<i>odd" not in html
    assert "<b>x" not in html


@pytest.mark.parametrize("keep", ["nothing", "start", "steady"])
def test_a_run_that_was_cut_short_still_has_a_page(tmp_path: Path, keep: str) -> None:
    run = a_run() if keep == "steady" else results.new("x", {})
    run.interrupted = True
    run.start_s = {} if keep == "nothing" else {"dynonnx": 1.0}
    run.turns, run.knees, run.peaks = run.turns[:1], [], []
    file = page.write(run, tmp_path)
    assert "interrupted" in file.read_text("utf-8")


def test_numbers_on_an_axis_are_short() -> None:
    assert [short(value) for value in (0.5, 20, 4000, 16000, 2e6)] == ["0.5", "20", "4k", "16k", "2M"]


def test_several_dynos_are_said_to_hold_together() -> None:
    run = a_run()
    run.settings |= {"dynos": 2, "cores": 0.5}
    first, *rest = verdict(run)
    assert first == "2 Standard-1X dynos with 0.5 of a core each hold 8,000 predictions/s with p99 under 50 ms."
    assert "A dyno takes 76 MB of 512 MB." in rest


def test_two_that_hold_the_same_are_said_to_be_alike() -> None:
    run = a_run()
    run.knees[1] = Knee("fastapi_onnx", 7900.0, 9000.0, "p99 900 ms")
    assert "As much as fastapi_onnx: 7,900/s." in verdict(run)
