"""The process that children are forked from: one after another, each with its own pipes, all gone at the end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextvars import ContextVar

import pytest

from convert.sandbox.zygote import Fork, Gone, Zygote, at_hand, use, zygote

CHILD = "tests.support.convert.forked_child"


@pytest.fixture(scope="module")
def ours() -> Iterator[Zygote]:
    """One that has imported nothing for its children."""
    with zygote(()) as one:
        yield one


def ask(one: Zygote, how: str) -> tuple[str, int, int]:
    """What a child says, its number, and its status after it was reaped."""
    reading, writing = os.pipe()
    child = one.fork(Fork(CHILD, (str(writing), how), (writing,), (writing,)))
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read() if how != "wait" else pipe.readline()
    return said, child, one.reap()


def test_children_come_one_after_another_and_leave_their_status(ours: Zygote) -> None:
    first, second = ask(ours, "say"), ask(ours, "say")
    assert first[1] != second[1]
    assert first[0] == f"{first[1]}\n"
    assert ask(ours, "crash")[2] in (1, -9)  # it ends by itself, or is ended while it does
    assert ask(ours, "wait")[2] == -9
    for child in (first[1], second[1]):
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_a_child_begins_with_what_its_siblings_did_not_change(ours: Zygote) -> None:
    assert [ask(ours, "remember")[0], ask(ours, "remember")[0]] == ["1\n", "1\n"]


def test_one_that_is_at_hand_is_used_and_one_that_died_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is at hand before: that of other tests is not this one's to end."""
    monkeypatch.setattr("convert.sandbox.zygote._AT_HAND", ContextVar("zygote", default=None))
    with at_hand(()) as one:
        with at_hand(()) as other:
            assert other is one
        one._process.kill()
        one._process.wait()
        with at_hand(()) as other, use(other):
            assert other is not one
            assert ask(other, "say")[0]


def test_a_module_that_is_missing_is_told() -> None:
    with zygote(("convert.no_such_module",)) as one, pytest.raises(Gone, match="no_such_module"):
        ask(one, "say")
