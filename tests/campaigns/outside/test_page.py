"""The section about other people's models: what it counts and lists; each writer of the page keeps the rest."""

from __future__ import annotations

from tests.campaigns.coverage.measure import Outcome
from tests.campaigns.outside.page import put, section, taken

JUDGED = [
    ("theirs", "a", Outcome("agrees")),
    ("theirs", "b", Outcome("refused", "no | reason")),
    ("others", "c", Outcome("hangs", "more than 9 s")),
    ("others", "d", Outcome("not fitted")),
]


def test_it_counts_by_suite_and_lists_what_does_not_agree() -> None:
    text = section(JUDGED, 1000)
    assert "| theirs | 2 | 1 | 1 | 0 | 0 |" in text
    assert "| others | 1 | 0 | 0 | 0 | 1 |" in text
    assert "| theirs: b | refused | no \\| reason |" in text
    assert "theirs: a" not in text


def test_it_takes_its_own_place_on_the_page() -> None:
    first = put("# What converts\n\n## One\n\nof one\n", section(JUDGED, 1000))
    assert first.startswith("# What converts\n\n## One\n\nof one\n\n## Models of")
    assert taken(first) == section(JUDGED, 1000)
    followed = first + "\n## Two\n\nof two\n"
    again = put(followed, section(JUDGED[:1], 1000))
    assert again.count("## Models of") == 1
    assert "| others |" not in again
    assert again.endswith("\n\n## Two\n\nof two\n")
    assert taken("# Nothing of it\n") == ""
