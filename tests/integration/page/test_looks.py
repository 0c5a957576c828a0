"""The page on a desk, on a phone and in the dark: nothing sticks out, and axe finds nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.page.conftest import Visit
from tests.integration.page.test_live import NOW, TEN_MINUTES, sample, stream
from tests.support.server.doors import Door

if TYPE_CHECKING:
    from playwright.sync_api import Page

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LIVE = stream(TEN_MINUTES, sample(NOW))


def faults(page: Page, axe: str) -> list[Any]:
    """What axe says against the page: rule, and the first element."""
    page.evaluate(axe)
    told = page.evaluate("axe.run({ resultTypes: ['violations'] })")
    return [(fault["id"], fault["nodes"][0]["html"]) for fault in told["violations"]]


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(DESK, "light", id="desk-light"),
        pytest.param(PHONE, "dark", id="phone-dark", marks=pytest.mark.slow),
        pytest.param(DESK, "dark", id="desk-dark", marks=pytest.mark.slow),
        pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
    ],
)
def test_axe_finds_nothing(door: Door, visit: Visit, axe: str, size: dict[str, int], scheme: str) -> None:
    page = visit(door, "/#mixed", live=LIVE, viewport=size, color_scheme=scheme, allowed=[422], bypass_csp=True)
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()
    page.get_by_label("visits").fill("many")
    page.get_by_label("plan").fill("lead")
    page.get_by_role("button", name="Paste a row").click()
    page.get_by_text("When something is wrong").click()
    assert faults(page, axe) == []
    page.get_by_role("button", name="Predict").click()
    page.locator(".answer .refusal").wait_for()
    page.get_by_role("tab", name="A table").click()
    assert faults(page, axe) == []


def test_nothing_sticks_out_on_a_phone(door: Door, visit: Visit) -> None:
    page = visit(door, live=LIVE, viewport=PHONE)
    for name in ("genes", "hostile", "iris", "pair", "transformer"):
        page.locator(f"#list a[href='#{name}']").click()
        page.locator("article h2", has_text=name).wait_for()
        chosen = page.locator("#list a[aria-current]").bounding_box()
        assert chosen is not None
        assert 0 <= chosen["x"] < PHONE["width"], f"{name} is out of sight in the row of models"
        if name != "pair":
            page.get_by_role("button", name="Predict").click()
            page.locator(".time").wait_for()
        check_width(page)


def test_a_schema_is_seen_whole_on_a_phone(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed", viewport=PHONE)
    values = page.locator(".schema tbody tr").nth(1).locator("td").last
    assert values.inner_text() == 'any; knows "", gold, tin, 2'
    box = values.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= PHONE["width"]


def test_a_table_that_is_broader_than_a_phone_is_scrolled_by_itself(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris", viewport=PHONE)
    page.get_by_role("tab", name="A table").click()
    names = page.locator(".schema tbody td:nth-child(2)").all_inner_texts()
    csv = "\n".join([",".join(names), *[",".join("1" for _ in names)] * 3, ",".join("x" for _ in names)])
    file: Any = {"name": "rows.csv", "mimeType": "text/csv", "buffer": csv.encode()}
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name="Save the table").wait_for()
    assert page.locator(".many .scroll").count() == 2
    check_width(page)


def check_width(page: Page) -> None:
    """Asserts that nothing is broader than the phone, and that it does not zoom in on a field."""
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    sizes = "[...document.querySelectorAll('.try input, .try select')].map((each) => getComputedStyle(each).fontSize)"
    assert set(page.evaluate(sizes)) <= {"16px"}  # below that a phone zooms in
