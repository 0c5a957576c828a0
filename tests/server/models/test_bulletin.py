"""The bulletin: what one process writes every other reads, whole or not at all."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Event
from types import SimpleNamespace

import orjson
import pytest

from server.models import bulletin as bulletin_module
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


def test_each_reason_is_encoded_once_however_many_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = [0]

    def dumps(value: object) -> bytes:
        text = orjson.dumps(value)
        encoded[0] += len(text)
        return text

    monkeypatch.setattr(bulletin_module, "orjson", SimpleNamespace(dumps=dumps))
    Bulletin().publish({(f"m{number}", "1"): "x" * 500 for number in range(20_000)})
    assert encoded[0] < 2 * BYTES


def test_reasons_that_still_stand_are_not_parsed_again() -> None:
    """Each request for a name that no model has reads them."""
    bulletin = Bulletin()
    bulletin.publish({("iris", "1"): "is empty"})
    before = bulletin.read()
    assert bulletin.read() is before
    bulletin.publish({("iris", "2"): "is empty"})
    assert bulletin.read() == {("iris", "2"): "is empty"}


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
