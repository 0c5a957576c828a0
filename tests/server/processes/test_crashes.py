"""Whose run has ended a worker: who ran alone; else whoever is blamed, as long as nothing speaks against it."""

from __future__ import annotations

import random

import pytest

from server.batching.runs.quarantine import BLAME_SECONDS, CRASH_SECONDS, SUSPICIONS, Quarantine
from server.processes.crashes import judge

NAMES = "abcde"


class Ends:
    """The ends of workers, at the seconds it is told, while some of the versions run."""

    def __init__(self) -> None:
        self.now = 1000.0
        quarantine = Quarantine(len(NAMES))
        self.records = {(name, "1"): quarantine.record(number) for number, name in enumerate(NAMES)}

    def end(self, *running: str) -> str:
        """Ends the worker within these runs, begun in this order; gives all that are quarantined."""
        judge([(name, "1") for name in reversed(running)], self.records, self.now)
        return self.quarantined

    @property
    def quarantined(self) -> str:
        return "".join(name for (name, _), record in self.records.items() if record.reason is not None)


@pytest.mark.fault(53)
def test_of_several_versions_that_ran_none_is_blamed_at_once() -> None:
    ends = Ends()
    assert [ends.end("a", "b"), ends.end("c", "b"), ends.end("b", "a")] == ["", "", ""]
    ends.now += CRASH_SECONDS + 1
    assert ends.end("a", "b") == "", "what is long ago does not count"


@pytest.mark.parametrize("order", [("ab", "a"), ("a", "ab"), ("a", "a"), ("ba", "bc", "a")])
def test_who_ran_alone_once_and_was_there_twice_is_quarantined(order: tuple[str, ...]) -> None:
    ends = Ends()
    assert [ends.end(*names) for names in order] == [*[""] * (len(order) - 1), "a"]


def test_where_the_same_always_run_together_the_latest_is_blamed_in_the_end() -> None:
    ends = Ends()
    assert [ends.end("a", "b") for _ in range(SUSPICIONS)] == ["", "", "", "b"]
    assert ends.end("a") == "a", "a wrong guess is made up for at the next: who was only blamed serves again"


def test_who_ran_beside_one_that_is_proven_is_suspected_no_more() -> None:
    ends = Ends()
    assert [ends.end("a", "b") for _ in range(SUSPICIONS - 1)] == [""] * (SUSPICIONS - 1)
    assert ends.end("a") == "a"
    assert ends.end("c", "b") == "a", "b would be blamed at once, for what a has done"


def test_a_blame_ends_once_workers_crash_without_that_version() -> None:
    ends = Ends()
    assert [ends.end("a", "c", "b") for _ in range(SUSPICIONS)][-1] == "b"
    assert ends.end("a", "c") == "c"
    assert ends.end("b", "a") == "a"


def test_one_crash_alone_long_after_ends_a_blame() -> None:
    ends = Ends()
    assert [ends.end("a", "b") for _ in range(SUSPICIONS)][-1] == "b"
    ends.now += CRASH_SECONDS + 1
    assert ends.end("a") == "", "one crash alone is not yet two, and b was only blamed"


def test_others_that_end_a_worker_once_say_nothing_of_a_blame() -> None:
    ends = Ends()
    assert [ends.end("a", "b") for _ in range(SUSPICIONS)][-1] == "b"
    assert ends.end("c", "d") == "b"


def test_a_blame_does_not_last_for_ever() -> None:
    ends = Ends()
    assert [ends.end("a", "b") for _ in range(SUSPICIONS)][-1] == "b"
    for record in ends.records.values():
        record.lapse(ends.now + BLAME_SECONDS + 1)
    assert ends.quarantined == ""


@pytest.mark.parametrize("seed", range(20))
def test_the_guilty_one_is_found_and_the_others_serve(seed: int) -> None:
    chance, ends = random.Random(seed), Ends()
    guilty = chance.choice(NAMES)
    for _ in range(SUSPICIONS + 4 * len(NAMES)):
        ends.now += 1.0
        serving = [name for name in NAMES if name not in ends.quarantined]
        if guilty not in serving:
            ends.now += BLAME_SECONDS  # nobody crashes: who was blamed meanwhile is let go
            for record in ends.records.values():
                record.lapse(ends.now)
            break
        beside = [name for name in serving if name != guilty and chance.random() < 0.8]
        ends.end(*chance.sample([guilty, *beside], 1 + len(beside)))
    assert ends.quarantined in ("", guilty)
    assert ends.records[guilty, "1"].is_proven or ends.quarantined == "", "the others serve"
