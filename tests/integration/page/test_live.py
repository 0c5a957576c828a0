"""The live figures: drawn from the stream, said in words, and what stands there when there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from tests.integration.page.conftest import Visit
from tests.support.integration.running import Running
from tests.support.server.doors import Door

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOW = 1_800_000_000


def sample(time: float, **more: Any) -> dict[str, Any]:
    """A second of a server with two workers."""
    iris = {
        "requests": 90.0,
        "errors": 0.5,
        "p50": 0.0004,
        "p95": 0.001,
        "p99": 0.002,
        "rows_per_batch": 3,
        "waiting": 0,
    }
    return {
        "time": time,
        "requests": 100.0,
        "errors": {"invalid_input": 1.5, "overloaded": 0.5},
        "p50": 0.0005,
        "p95": 0.0012,
        "p99": 0.0123,
        "rows_per_batch": 2.5,
        "waiting": 7,
        "connections": 1234,
        "busy": 0.25,
        "workers": 2,
        "memory": 300 * 2**20,
        "memory_limit": 512 * 2**20,
        "models": {"iris": iris},
    } | more


def stream(samples: list[dict[str, Any]], *later: dict[str, Any]) -> str:
    """The body of the stream: a history, then single samples."""
    history = orjson.dumps({"every": 1, "samples": samples}).decode()
    return f"event: history\ndata: {history}\n\n" + "".join(
        f"data: {orjson.dumps(each).decode()}\n\n" for each in later
    )


TEN_MINUTES = [sample(NOW - 600 + at) for at in range(600)]


def test_the_last_sample_is_said_and_all_are_drawn(door: Door, visit: Visit) -> None:
    page = visit(door, live=stream(TEN_MINUTES, sample(NOW, requests=1234.4)))
    page.get_by_text("1,234", exact=True).first.wait_for()
    said = page.locator("#figures").inner_text()
    for part in ("0.5 ms", "p95 1.2 ms, p99 12.3 ms", "2.5", "7 wait", "2", "invalid_input, overloaded"):
        assert part in said
    assert "300 MB of 512 MB" in page.locator("#vitals").inner_text()
    assert "25.0 %" in page.locator("#vitals").inner_text()
    line = page.locator("#figures path.line-0").first.get_attribute("d") or ""
    assert 140 < line.count(",") < 160  # a mean of four seconds each
    assert page.locator("#list").get_by_text("90/s").count() == 1
    assert "p95 1 ms, p99 2 ms" in page.locator("article .figures").inner_text()
    page.get_by_role("link", name="plain").click()
    page.get_by_text("Nobody asked it in this time.").wait_for()


@pytest.mark.parametrize(
    ("seconds", "said", "points"),
    [
        (0, "minute", 1),
        (59, "minute", 60),
        (90, "two minutes", 91),
        (299, "five minutes", 151),
        (600, "ten minutes", 151),
    ],
)
def test_a_chart_spans_what_there_is(modules: Page, seconds: int, said: str, points: int) -> None:
    drawn = """async (seconds) => {
      const { History } = await import("/static/stream.js");
      const { Figure } = await import("/static/chart.js");
      const { stretch } = await import("/static/words.js");
      const history = new History();
      for (let time = 1200 - seconds; time <= 1200; time += 1) history.add({ time, value: 1 });
      const figure = new Figure({ title: "", lines: [(sample) => sample.value], says: () => ["", ""] });
      figure.draw(history);
      const line = figure.paths[0].getAttribute("d");
      return [stretch(history.span), line.split(",").length - 1, /^M600.0,[\\d.]+h-10$/.test(line)];
    }"""
    assert modules.evaluate(drawn, seconds) == [said, points, seconds == 0], "a moment alone is a dash"


@pytest.mark.parametrize(("values", "said"), [([0, 0], ""), ([0, 0.4], "top 0.4"), ([3, 2], "top 3")])
def test_the_most_that_was_seen_is_said_where_there_was_any(modules: Page, values: list[float], said: str) -> None:
    drawn = """async (values) => {
      const { History } = await import("/static/stream.js");
      const { Figure } = await import("/static/chart.js");
      const history = new History();
      values.forEach((value, time) => history.add({ time, value }));
      const figure = new Figure({ title: "", lines: [(sample) => sample.value], says: () => ["", ""], least: 1 });
      figure.draw(history);
      return figure.most.textContent;
    }"""
    assert modules.evaluate(drawn, values) == said


@pytest.mark.slow
def test_a_moment_is_said_where_one_points(door: Door, visit: Visit) -> None:
    page = visit(door, live=stream([sample(NOW - 600), sample(NOW - 300, requests=5), sample(NOW)]))
    drawing = page.locator("#figures svg").first
    page.locator("#figures path.line-0[d]").first.wait_for(state="attached")
    box = drawing.bounding_box()
    assert box is not None
    drawing.hover(position={"x": box["width"] / 2, "y": 20})
    figure = page.locator("#figures figure").first.inner_text().split("\n")
    assert figure[:2] == ["Requests a second", "5"]
    assert "5 min 00 s ago" in figure


@pytest.mark.slow
def test_holes_break_the_line_and_nothing_is_no_number(door: Door, visit: Visit) -> None:
    quiet: dict[str, Any] = {
        "p50": None,
        "p95": None,
        "p99": None,
        "rows_per_batch": None,
        "errors": {},
        "models": {},
        "waiting": 0,
    }
    samples = [sample(NOW - 500), sample(NOW - 100), sample(NOW, requests=0, memory_limit=None, **quiet)]
    page = visit(door, live=stream(samples))
    page.locator("#figures").get_by_text("none", exact=True).wait_for()
    assert (page.locator("#figures path.line-0").first.get_attribute("d") or "").count("M") == 3
    assert "300 MB" in page.locator("#vitals").inner_text()
    assert "NaN" not in page.locator("#live").inner_html()


@pytest.mark.slow
def test_without_a_stream_there_is_no_panel_and_a_refusal_is_told(door: Door, visit: Visit) -> None:
    page = visit(door, live=None, allowed=[404, 503])
    answer = {"status": 503, "body": '{"error": "too many pages are open", "code": "overloaded"}'}
    page.route("**/live", lambda route: route.fulfill(**answer, content_type="application/json"))
    page.reload()
    page.get_by_text("No live numbers: too many pages are open. Trying again.").wait_for()
    page.route("**/live", lambda route: route.fulfill(status=404, body="{}", content_type="application/json"))
    page.reload()
    page.locator("#live").wait_for(state="hidden")


def test_what_is_asked_here_is_seen_here(served: Running, visit: Visit) -> None:
    page = visit(served, "/#iris", live=None)
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()
    page.locator("article .figures").wait_for()
    page.locator("#figures .line-0[d*='L']").first.wait_for(state="attached")
    assert page.locator("#vitals dd").first.inner_text() == "2"


def test_when_the_stream_ends_the_page_looks_for_other_models(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris", live=stream(TEN_MINUTES))
    page.get_by_label("petal width (cm)").fill("9")
    other = {"default": None, "models": [{"name": "fresh", "version": "1", "ready": True, "kind": "regressor"}]}
    page.route("**/models", lambda route: route.fulfill(body=orjson.dumps(other), content_type="application/json"))
    page.get_by_text("What this server serves has changed.").wait_for()
    assert page.get_by_label("petal width (cm)").input_value() == "9"
    assert page.locator("#state").inner_text() == "Serves 1 model"
