"""The limit of repeated lines: a few of each source a second, the rest as one number."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st

from server.logs.repeats import MOST, WINDOW_SECONDS, Held, RepeatLimit


def test_a_source_has_so_many_lines_a_second_and_then_one_number() -> None:
    limit = RepeatLimit()
    admitted = [limit.admits("a", f"line {number}", logging.ERROR, 0.01 * number) for number in range(25)]
    assert admitted == [True] * MOST + [False] * 15
    assert limit.admits("b", "another source", logging.INFO, 0.5)
    assert limit.take_ended(0.9) == []
    assert limit.take_ended(WINDOW_SECONDS) == [Held(15, "line 24", logging.ERROR)]
    assert limit.take_ended(WINDOW_SECONDS) == [], "it is told once"
    assert limit.admits("a", "again", logging.ERROR, WINDOW_SECONDS)


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0, 0.5)), max_size=200))
def test_every_line_is_let_through_or_counted(steps: list[tuple[int, float]]) -> None:
    limit = RepeatLimit()
    now, let_through, held = 0.0, 0, 0
    for source, wait in steps:
        now += wait
        held += sum(each.lines for each in limit.take_ended(now))
        let_through += limit.admits(source, "", 0, now)
    held += sum(each.lines for each in limit.take_ended(now + 2 * WINDOW_SECONDS))
    assert let_through + held == len(steps)
    assert not limit._windows, "nothing is kept of what is over"
    assert let_through <= 4 * MOST * (now / WINDOW_SECONDS + 1)


def test_what_is_forgotten_is_not_told() -> None:
    limit = RepeatLimit()
    for _ in range(MOST + 5):
        limit.admits("a", "", 0, 0.0)
    limit.forget()
    assert limit.take_ended(10.0) == []
