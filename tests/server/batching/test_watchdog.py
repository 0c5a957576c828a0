"""The watchdog: a run that nobody waits for is stopped, and what is held against the version for it."""

from __future__ import annotations

import pytest

from server.batching.entry import Entry
from server.batching.quarantine import STRIKES, Quarantine
from server.batching.watchdog import GRACE_SECONDS, STOP_SECONDS, Watchdog
from server.errors import ServerError


class Stoppable:
    """A runtime that notes that it was stopped."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def stop(self) -> None:
        self.calls.append("stop")

    def resume(self) -> None:
        self.calls.append("resume")


class Waiting(Entry):
    def refuse(self, error: ServerError) -> None:
        return


class Watched:
    """A watchdog with a deadline of 1 s, or another, that watches a run, begun at second 100, for two entries."""

    def __init__(self, deadline_seconds: float = 1.0) -> None:
        self.runtime = Stoppable()
        self.record = Quarantine(1).record(0)
        self.reports = 0
        self.dog = Watchdog("m", self.runtime, self.record, deadline_seconds, self._report)  # type: ignore[arg-type]
        self.begin()

    def begin(self) -> None:
        self.entries = [Waiting(), Waiting()]
        self.dog.begin(100.0)

    def _report(self) -> None:
        self.reports += 1

    def leave(self) -> None:
        for entry in self.entries:
            entry.done = True


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_a_run_that_somebody_waits_for_goes_on(watched: Watched) -> None:
    watched.entries[0].done = True
    watched.dog.look(watched.entries, 1000.0, missed=True)
    assert watched.runtime.calls == []


def test_a_run_is_stopped_with_its_last_entry_and_the_next_may_run(watched: Watched) -> None:
    watched.leave()
    watched.dog.look(watched.entries, 100.01, missed=False)
    assert watched.runtime.calls == ["stop"]
    watched.dog.end()
    watched.dog.end()
    assert watched.runtime.calls == ["stop", "resume"]


@pytest.mark.parametrize(
    ("now", "missed", "strikes"),
    [(100.5, True, 1), (100.49, True, 0), (100.5, False, 0)],
    ids=["half a deadline", "a client's own short deadline", "all clients have left"],
)
def test_only_a_run_that_outlasts_the_servers_own_deadline_is_a_strike(
    watched: Watched, now: float, missed: bool, strikes: int
) -> None:
    watched.leave()
    watched.dog.look(watched.entries, now, missed)
    watched.dog.look(watched.entries, now + 0.01, missed)
    assert watched.runtime.calls == ["stop"]
    assert watched.record.strike(now) == strikes + 1


@pytest.mark.parametrize(("now", "strikes"), [(100.019, 0), (100.021, 1)])
def test_under_a_very_short_deadline_a_usual_run_is_no_strike(now: float, strikes: int) -> None:
    watched = Watched(deadline_seconds=0.001)
    watched.leave()
    watched.dog.look(watched.entries, now, missed=True)
    assert watched.runtime.calls == ["stop"]
    assert watched.record.strike(now) == strikes + 1


def test_so_many_strikes_quarantine(watched: Watched) -> None:
    for _ in range(STRIKES):
        assert watched.record.reason is None
        watched.begin()
        watched.leave()
        watched.dog.look(watched.entries, 101.0, missed=True)
        watched.dog.end()
    assert watched.record.reason is not None


def test_a_run_that_does_not_end_is_reported_once(watched: Watched) -> None:
    watched.leave()
    watched.dog.look(watched.entries, 101.0, missed=True)
    assert not watched.dog.is_slow_to_stop(101.0 + STOP_SECONDS)
    assert watched.dog.is_slow_to_stop(101.01 + STOP_SECONDS)
    watched.dog.look(watched.entries, 100.99 + GRACE_SECONDS, missed=True)
    assert watched.reports == 0
    for more in (0.0, 1.0, 2.0):
        watched.dog.look(watched.entries, 101.0 + GRACE_SECONDS + more, missed=True)
    assert watched.reports == 1
