"""The watchdog: a run that nobody waits for is stopped, and what is held against the version for it."""

from __future__ import annotations

import pytest

from server.batching.entry import Entry
from server.batching.runs.quarantine import STRIKES, Quarantine
from server.batching.runs.watchdog import GRACE_SECONDS, MOST_IN_VAIN, STOP_SECONDS, Watchdog
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

    def run_until(self, until: float) -> None:
        """Looks as often as a loop does that turns."""
        while (now := self.dog._looked) < until:
            self.dog.look(self.entries, min(now + 0.03125, until), missed=False)

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


def test_only_a_run_of_a_whole_deadline_is_a_strike(watched: Watched) -> None:
    """Its clients had waited before it began, so they leave a little earlier, and it goes on until that is sure."""
    watched.run_until(100.9375)
    watched.leave()
    watched.dog.look(watched.entries, 100.9375, missed=True)
    watched.dog.look(watched.entries, 100.96875, missed=False)
    assert watched.runtime.calls == []
    watched.dog.look(watched.entries, 101.0, missed=False)
    watched.dog.look(watched.entries, 101.01, missed=False)
    assert watched.runtime.calls == ["stop"]
    assert watched.record.strike(101.0) == 2


@pytest.mark.parametrize("share", [0.0625, 0.5, 0.75, 0.875])
def test_no_client_can_make_a_strike_by_a_deadline_of_its_own(watched: Watched, share: float) -> None:
    watched_to_their_end = 0
    for _ in range(10 * STRIKES):
        watched.begin()
        watched.run_until(100.0 + share)
        watched.leave()
        watched.dog.look(watched.entries, 100.0 + share, missed=True)
        if not watched.runtime.calls:
            watched_to_their_end += 1
            watched.run_until(100.9375)
        watched.dog.end()
        watched.runtime.calls.clear()
    assert watched.record.strike(101.0) == 1
    assert 1 <= watched_to_their_end <= 10 * STRIKES * share + 1, "now and then, and each showed that it ends"


@pytest.mark.parametrize("missed", [True, False], ids=["missed their deadline", "left"])
@pytest.mark.parametrize("seconds", [0.015625, 0.25, 0.9375])
def test_runs_that_never_end_quarantine_however_little_time_each_has(
    watched: Watched, seconds: float, missed: bool
) -> None:
    """Under steady traffic each request has waited for the run before, and has the rest of its deadline alone."""
    runs = 0
    while watched.record.reason is None:
        runs += 1
        assert runs <= MOST_IN_VAIN + STRIKES
        watched.begin()
        watched.run_until(100.0 + seconds)
        watched.leave()
        watched.dog.look(watched.entries, 100.0 + seconds, missed)
        watched.run_until(101.0)
        assert watched.runtime.calls == ["stop"]
        watched.dog.end()
        watched.runtime.calls.clear()


def test_one_run_that_ends_makes_up_for_all_that_were_stopped(watched: Watched) -> None:
    for _ in range(3):
        for _ in range(MOST_IN_VAIN - 1):
            watched.begin()
            watched.leave()
            watched.dog.look(watched.entries, 100.015625, missed=True)
            assert watched.runtime.calls.pop(0) == "stop", "at once"
            watched.dog.end()
            watched.runtime.calls.clear()
        watched.begin()
        watched.dog.end()
    assert watched.record.strike(101.0) == 1


def test_clients_that_leave_are_no_strike(watched: Watched) -> None:
    watched.run_until(100.9375)
    watched.leave()
    watched.dog.look(watched.entries, 102.0, missed=False)
    assert watched.runtime.calls == ["stop"]
    assert watched.record.strike(101.0) == 1


def test_a_time_in_which_the_process_stood_still_is_none_of_the_run(watched: Watched) -> None:
    watched.leave()
    watched.dog.look(watched.entries, 200.0, missed=True)
    assert watched.runtime.calls == ["stop"]
    assert watched.record.strike(200.0) == 1


@pytest.mark.parametrize(("until", "strikes"), [(100.0625, 0), (100.125, 1)])
def test_under_a_very_short_deadline_a_usual_run_is_no_strike(until: float, strikes: int) -> None:
    watched = Watched(deadline_seconds=0.001)
    watched.run_until(until)
    watched.leave()
    watched.dog.look(watched.entries, until, missed=True)
    assert watched.runtime.calls == ["stop"]
    assert watched.record.strike(until) == strikes + 1


def test_so_many_strikes_quarantine(watched: Watched) -> None:
    for _ in range(STRIKES):
        assert watched.record.reason is None
        watched.begin()
        watched.run_until(101.0)
        watched.leave()
        watched.dog.look(watched.entries, 101.0, missed=True)
        watched.dog.end()
    assert watched.record.reason is not None


def test_a_run_that_does_not_end_is_reported_once(watched: Watched) -> None:
    watched.run_until(101.0)
    watched.leave()
    watched.dog.look(watched.entries, 101.0, missed=True)
    assert not watched.dog.is_slow_to_stop(101.0 + STOP_SECONDS)
    assert watched.dog.is_slow_to_stop(101.01 + STOP_SECONDS)
    watched.dog.look(watched.entries, 100.99 + GRACE_SECONDS, missed=True)
    assert watched.reports == 0
    for more in (0.0, 1.0, 2.0):
        watched.dog.look(watched.entries, 101.0 + GRACE_SECONDS + more, missed=True)
        assert watched.reports == 1
    assert watched.record.strike(101.0) == 2, "one run is one strike"


def test_no_client_that_leaves_has_a_worker_replaced_for_a_run_within_the_deadline() -> None:
    """One long operator cannot be stopped: it may take the deadline that anyone's request has."""
    watched = Watched(deadline_seconds=16.0)
    watched.leave()
    watched.run_until(115.5)
    assert watched.runtime.calls == ["stop"]
    assert watched.reports == 0
    watched.run_until(116.0)
    assert watched.reports == 1, "nobody's request would have been answered"
    assert watched.record.strike(116.0) == 2
