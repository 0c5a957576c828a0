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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_nothing(door: Door, visit: Visit, axe: str, size: dict[str, int], scheme: str) -> None:
    page = visit(door, "/#mixed", live=LIVE, viewport=size, color_scheme=scheme, allowed=[422], bypass_csp=True)
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()
    page.get_by_label("visits").fill("many")
    page.get_by_role("button", name="Paste a row").click()
    page.get_by_text("When something is wrong").click()
    assert faults(page, axe) == []
    page.get_by_role("button", name="Predict").click()
    page.locator(".answer .refusal").wait_for()
    page.get_by_role("tab", name="A table").click()
    assert faults(page, axe) == []


@pytest.mark.parametrize("name", ["genes", "hostile", "iris", "pair", "transformer"])
def test_nothing_sticks_out_on_a_phone(door: Door, visit: Visit, name: str) -> None:
    page = visit(door, f"/#{name}", live=LIVE, viewport=PHONE)
    if name != "pair":
        page.get_by_role("button", name="Predict").click()
        page.locator(".time").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    sizes = "[...document.querySelectorAll('.try input, .try select')].map((each) => getComputedStyle(each).fontSize)"
    assert set(page.evaluate(sizes)) <= {"16px"}  # below that a phone zooms in
