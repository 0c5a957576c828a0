"""How long a request waited in the router, by clocks that the test sets, one of which is wrong."""

from __future__ import annotations

import pytest

from server.endpoints import router_clock
from server.endpoints.router_clock import OLDEST_START, WINDOW_SECONDS, RouterClock

NOW = 2_000_000.0


class Times:
    """Our clock, and starts that a router stamps whose clock is ``behind`` ours."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        self.behind = 0.0
        monkeypatch.setattr(router_clock, "time", lambda: self.now)

    def start(self, waited: float) -> bytes:
        return b"%d" % round((self.now - self.behind - waited) * 1000)


@pytest.fixture
def times(monkeypatch: pytest.MonkeyPatch) -> Times:
    return Times(monkeypatch)


@pytest.mark.parametrize("behind", [0.0, 1.0, 26.0, 60.0, -5.0, -60.0])
def test_a_clock_that_is_off_makes_no_request_older(times: Times, behind: float) -> None:
    clock = RouterClock()
    times.behind = behind
    for _ in range(300):
        times.now += 1.0
        assert clock.waited(times.start(0.01)) == pytest.approx(0.0, abs=0.002)


@pytest.mark.parametrize("behind", [0.0, 1.0, 26.0, 60.0])
def test_what_waited_longer_than_the_youngest_is_older(times: Times, behind: float) -> None:
    clock = RouterClock()
    times.behind = behind
    clock.waited(times.start(0.0))
    assert clock.waited(times.start(20.0)) == pytest.approx(20.0, abs=0.002)


def test_a_clock_that_is_put_right_is_followed_within_two_windows(times: Times) -> None:
    clock = RouterClock()
    clock.waited(times.start(0.0))
    times.behind = 30.0
    assert clock.waited(times.start(0.0)) == pytest.approx(30.0)
    for _ in range(int(2 * WINDOW_SECONDS)):
        times.now += 1.0
        waited = clock.waited(times.start(0.0))
    assert waited == pytest.approx(0.0, abs=0.002)


def test_our_clock_may_jump(times: Times) -> None:
    clock = RouterClock()
    for jump in (0.0, 3600.0, -7200.0, 1e8, -1e8):
        times.now += jump
        assert clock.waited(times.start(0.0)) == pytest.approx(0.0, abs=0.002)
        assert clock.waited(times.start(5.0)) == pytest.approx(5.0, abs=0.002)


def test_a_start_from_the_future_makes_no_other_older(times: Times) -> None:
    clock = RouterClock()
    assert clock.waited(times.start(-50.0)) == 0.0
    assert clock.waited(times.start(0.0)) == 0.0
    assert clock.waited(times.start(0.5)) == pytest.approx(0.5, abs=0.002)


@pytest.mark.parametrize("start", [b"0", b"", b"t=1999999000", b"-1999999000", b"9" * 10_000, b"1" * 16, b" "])
def test_what_is_no_time_tells_nothing(times: Times, start: bytes) -> None:
    clock = RouterClock()
    clock.waited(times.start(0.0))
    assert clock.waited(start) == 0.0


def test_what_is_too_old_tells_nothing(times: Times) -> None:
    clock = RouterClock()
    clock.waited(times.start(0.0))
    assert clock.waited(times.start(OLDEST_START + 1)) == 0.0
