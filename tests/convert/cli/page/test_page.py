"""The page that reports a conversion: whole in one file, no script, and nothing of a stranger's is markup."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from convert.cli.page.page import MOST_FEATURES, page
from server.artefact.metadata import Artefact, Feature, Golden, Output

HOSTILE = "</pre></style><script>alert(1)</script>\x1b[2J\u202e"
SPEED = {"1": 120.5, "1000": 0.31}


class Elements(HTMLParser):
    """What a browser would make of a page: its elements with their attributes, its text; and that all are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parity(**changes: Any) -> dict[str, Any]:
    """A proof of one group; ``changes`` are of its line of probabilities."""
    line = {"group": "usual", "rows": 10_000, "wrong": 0, "ties": 2, "accidents": 0, "worst": 3e-7}
    lines = [
        {**line, "way": way, "output": output, **(changes if output != "label" else {})}
        for way in ("batched", "alone")
        for output in ("label", "probabilities")
    ]
    whole = {"rows": 10_000, "wrong": 0, "ties": 2, "accidents": 0, "accident_share": 0.0}
    return {**whole, "distinct_answers": 40, "commonest_answer": 0.5, "lines": lines}


def artefact(name: str = "churn", features: int = 2, classes: tuple[str, ...] = ("yes", "no"), **line: Any) -> Artefact:
    columns = tuple(Feature(f"{name} {number}", "float64", "X") for number in range(features))
    outputs = (Output("label", "label"), Output("probabilities", "probabilities"))
    golden = Golden((), {})
    return Artefact(
        name, "classifier", columns, outputs, classes, golden, {"python": name}, "now", "0" * 64, parity(**line)
    )


def test_it_shows_pipeline_proof_speed_and_schema() -> None:
    seen = Elements(page(artefact(), "Pipeline\n└─ LogisticRegression()", SPEED, {"file": "models/churn/1/model.onnx"}))
    assert not seen.open
    for text in ("churn", "equal: 10,000 rows", "└─ LogisticRegression()", "120.50 times", "0.31 times", "churn 1",
                 "models/churn/1/model.onnx", "'yes', 'no'", "40 distinct answers", "3e-07"):  # fmt: skip
        assert text in seen.text
    assert [tag for tag, _ in seen.found].count("svg") == 1


def test_it_needs_no_script_and_fetches_nothing() -> None:
    seen = Elements(page(artefact(), "", SPEED, {}))
    policy = next(attributes for tag, attributes in seen.found if attributes.get("http-equiv"))
    assert (policy["content"] or "").startswith("default-src 'none'")
    assert not {"script", "link", "img", "iframe", "form", "a"} & {tag for tag, _ in seen.found}
    assert not {"src", "href", "style", "onload"} & {name for _, attributes in seen.found for name in attributes}


def test_nothing_of_a_file_becomes_markup_or_hides() -> None:
    model = artefact(HOSTILE, classes=(HOSTILE,), group=HOSTILE)
    seen = Elements(page(model, HOSTILE, SPEED, {"file": HOSTILE}))
    assert "script" not in {tag for tag, _ in seen.found}
    assert "<script>alert(1)</script>\\x1b[2J\\u202e" in seen.text
    assert "\x1b" not in seen.text
    assert "\u202e" not in seen.text


@pytest.mark.parametrize("size", [3000])
def test_it_stays_small_whatever_is_in_the_file(size: int) -> None:
    names = tuple("<" * size for _ in range(size))
    text = page(artefact("<" * size, size, names), "\n".join(names), SPEED, {"file": names[0]})
    assert len(text.encode()) < 200_000
    assert f"and {size - MOST_FEATURES:,} more" in text
