"""What may be held by one connection and by all, and that nothing is counted for longer than it is held."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.endpoints.ledger import Lease, Ledger, make_ledger
from server.errors import ServerError


def test_one_connection_may_not_hold_all() -> None:
    ledger = Ledger(100, 60)
    account = ledger.account()
    first, second, third = Lease(account), Lease(account), Lease(ledger.account())
    first.hold(60)
    with pytest.raises(ServerError, match="hold as many bytes"):
        second.hold(1)
    third.hold(40)
    with pytest.raises(ServerError) as caught:
        third.hold(1)
    assert (caught.value.code, caught.value.status) == ("overloaded", 503)
    first.release()
    second.hold(60)
    assert ledger.held == 100


def test_what_was_counted_is_not_counted_again() -> None:
    ledger = Ledger(100, 100)
    lease = Lease(ledger.account())
    lease.hold_at_least(30)
    lease.hold_at_least(20)
    assert ledger.held == 30
    with pytest.raises(ServerError, match="hold as many bytes"):
        lease.hold_at_least(101)
    lease.hold_at_least(100)
    assert ledger.held == 100


def test_a_release_counts_once() -> None:
    ledger = Ledger(100, 100)
    lease = Lease(ledger.account())
    lease.hold(30)
    lease.release()
    lease.release()
    assert ledger.held == 0
    lease.hold(10)
    del lease
    assert ledger.held == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.booleans())))
def test_what_is_held_is_what_the_leases_hold(steps: list[tuple[int, int, bool]]) -> None:
    ledger = Ledger(100, 60)
    accounts = [ledger.account() for _ in range(2)]
    leases = [Lease(accounts[number % 2]) for number in range(4)]
    held = [0] * 4
    for which, size, release in steps:
        if release:
            leases[which].release()
            held[which] = 0
            continue
        mine = held[which % 2] + held[which % 2 + 2]
        if mine + size > 60 or sum(held) + size > 100:
            with pytest.raises(ServerError):
                leases[which].hold(size)
        else:
            leases[which].hold(size)
            held[which] += size
    assert ledger.held == sum(held)
    leases.clear()
    assert ledger.held == 0


@pytest.mark.parametrize(("inflight", "body"), [(1, 100), (10_000, 100), (67_108_864, 16_777_216), (1, 2**31)])
def test_one_request_packed_and_unpacked_always_has_room(inflight: int, body: int) -> None:
    Lease(make_ledger(inflight, body).account()).hold(2 * body)
