"""What quarantines a version: so many strikes or crashes within so long, whichever process notes them."""

from __future__ import annotations

import os

import pytest

from server.batching.runs.quarantine import (
    BLAME_SECONDS,
    CRASH_SECONDS,
    CRASHES,
    STRIKE_SECONDS,
    STRIKES,
    SUSPICIONS,
    Quarantine,
    Record,
)


@pytest.fixture
def record() -> Record:
    return Quarantine(3).record(1)


def test_the_last_strike_quarantines(record: Record) -> None:
    assert [record.strike(float(second)) for second in range(1, STRIKES)] == list(range(1, STRIKES))
    assert record.reason is None
    assert record.strike(9.0) == STRIKES
    assert "outlasted the deadline" in str(record.reason)


@pytest.mark.fault(53)
def test_two_crashes_within_a_minute_quarantine(record: Record) -> None:
    assert record.crash(100.0) == 1
    assert record.reason is None
    assert record.crash(100.0 + CRASH_SECONDS) == CRASHES
    assert "crashed their worker" in str(record.reason)


def test_suspicions_alone_quarantine_nobody_until_one_is_blamed(record: Record) -> None:
    assert [record.suspect(100.0) for _ in range(SUSPICIONS + 1)] == [*range(1, SUSPICIONS + 1), SUSPICIONS]
    assert record.reason is None
    record.blame(100.0)
    assert "workers crashed as it ran beside others, 4 times" in str(record.reason)


def test_who_was_only_blamed_serves_again_once_another_has_crashed_alone(record: Record) -> None:
    record.blame(100.0)
    record.acquit()
    assert record.reason is None
    record.crash(100.0)
    record.crash(100.0)
    assert record.is_proven
    record.acquit()
    assert record.is_proven, "what it did alone stays"


def test_a_blame_is_given_up_after_a_while(record: Record) -> None:
    record.suspect(99.0)
    record.blame(100.0)
    reasons = []
    for now in (100.0 + BLAME_SECONDS, 101.0 + BLAME_SECONDS):
        record.lapse(now)
        reasons.append(record.reason is None)
    assert reasons == [False, True]
    assert record.suspect(100.0) == 1, "it is suspected no more"


def test_what_is_no_guess_is_not_given_up(record: Record) -> None:
    for second in range(STRIKES):
        record.strike(second + 1.0)
    record.acquit()
    record.lapse(1e9)
    assert "outlasted" in str(record.reason)


def test_a_suspicion_and_a_crash_quarantine(record: Record) -> None:
    record.suspect(100.0)
    assert (record.crash(100.0 + CRASH_SECONDS + 1), record.reason) == (1, None), "long ago"
    assert record.suspect(200.0) == 1
    assert record.reason is not None


def test_what_is_long_ago_does_not_count(record: Record) -> None:
    for number in range(10):
        assert record.crash(1.0 + number * (CRASH_SECONDS + 0.001)) == 1
        assert record.strike(1.0 + number * (STRIKE_SECONDS + 0.001)) == 1
    assert record.reason is None


def test_strikes_and_crashes_do_not_add_up(record: Record) -> None:
    for _ in range(STRIKES - 1):
        record.strike(1.0)
    record.crash(1.0)
    assert record.reason is None


def test_a_lift_forgets_all(record: Record) -> None:
    for _ in range(STRIKES):
        record.strike(1.0)
    record.lift()
    assert record.reason is None
    assert record.strike(1.0) == 1


def test_what_is_noted_of_a_file_is_not_held_against_the_next_one_of_its_version() -> None:
    quarantine = Quarantine(1)
    of_retiring_worker = quarantine.record(0)
    of_retiring_worker.strike(1.0)
    quarantine.record(0).renew()
    for _ in range(max(STRIKES, CRASHES)):
        assert of_retiring_worker.strike(2.0) == 0
        assert of_retiring_worker.crash(2.0) == 0
    fresh = quarantine.record(0)
    assert fresh.reason is None
    assert (fresh.strike(3.0), fresh.crash(3.0)) == (1, 1)


def test_a_record_is_one_versions_own() -> None:
    quarantine = Quarantine(3)
    for _ in range(CRASHES):
        quarantine.record(1).crash(5.0)
    assert [quarantine.record(block).reason is None for block in range(3)] == [True, False, True]


def test_what_a_child_notes_its_parent_sees() -> None:
    record = Quarantine(1).record(0)
    child = os.fork()
    if not child:
        for _ in range(STRIKES):
            record.strike(1.0)
        os._exit(0)
    os.waitpid(child, 0)
    assert record.reason is not None


def test_the_first_reason_stays(record: Record) -> None:
    for _ in range(STRIKES):
        record.strike(1.0)
    for _ in range(CRASHES):
        record.crash(1.0)
    assert "outlasted the deadline" in str(record.reason)
