"""What one client may send: its allowance by hand-moved time, who it is, and what is remembered of others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.endpoints.clients import quota as quota_module
from server.endpoints.clients.quota import BURST_SECONDS, Quota, client_at, make_quota
from server.errors import ServerError
from server.settings import read_settings


class Clock:
    """A clock that is moved by hand."""

    seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def quota(per_second: int, clock: Clock, *, keyed: bool = False, forwarded: bool = False) -> Quota:
    return Quota(per_second, keyed=keyed, forwarded=forwarded, now=clock)


def taken(limits: Quota, client: bytes, tries: int) -> int:
    """How many of so many requests in one moment pass."""
    return sum(is_taken(limits, client) for _ in range(tries))


def is_taken(limits: Quota, client: bytes) -> bool:
    try:
        limits.count(client)
    except ServerError as error:
        return error.code != "quota"
    return True


def test_a_refusal_says_when_to_try_again() -> None:
    limits = quota(1, Clock())
    limits.count(b"a")
    with pytest.raises(ServerError, match="more requests than it may; try again in 1 s") as caught:
        limits.count(b"a")
    assert (caught.value.code, caught.value.status, caught.value.headers) == ("quota", 429, {"retry-after": "1"})


@pytest.mark.parametrize("per_second", [1, 3, 7, 1000])
def test_a_second_of_allowance_at_once_then_as_it_comes_back(per_second: int) -> None:
    clock = Clock()
    limits = quota(per_second, clock)
    assert taken(limits, b"a", per_second + 5) == per_second
    assert taken(limits, b"b", 1) == 1, "another client has its own"
    clock.seconds += 1.0
    assert taken(limits, b"a", per_second + 5) == per_second
    clock.seconds += 2.0 / per_second
    assert taken(limits, b"a", 5) == min(2, per_second)


def test_refused_requests_cost_no_allowance() -> None:
    clock = Clock()
    limits = quota(10, clock)
    assert taken(limits, b"a", 1000) == 10
    clock.seconds += 0.5
    assert taken(limits, b"a", 1000) == 5


@given(st.integers(1, 50), st.lists(st.tuples(st.floats(0, 3), st.integers(1, 60)), max_size=20))
def test_nobody_gets_more_than_a_burst_and_the_rate_and_a_polite_client_gets_all(
    per_second: int, steps: list[tuple[float, int]]
) -> None:
    clock = Clock()
    limits = quota(per_second, clock)
    passed = 0
    began = clock.seconds
    for pause, tries in steps:
        clock.seconds += pause
        passed += taken(limits, b"a", tries)
        assert passed <= per_second * (clock.seconds - began + BURST_SECONDS) + 1e-6
    polite = quota(per_second, clock)
    for _ in range(3 * per_second):
        clock.seconds += 1 / per_second
        polite.count(b"p")


def test_a_client_is_its_key_however_that_is_written() -> None:
    limits = quota(2, Clock(), keyed=True, forwarded=True)
    spelled = (b"Bearer one-key", b"bearer   one-key", b"BEARER one-key ", b"Bearer one-key")
    for number, value in enumerate(spelled):
        headers = [(b"Authorization", value), (b"X-Forwarded-For", b"10.0.0.%d" % number)]
        if number < 2:
            limits.check(headers, "192.0.2.1")
        else:
            with pytest.raises(ServerError):
                limits.check(headers, "192.0.2.1")
    limits.check([(b"authorization", b"Bearer another-key")], "192.0.2.1")


def test_only_what_the_router_wrote_says_where_a_client_is() -> None:
    limits = quota(1, Clock(), forwarded=True)
    limits.check([(b"X-Forwarded-For", b"6.6.6.6, 203.0.113.7")], "10.1.1.1")
    for forged in (b"1.2.3.4, 203.0.113.7", b"203.0.113.7", b"1.2.3.4,203.0.113.7 "):
        with pytest.raises(ServerError):
            limits.check([(b"x-forwarded-for", b"9.9.9.9"), (b"x-forwarded-for", forged)], "10.1.1.1")
    limits.check([(b"x-forwarded-for", b"203.0.113.7, 203.0.113.8")], "10.1.1.1")
    limits.check([], "10.1.1.1")
    with pytest.raises(ServerError):
        limits.check([], "10.1.1.1")


def test_without_a_router_the_header_says_nothing() -> None:
    limits = quota(1, Clock())
    limits.check([(b"x-forwarded-for", b"1.1.1.1")], "192.0.2.1")
    with pytest.raises(ServerError):
        limits.check([(b"x-forwarded-for", b"2.2.2.2")], "192.0.2.1")


def test_addresses_of_one_network_are_one_client() -> None:
    assert client_at("2001:db8:1:2::1") == client_at("2001:db8:1:2:ffff::9") != client_at("2001:db8:1:3::1")
    assert client_at("::ffff:192.0.2.1") == client_at("192.0.2.1") != client_at("192.0.2.2")
    assert client_at(None) == client_at("")
    for ported in ("192.0.2.1:80", "192.0.2.1:54321", "[::ffff:192.0.2.1]:443"):
        assert client_at(ported) == client_at("192.0.2.1"), "each connection has another port"
    for ported in ("[2001:db8:1:2::7]", "[2001:db8:1:2::7]:443", "2001:db8:1:2::7%eth0", "[2001:db8:1:2::8%1]:9"):
        assert client_at(ported) == client_at("2001:db8:1:2::1")
    assert len(client_at("x" * 10_000)) <= 64


def test_clients_are_forgotten_and_never_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_module, "MAX_CLIENTS", 100)
    clock = Clock()
    limits = quota(5, clock)
    assert taken(limits, b"known", 5) == 5
    for number in range(1000):
        taken(limits, b"%d" % number, 1)
    assert limits.clients <= 101
    assert taken(limits, b"known", 1) == 0, "many others make nobody's debt forgotten"
    clock.seconds += BURST_SECONDS
    assert taken(limits, b"known", 9) == 5, "and who was known is not among the others"
    clock.seconds += 3 * BURST_SECONDS
    taken(limits, b"last", 1)
    assert limits.clients == 1


def test_without_the_setting_there_is_none() -> None:
    assert make_quota(read_settings({})) is None
    made = make_quota(read_settings({"DYNONNX_QUOTA": "7", "DYNONNX_FORWARDED": "1"}))
    assert made is not None
    assert made.reads_headers
