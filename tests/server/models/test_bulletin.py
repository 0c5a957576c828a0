"""The bulletin: what one process writes every other reads, whole or not at all."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event

import pytest

from server.models.bulletin import BYTES, Bulletin

pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


def test_what_was_published_last_is_read() -> None:
    bulletin = Bulletin()
    assert bulletin.read() == {}
    bulletin.publish({("iris", "2"): "is empty", ("é", "1"): "“x”"})
    assert bulletin.read() == {("iris", "2"): "is empty", ("é", "1"): "“x”"}
    bulletin.publish({})
    assert bulletin.read() == {}


def test_what_does_not_fit_is_left_out() -> None:
    bulletin = Bulletin()
    reasons = {(f"m{number}", "1"): "x" * 500 for number in range(BYTES // 500)}
    bulletin.publish(reasons)
    published = bulletin.read()
    assert len(published) > 400
    assert published.items() <= reasons.items()


def _read(bulletin: Bulletin, over: Event) -> None:
    while not over.is_set():
        lengths = {len(reason) for reason in bulletin.read().values()}
        assert len(lengths) <= 1, lengths


def test_readers_never_see_half_of_it() -> None:
    bulletin = Bulletin()
    fork = multiprocessing.get_context("fork")
    over = fork.Event()
    reader = fork.Process(target=_read, args=(bulletin, over))
    reader.start()
    for turn in range(3000):
        bulletin.publish({(f"m{number}", "1"): "x" * (turn % 97) for number in range(30)})
    over.set()
    reader.join(30)
    assert reader.exitcode == 0
