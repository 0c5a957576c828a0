"""Entries: an entry is refused at most once, and never after its client has disconnected."""

from __future__ import annotations

import pytest

from server.batching.entry import Entry, PiecedAnswer
from server.errors import ServerError

ERROR = ServerError("internal", "x")


class Refusable(Entry):
    """An entry that keeps its errors."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[ServerError] = []

    def refuse(self, error: ServerError) -> None:
        self.errors.append(error)


def test_an_entry_is_refused_once() -> None:
    entry = Refusable()
    assert entry.fail(ERROR)
    assert entry.done
    assert not entry.fail(ServerError("draining", "y"))
    assert entry.errors == [ERROR]


def test_an_entry_that_is_done_is_not_refused() -> None:
    entry = Refusable()
    entry.done = True
    assert not entry.fail(ERROR)
    assert entry.errors == []


def test_an_entry_is_done_before_its_door_hears_of_the_error() -> None:
    """A refusal may lead its door to submit the next request, in the middle of a walk over the entries."""
    seen: list[bool] = []

    class Watching(Entry):
        def refuse(self, error: ServerError) -> None:
            seen.append(self.done)

    Watching().fail(ERROR)
    assert seen == [True]


def test_what_an_entry_changes_is_its_own() -> None:
    changed, other = Entry(), Entry()
    changed.done, changed.dispatched_rows, changed.request = True, 5, "x"
    assert (other.done, other.dispatched_rows, other.request) == (False, 0, None)
    assert (other.piece_outputs, other.timing, other.decode_seconds) == (None, None, 0.0)


def test_a_door_must_say_how_it_answers() -> None:
    entry = Entry()
    with pytest.raises(NotImplementedError):
        entry.answer(b"")
    with pytest.raises(NotImplementedError):
        entry.answer_in_pieces(PiecedAnswer([], b"", []))
    with pytest.raises(NotImplementedError):
        entry.refuse(ERROR)
