"""A dyno runs packages of permissive licences, and the page of licences is of now."""

from __future__ import annotations

import pytest

from tests.campaigns.supply.__main__ import LISTS
from tests.campaigns.supply.licences import licence, licence_of, not_permitted, page
from tests.campaigns.supply.lock import ROOT, read_pins


@pytest.mark.parametrize("name", [*read_pins(ROOT / "requirements.txt"), *read_pins(ROOT / "requirements-signing.txt")])
def test_a_dyno_runs_what_anyone_may_pass_on(name: str) -> None:
    if (expression := licence_of(name)) is None:
        pytest.skip("not installed: run `make develop`")
    assert not_permitted(name, expression) == []


def test_the_page_lists_all_pins_with_the_licences_of_those_installed() -> None:
    lists = {use: read_pins(ROOT / file) for use, file in LISTS.items()}
    told = (ROOT / "docs" / "licences.md").read_text("utf-8").splitlines()
    rows = [tuple(line.strip("| ").split(" | ")) for line in told if line.startswith("| ") and " --- " not in line][1:]
    assert [(name, version, use) for name, version, _, use in rows] == [
        (name, pin.version, use) for use, pins in lists.items() for name, pin in pins.items()
    ], "run `make licences`"
    assert set(page(lists).splitlines()) <= set(told), "run `make licences`"


@pytest.mark.parametrize(
    ("name", "expression", "refused"),
    [
        ("a", "MIT AND (GPL-3.0-only OR BSD-3-Clause)", []),
        ("a", "MIT AND GPL-3.0-only", ["GPL-3.0-only"]),
        ("a", "MPL-2.0 AND (Apache-2.0 OR MIT)", ["MPL-2.0"]),
        ("orjson", "MPL-2.0 AND (Apache-2.0 OR MIT)", []),
        ("a", "unknown", ["unknown"]),
    ],
)
def test_one_of_several_is_enough_and_all_of_several_are_needed(name: str, expression: str, refused: list[str]) -> None:
    assert not_permitted(name, expression) == refused


@pytest.mark.parametrize(
    ("expression", "text", "classifier", "said"),
    [
        ("MIT", "BSD", "", "MIT"),
        (None, "MIT License", "", "MIT"),
        (None, "a text\nof many lines", "License :: OSI Approved :: MIT License", "MIT"),
        (None, None, "Topic :: Internet", "unknown"),
    ],
)
def test_old_metadata_says_it_in_other_places(
    expression: str | None, text: str | None, classifier: str, said: str
) -> None:
    fields: dict[str, list[str | None]] = {
        "License-Expression": [expression],
        "License": [text],
        "Classifier": [classifier],
    }
    assert licence({name: [value for value in values if value] for name, values in fields.items()}) == said
