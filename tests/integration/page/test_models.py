"""What the page says of models: which serve, what proves them, and that nothing of theirs becomes markup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.page.conftest import HOSTILE, Visit
from tests.support.integration.running import Running
from tests.support.server import models
from tests.support.server.doors import Door, open_door

if TYPE_CHECKING:
    from playwright.sync_api import Route


def test_it_opens_with_the_default_model_and_its_proof(served: Running, visit: Visit) -> None:
    page = visit(served)
    assert page.locator("article h2").inner_text() == "iris"
    assert page.locator("#state").inner_text() == "Serves 4 models"
    assert page.title() == "iris · dynonnx"
    proof = page.get_by_role("region", name="proof").inner_text()
    assert "Answers as the original does" in proof
    assert "10,000 rows were put to the original model and to this file: no answer differed." in proof
    assert "So the file says of itself; python -m convert verify asks the original again." in proof
    assert "answers 16 golden rows again" in proof
    facts = page.locator(".facts").inner_text()
    assert all(part in facts for part in ("setosa, versicolor, virginica", "scikit-learn", "for one row"))


def test_a_proof_tells_what_it_does_not_count_and_who_answered(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed")
    proof = {"rows": 10_000, "wrong": 0, "accidents": 408, "company": {"rows": 1000, "differ": 7, "worst": 0.1}}
    more = {"parity": proof, "producer": {"python": "3.13.0", "original": "Python 3.10.13, scikit-learn 1.2.2"}}

    def told(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | more)

    page.route("**/models/iris", told)
    page.get_by_role("link", name="iris").click()
    page.locator("article h2", has_text="iris").wait_for()
    words = page.get_by_role("region", name="proof").inner_text()
    assert "Not counted: 408 rows whose neighbours are equally near" in words
    assert "its answer to each row alone: of 1,000 rows together the original answers 7 otherwise" in words
    facts = page.locator(".facts").inner_text()
    assert "Made with\npython 3.13.0\n" in facts
    assert "Proven against the answers of\nPython 3.10.13, scikit-learn 1.2.2\n" in facts


@pytest.mark.slow
def test_another_model_has_an_address_of_its_own(door: Door, visit: Visit) -> None:
    page = visit(door, "/docs#mixed")
    assert page.locator("article h2").inner_text() == "mixed"
    assert page.url.endswith("/#mixed")
    page.get_by_role("link", name="transformer").click()
    page.locator("article h2", has_text="transformer").wait_for()
    assert page.locator("#list a[aria-current]").get_attribute("href") == "#transformer"
    page.go_back()
    page.locator("article h2", has_text="mixed").wait_for()


def test_versions_can_be_chosen_and_refused_ones_say_why(tmp_path: Path, visit: Visit) -> None:
    made = models.classifier()
    (tmp_path / "iris" / "2").mkdir(parents=True)
    (tmp_path / "iris" / "2" / "model.onnx").write_bytes(made.data)
    with open_door("two", tmp_path, {"iris": made}) as door:
        repository = door.app.endpoints.repository
        repository._refused = {("iris", "3"): "the golden rows answer otherwise", ("other", "1"): HOSTILE}
        page = visit(door)
        assert "Version 3 does not serve. the golden rows answer otherwise" in page.locator(".refusal").inner_text()
        assert page.locator("#state").inner_text() == "Serves 1 model, 2 versions refused"
        assert page.get_by_label("version", exact=True).input_value() == "2"
        page.get_by_label("version", exact=True).select_option("1")
        page.locator(".code code", has_text="/models/iris/versions/1/predict").first.wait_for()
        page.get_by_role("link", name="other").click()
        assert HOSTILE in page.locator(".refusal").inner_text()


@pytest.mark.slow
def test_without_a_model_it_says_how_one_comes(tmp_path: Path, visit: Visit) -> None:
    with open_door("two", tmp_path, {}) as door:
        page = visit(door)
        assert "make convert MODEL=" in page.locator("article").inner_text()
        assert "commit what is in models/ then, and push again" in page.locator("article").inner_text()
        assert page.locator("#state").inner_text() == "Serves no model yet"


def test_what_a_model_is_called_becomes_text(door: Door, visit: Visit) -> None:
    page = visit(door, "/#hostile")
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()
    assert page.locator("article img").count() == 0
    assert page.get_by_label(HOSTILE).count() == 1
    assert HOSTILE in page.locator(".facts").inner_text()


def test_an_address_that_is_none_shows_the_default_model(door: Door, visit: Visit) -> None:
    visit(door, "/#%E0%A4%A").locator("article h2", has_text="iris").wait_for()


@pytest.mark.slow
def test_a_model_of_tensors_names_the_protocol(door: Door, visit: Visit) -> None:
    article = visit(door, "/#pair").locator("article")
    assert "/v2/models/pair/infer" in article.inner_text()
    assert "Not compared with an original" in article.inner_text()


def test_a_reader_without_a_mouse_gets_everywhere(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris")
    page.locator("article h2").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.get_by_label("petal width (cm)").focus()
    page.keyboard.press("Enter")
    page.locator(".prediction").wait_for()
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Python"
    assert "import requests" in page.get_by_role("tabpanel", name="Python").inner_text()
