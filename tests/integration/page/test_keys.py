"""With keys on the page opens, asks once, keeps the key in its tab, and shows it nowhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.page.conftest import Visit
from tests.support.server import models
from tests.support.server.doors import Door, open_door

KEY = "a-key-of-this-server-0123456789"


@pytest.fixture(scope="module")
def keyed(browser: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with open_door("two", tmp_path_factory.mktemp("m"), {"iris": models.classifier()}, API_KEYS=KEY) as opened:
        yield opened


def test_it_asks_once_and_keeps_the_key_in_the_tab(keyed: Door, visit: Visit) -> None:
    page = visit(keyed)
    assert page.locator("article").count() == 0
    assert page.evaluate("document.activeElement.name") == "key"
    page.keyboard.press("Escape")
    page.keyboard.type(KEY)
    page.keyboard.press("Enter")
    page.locator("article").wait_for()
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()
    page.reload()
    page.locator("article").wait_for()
    assert not page.locator("dialog[open]").count()
    assert page.evaluate("[Object.values(sessionStorage), localStorage.length, document.cookie]") == [[KEY], 0, ""]
    assert KEY not in page.content()
    assert "$DYNONNX_KEY" in str(page.locator(".code code").first.text_content())
    page.get_by_role("button", name="Forget key").click()
    page.locator("dialog[open]").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.slow
def test_a_wrong_key_is_asked_for_again(keyed: Door, visit: Visit) -> None:
    page = visit(keyed, allowed=[401])
    for wrong, told in (
        ("two words", "without spaces"),
        ("schlüssel", "without spaces"),
        ("wrong", "does not know that key"),
    ):
        page.get_by_label("Key", exact=True).fill(wrong)
        page.keyboard.press("Enter")
        page.locator("#key-note", has_text=told).wait_for()
    page.get_by_label("Key", exact=True).fill(KEY)
    page.keyboard.press("Enter")
    page.locator("article").wait_for()
