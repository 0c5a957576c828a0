"""Runs over texts that are padded to the longest: no text makes the run of others large, and answers stay the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.artefact.runtime import Feed
from server.artefact.tensors import Array
from server.batching.runs import padding
from server.batching.runs.padding import PaddedRuns
from server.errors import ServerError


class Lengths:
    """A runtime that answers with the characters of each row, and notes what each of its runs takes when padded."""

    stopped = False

    def __init__(self) -> None:
        self.padded: list[int] = []

    def run(self, outputs: Sequence[str], feed: Feed) -> list[Array]:
        text = feed["text"]
        own = np.array([[len(value) for value in row] for row in text], np.int64)
        self.padded.append(text.size * int(own.max()))
        assert len(feed["number"]) == len(text)
        return [own.sum(axis=1), feed["number"]]

    def stop(self) -> None:
        self.stopped = True

    def resume(self) -> None:
        self.stopped = False


def feed(lengths: Sequence[int], columns: int = 1) -> dict[str, Array]:
    """One text of each length, and further columns of short ones."""
    texts = np.full((len(lengths), columns), "ab", np.object_)
    texts[:, 0] = ["a" * length for length in lengths]
    return {"text": texts, "number": np.arange(len(lengths))}


@given(st.lists(st.integers(0, 100), min_size=1, max_size=40), st.integers(1, 3))
def test_any_rows_are_answered_in_order_by_runs_that_are_small(lengths: list[int], columns: int) -> None:
    runtime = Lengths()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(padding, "MOST_CHARACTERS", 200)
        patched.setattr(padding, "MOST_BY_ITSELF", 300)
        own, numbers = PaddedRuns(runtime, rows_apart=True).run(["own", "number"], feed(lengths, columns))
    assert own.tolist() == [length + 2 * (columns - 1) for length in lengths]
    assert numbers.tolist() == list(range(len(lengths)))
    assert max(runtime.padded) <= max(200, columns * max(2, max(lengths)))


def test_short_texts_are_one_run_and_a_long_one_among_them_costs_two_more() -> None:
    runtime = Lengths()
    runs = PaddedRuns(runtime, rows_apart=True)
    runs.run(["own"], feed([10] * 1000))
    assert len(runtime.padded) == 1
    runs.run(["own"], feed([10] * 500 + [1 << 20] + [10] * 499))
    assert len(runtime.padded) == 1 + 3


@pytest.mark.parametrize(
    ("lengths", "rows_apart"),
    [([5, (1 << 20) + 1], True), ([1 << 19, 5, 5], False)],
    ids=["one text", "rows that cannot be parted"],
)
def test_what_is_too_long_by_itself_is_refused_and_not_run(lengths: list[int], rows_apart: bool) -> None:
    runtime = Lengths()
    with pytest.raises(ServerError) as caught:
        PaddedRuns(runtime, rows_apart).run(["own"], feed(lengths))
    assert caught.value.code == "body_too_large"
    assert max(runtime.padded, default=0) <= 1 << 20


def test_a_stop_reaches_the_runtime() -> None:
    runs = PaddedRuns(Lengths(), rows_apart=True)
    runs.stop()
    assert runs.stopped
    runs.resume()
    assert not runs.stopped
