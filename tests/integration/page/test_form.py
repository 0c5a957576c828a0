"""Trying one row: every kind of model from its own schema, what is odd is said at once, the server's word is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from tests.integration.page.conftest import WIDE, Visit
from tests.support.server.doors import Door, post

if TYPE_CHECKING:
    from playwright.sync_api import Page

KINDS = ["digits", "genes", "hostile", "iris", "mixed", "plain", "scores", "targets", "transformer"]


def test_the_golden_row_of_every_kind_is_answered_as_it_stands_there(door: Door, visit: Visit) -> None:
    page = visit(door)
    for name in KINDS:
        page.locator(f"#list a[href='#{name}']").click()
        page.locator("article h2", has_text=name).wait_for()
        page.get_by_role("button", name="Predict").click()
        page.get_by_text("The answer as JSON").click()
        told = orjson.loads(page.locator(".raw pre").inner_text())
        body = str(page.locator(".code code").first.text_content()).split("-d '", 1)[1].removesuffix("'").encode()
        assert told == orjson.loads(door.ask(post(body, f"/models/{name}/predict")).body)
        assert "the model" in page.locator(".stages").inner_text()


def test_of_documents_the_plainest_stands_there_at_first(door: Door, visit: Visit) -> None:
    page = visit(door)
    rows = [["TÀX  VOTE", 1], ["moon orbit", 2], ["OIL-road", 3]]
    first = """([long, examples]) => import("/static/row.js").then((row) =>
        row.firstExample({ examples }, [{ long }, {}]))"""
    assert page.evaluate(first, [True, rows]) == 1
    assert page.evaluate(first, [False, rows]) == 0
    assert page.evaluate(first, [True, []]) == 0


def test_classes_are_bars(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris")
    page.get_by_role("button", name="Predict").click()
    assert page.locator(".prediction").inner_text() == "setosa"
    bars = page.get_by_role("list", name="probability of each class").get_by_role("listitem").all_inner_texts()
    assert [bar.split()[0] for bar in bars] == ["setosa", "versicolor", "virginica"]
    shares = page.evaluate("[...document.querySelectorAll('.bars b')].map((bar) => parseFloat(bar.style.width))")
    assert sum(shares) == pytest.approx(100)


def test_what_is_odd_is_said_before_and_the_servers_word_after(door: Door, visit: Visit) -> None:
    page = visit(door, "/#iris", allowed=[422])
    page.get_by_label("sepal width (cm)").fill("3,5")
    page.get_by_label("sepal length (cm)").fill("")
    page.get_by_label("petal length (cm)").fill("99")
    notes = page.locator(".note").all_inner_texts()
    assert notes[:2] == ["a value is due here", "a number is due, with a point: 1.5"]
    assert notes[2].startswith("far from golden rows")
    assert page.get_by_label("sepal width (cm)").get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Predict").click()
    assert "feature 'sepal length (cm)'" in page.locator(".answer .refusal").inner_text()
    assert "invalid_input" in page.locator(".answer").inner_text()


def test_categories_are_choices_and_unknown_ones_are_warned_of(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed", allowed=[422])
    city = page.get_by_label("city")
    choices = city.locator("option").all_inner_texts()
    assert len(choices) >= 3
    page.get_by_role("button", name="Paste a row").click()
    page.get_by_label("a row to paste").fill('["Atlantis", null, null, 3, true]')
    page.get_by_role("button", name="Fill in").click()
    assert city.input_value() == "Atlantis"
    assert "the model knows only" in page.locator(".note.bad").inner_text()
    assert page.get_by_label("age", exact=True).get_attribute("placeholder") == "missing"
    page.get_by_role("button", name="Predict").click()
    assert "city" in page.locator(".answer .refusal").inner_text()
    city.select_option(choices[0])
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()


def test_what_a_model_was_fitted_with_is_offered_and_other_values_are_warned_of(door: Door, visit: Visit) -> None:
    page = visit(door, "/#mixed")
    plan = page.get_by_label("plan")
    offered = page.locator(f"datalist#{plan.get_attribute('list')} option")
    assert [option.get_attribute("value") for option in offered.all()] == ["", "gold", "tin, 2"]
    note = page.locator(f"#{plan.get_attribute('aria-describedby')}")
    plan.fill("gold")
    assert note.inner_text() == ""
    plan.fill("lead")
    assert note.inner_text() == 'the model does not know this value: it knows "", gold, tin, 2'
    assert "warn" in str(note.get_attribute("class"))
    assert plan.get_attribute("aria-invalid") == "false"
    page.get_by_role("button", name="Predict").click()
    page.locator(".prediction").wait_for()


def test_a_number_among_known_ones_is_known_however_it_is_written(modules: Page) -> None:
    unknown = """async ([known, dtype, texts]) => {
      const { faultOf, fieldsOf } = await import("/static/row.js");
      const [field] = fieldsOf({ features: [{ name: "a", dtype, categories: null, known }], examples: [] });
      return texts.map((text) => Boolean(faultOf(field, text)?.unknown));
    }"""
    assert modules.evaluate(unknown, [[1.0, 2.5], "float64", ["1", "1.0", " 2.50", "3", "x"]]) == [
        *(False, False, False),
        *(True, False),
    ]
    assert modules.evaluate(unknown, [["a", "1"], "string", ["a", "1", "1.0", "A"]]) == [False, False, True, True]
    assert modules.evaluate(unknown, [[], "string", ["a"]]) == [False], "of a file that tells of none"


def test_three_thousand_features_are_searched_and_pasted(door: Door, visit: Visit) -> None:
    page = visit(door, "/#genes")
    assert page.locator(".field").count() == 12
    page.get_by_label("find a feature", exact=True).fill("gene 29")
    assert page.get_by_text("100 found").count() == 1
    page.get_by_role("button", name="Show 12 more").click()
    assert page.locator(".field").count() == 24
    row = [3, 4] + [0] * (WIDE - 2)
    page.get_by_role("button", name="Paste a row").click()
    pasted = page.get_by_label("a row to paste")
    pasted.fill("1,2,3")
    page.get_by_role("button", name="Fill in").click()
    assert page.get_by_text("This row has 3 values; the model takes 3,000.").count() == 1
    pasted.fill("\t".join(map(str, row)))
    page.get_by_role("button", name="Fill in").click()
    page.get_by_role("button", name="Predict").click()
    assert page.locator(".prediction").inner_text() == "14"
    page.get_by_role("button", name="Another example").click()
    assert page.get_by_label("gene 2900").input_value() != "0"


ROWS = [
    ('{"features": {"b": 2, "a": 1.5}}', ["1.5", "2"]),
    ('{"features": [[1, null]]}', ["1", ""]),
    ("b,a\n2,1.5", ["1.5", "2"]),
    ("1.5;2", ["1.5", "2"]),
    ('"1"\t2', ["1", "2"]),
    ('{"a": 1}', "This row lacks b."),
    ("[1", "This is not JSON"),
    ("", "There is nothing to read."),
]


@pytest.mark.parametrize(
    ("kind", "prediction", "says"),
    [
        ("outlier_detector", -1, "Unusual: an outlier."),
        ("outlier_detector", 1, "Usual: no outlier."),
        ("clusterer", 0, "The group that this row belongs to."),
        ("regressor", 0, None),
    ],
)
def test_a_bare_number_is_said_in_words(modules: Page, kind: str, prediction: int, says: str | None) -> None:
    nodes = """async ([kind, prediction]) => {
      const { answerNodes } = await import("/static/answer.js");
      const answer = { text: "", value: { prediction }, seconds: 0.5, stages: [] };
      return answerNodes(answer, kind).map((node) => node.textContent);
    }"""
    number, *words, _, _ = modules.evaluate(nodes, [kind, prediction])
    assert number == str(prediction)
    assert words == ([says] if says else [])


def test_a_small_share_is_never_said_to_be_nothing(modules: Page) -> None:
    said = 'async (shares) => shares.map((await import("/static/words.js")).percent)'
    assert modules.evaluate(said, [0, 1e-7, 4e-4, 0.25]) == ["0.0 %", "under 0.001 %", "0.040 %", "25.0 %"]


def test_a_duration_of_nothing_has_no_digits(modules: Page) -> None:
    said = 'async (seconds) => seconds.map((await import("/static/words.js")).duration)'
    assert modules.evaluate(said, [1.7e-18, 0, 2.5e-7, 0.0123]) == ["0 µs", "0 µs", "0.25 µs", "12.3 ms"]


def test_a_row_is_read_as_it_comes(modules: Page) -> None:
    read = """async ([text]) => {
      const { readRow } = await import("/static/row.js");
      try { return readRow(text, [{ name: "a" }, { name: "b" }]); } catch (error) { return error.message; }
    }"""
    for text, expected in ROWS:
        told = modules.evaluate(read, [text])
        assert told.startswith(expected) if isinstance(expected, str) else told == expected


NUMBERS = [("1", "1"), ("+1.50", "1.50"), (".5", "0.5"), ("-.5", "-0.5"), ("007", "7"), ("1.", "1"), ("1e5", "1e5")]
NUMBERS += [
    ("12345678901234567890", "12345678901234567890"),
    ("1,5", '"1,5"'),
    ("nan", '"nan"'),
    ("", "null"),
    ("-0", "-0"),
]


def test_no_digit_of_a_number_is_lost(modules: Page) -> None:
    json_of = """async (texts) => {
      const { jsonOf } = await import("/static/row.js");
      return texts.map((text) => jsonOf({ dtype: "float64" }, text));
    }"""
    assert modules.evaluate(json_of, [text for text, _ in NUMBERS]) == [json for _, json in NUMBERS]
