"""Charts of scenarios: each drawn where it was measured, its failures, its longest wait and its moments told."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from bench.record import caches
from bench.record.formations import targets
from bench.record.results import ROUTED, Peak, Results, Turn
from bench.report import page, scenario_charts
from bench.report.scenario_charts import Chart
from tests.support.bench.runs import FIGURES, SERIES, a_run

MEMORY = [(0.0, 80.0), (1.0, 81.0)]


def a_run_of(*scenarios: str) -> Results:
    run = a_run()
    for scenario in scenarios:
        run.turns += [
            Turn(scenario, name, replace(FIGURES, max_ms=1234.0), SERIES, memory_over_s=MEMORY)
            for name in ("dynonnx", "fastapi_onnx")
        ]
    return run


TITLES = {
    "deploy": "A deploy",
    "swap": "A new version",
    "spike": "A spike",
    "soak": "A long run",
    "models": "Many models",
    "badclients": "Bad company",
}


@pytest.fixture(scope="module")
def drawn() -> list[Chart]:
    """All charts of a run that measured these scenarios."""
    return scenario_charts.charts(a_run_of(*TITLES))


@pytest.mark.parametrize(("scenario", "title"), TITLES.items())
def test_a_scenario_is_drawn_where_it_was_measured(scenario: str, title: str, drawn: list[Chart]) -> None:
    (chart,) = [chart for chart in drawn if chart.title == title]
    assert "dynonnx 0 failed, longest wait 1.2 s" in chart.text
    ElementTree.fromstring(chart.svg)  # noqa: S314 - our own text


def test_a_scenario_that_was_not_measured_is_not_drawn() -> None:
    html = page.page(a_run())
    assert not [title for title in TITLES.values() if title in html]
    over_time = [chart.title for chart in scenario_charts.over_time(a_run_of("spike"))]
    assert [title for title in over_time if title in TITLES.values()] == ["A spike"]


def test_a_new_version_tells_how_soon_it_answered() -> None:
    run = a_run_of("swap")
    run.turns[-2].events.extend([(4.0, "version 2 written"), (5.5, "version 2 answers")])
    (chart,) = [chart for chart in scenario_charts.over_time(run) if chart.title == "A new version"]
    assert "It answered 1.5 s later." in chart.text


def test_memory_over_time_stands_against_the_quota() -> None:
    (chart,) = scenario_charts.soak_memory(a_run_of("soak"))
    assert "quota: 512 MB" in chart.svg


def test_caches_are_drawn_by_skew() -> None:
    run = a_run()
    for skew in (0.6, 1.0):
        name = caches.scenario_of("iris", skew)
        run.settings.setdefault(caches.HIT_SHARES, {})[name] = skew / 2
        run.peaks += [
            Peak(name, system, caches.CONNECTIONS, 1, 100, rate, 1.0, 1.0, 1e6 / rate, 1.0, None, 0.0, 1, {})
            for system, rate in ((caches.MADE, 100.0), (caches.KEPT, 200.0))
        ]
    drawn = {chart.title: chart for chart in scenario_charts.caches(run)}
    assert list(drawn) == ["Questions that were answered before", "Rate gained by keeping answers"]
    assert all(chart.systems == ["iris"] for chart in drawn.values())
    assert list(scenario_charts.caches(a_run())) == []


def test_rate_dynos_and_p99_stand_one_above_the_other() -> None:
    run = a_run()
    run.settings["autoscale"] = {"goal_ms": 150.0, "utilisation": 0.6}
    assert list(scenario_charts.formations(run)) == []
    formation = [(0.0, 1, 0.3), (0.5, 1, 0.9), (1.0, 2, 0.9)]
    run.turns.append(Turn("autoscale", "dynonnx", FIGURES, SERIES, formation=formation))
    run.targets += targets(run.turns[-1], 150.0)
    (chart,) = scenario_charts.formations(run)
    assert "2,500 requests, 0 without a right answer." in chart.text
    drawn = ElementTree.fromstring(chart.svg)  # noqa: S314 - our own text
    words = "".join(drawn.itertext())
    assert all(word in words for word in ("requests/s", "dynos", "p99, ms", "seconds", "goal: 150 ms"))
    assert len([group for group in drawn.iter() if group.get("id", "").startswith("axes_")]) == 3
    assert "at most 60 s" in page.page(run)


def test_bodies_are_drawn_by_their_rows() -> None:
    (chart,) = scenario_charts.bodies(a_run_of("bodies of 1 rows", "bodies of 100 rows"))
    assert "1 row at 500/s, 100 rows at 500/s" in chart.text


def test_what_heroku_would_have_logged_is_in_the_page() -> None:
    run = a_run()
    run.turns, run.peaks = run.turns[:1], []  # hardly anything to draw
    assert "Heroku would have logged" not in page.page(run)
    run.count("dynonnx", {"H12": 0})
    assert "No H-code of the router" in page.page(run)
    run.count("dynonnx", {"R14": 2})
    run.count("dynonnx", {"R14": 1, "H13": 1})
    html = page.page(run)
    assert run.codes == {"dynonnx": {"R14": 3, "H13": 1}}
    assert "memory above the quota at a sample" in html
    assert "connection closed without an answer" in html


def test_turns_past_the_router_are_named_once_others_passed_it() -> None:
    run = a_run()
    assert "past the router" not in page.page(run)
    run.settings["router"] = True
    run.turns = [replace(turn, way=ROUTED) if turn.figures.asked_rate < 8000 else turn for turn in run.turns]
    html = page.page(run)
    assert "steps, past the router" in html
    assert "Hollow dots went past the router (from 8,000/s on)" in html
    assert "From 4,000/s on it was asked past the stand-in router" in html
