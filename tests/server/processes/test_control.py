"""The messages between worker and arbiter: whole both ways, answered once decided, and no call outlives its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ServerError
from server.processes.control import (
    CALLS_AT_ONCE,
    OPEN_CALLS,
    STALE,
    ControlChannel,
    ControlClient,
    ControlReply,
    ControlRequest,
    ControlServer,
    decode_reply,
    decode_request,
    encode,
)
from tests.support.server.rig import in_loop, turns


@given(st.integers(0, 2**40), st.sampled_from(["load", "unload"]), st.text(max_size=80))
def test_calls_and_replies_travel_unchanged(number: int, action: Any, text: str) -> None:
    assert decode_request(encode(ControlRequest(number, action, text))) == ControlRequest(number, action, text)
    assert decode_reply(encode(ControlReply(number, "bad_request", text))) == ControlReply(number, "bad_request", text)
    assert decode_reply(encode(ControlReply(number))) == ControlReply(number)


class FakeWatcher:
    """A watcher that keeps its calls; the test sets what it answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.pending = False
        self.refusals: list[str] = []
        self.scans = 0

    def scan(self) -> None:
        self.scans += 1

    def load(self, name: str) -> None:
        self.asked.append(("load", name))

    def unload(self, name: str) -> None:
        self.asked.append(("unload", name))

    def knows(self, name: str) -> bool:
        return name == "iris"

    def is_pending(self, name: str) -> bool:
        return self.pending

    def reasons(self, name: str) -> list[str]:
        return self.refusals


class Ends:
    """A control server with its watcher, and a client in a worker at the other end."""

    def __init__(self) -> None:
        self.fake = FakeWatcher()
        watcher: Any = self.fake
        self.lifted: list[str] = []
        self.control_server = ControlServer(watcher, self.lifted.append)
        self.channel = ControlChannel()
        self.client = ControlClient(self.channel.workers)

    async def begin(self, action: Any, name: str) -> asyncio.Task[None]:
        """A call that has reached the control_server."""
        task = asyncio.create_task(self.client.ask(action, name))
        await turns()
        self.control_server.receive([self.channel])
        return task


@pytest.fixture
def ends() -> Iterator[Ends]:
    opened = Ends()
    yield opened
    opened.channel.close()


async def refusal(task: asyncio.Task[None]) -> ServerError:
    """The error of a call."""
    with pytest.raises(ServerError) as caught:
        await asyncio.wait_for(task, 5)
    return caught.value


def test_a_load_is_answered_once_only_fresh_workers_accept(ends: Ends) -> None:
    @in_loop
    async def run() -> None:
        ends.fake.pending = True
        task = await ends.begin("load", "iris")
        assert ends.fake.asked == [("load", "iris")]
        ends.control_server.answer(settled=True)
        ends.fake.pending = False
        ends.control_server.answer(settled=False)
        await turns()
        assert not task.done()
        ends.control_server.answer(settled=True)
        await asyncio.wait_for(task, 5)
        assert ends.control_server._open == []

    run()


@pytest.mark.parametrize("action", ["load", "unload"])
def test_a_call_that_no_worker_could_be_given_is_not_told_as_done(ends: Ends, action: str) -> None:
    @in_loop
    async def run() -> None:
        task = await ends.begin(action, "iris")
        ends.control_server.answer(settled=False, stale=True)
        await turns()
        assert not task.done(), "what has changed since may be given yet"
        ends.control_server.answer(settled=True, stale=True)
        error = await refusal(task)
        assert (error.code, error.message) == ("model_unavailable", STALE)

    run()


def test_a_refusal_is_answered_at_once_with_its_reason(ends: Ends) -> None:
    @in_loop
    async def run() -> None:
        ends.fake.refusals = ["iris/2/model.onnx is empty: copy it again"]
        task = await ends.begin("load", "iris")
        ends.control_server.answer(settled=False)
        error = await refusal(task)
        assert (error.status, error.message) == (400, "not loaded: iris/2/model.onnx is empty: copy it again")

    run()


def test_an_unload_waits_for_no_trial_and_a_name_that_is_not_there_is_told(ends: Ends) -> None:
    @in_loop
    async def run() -> None:
        ends.fake.pending = True
        ends.fake.refusals = ["anything"]
        task = await ends.begin("unload", "iris")
        ends.control_server.answer(settled=True)
        await asyncio.wait_for(task, 5)
        other = await ends.begin("unload", "nobody")
        ends.control_server.answer(settled=False)
        assert (await refusal(other)).status == 404

    run()


def test_each_gets_its_own_reply(ends: Ends) -> None:
    @in_loop
    async def run() -> None:
        good = await ends.begin("load", "iris")
        bad = await ends.begin("load", "nobody")
        ends.control_server.answer(settled=False)
        assert (await refusal(bad)).status == 404
        assert not good.done()
        ends.control_server.close()
        assert (await refusal(good)).code == "draining"

    run()


def test_calls_of_a_worker_that_is_gone_are_forgotten(ends: Ends) -> None:
    @in_loop
    async def run() -> None:
        task = await ends.begin("load", "iris")
        ends.control_server.forget(ends.channel)
        assert ends.control_server._open == []
        task.cancel()

    run()


def test_an_arbiter_that_is_gone_is_told(ends: Ends) -> None:
    @in_loop
    async def run() -> None:
        ends.channel.arbiters.close()
        assert (await refusal(asyncio.create_task(ends.client.ask("load", "iris")))).code == "draining"

    run()


@in_loop
async def test_a_load_call_lifts_a_quarantine_and_an_unload_call_does_not(ends: Ends) -> None:
    calls = [await ends.begin("unload", "iris"), await ends.begin("load", "iris")]
    assert ends.lifted == ["iris"]
    for call in calls:
        call.cancel()
    await turns()


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", b"{", b"null", b"[]", b"[1]", b'["1","load","iris"]', b'[1,"stop","iris"]', b'[1,"load",["iris"]]'],
)
@in_loop
async def test_what_is_no_call_costs_none_of_the_calls_behind_it(ends: Ends, data: bytes) -> None:
    ends.channel.workers.send(data)
    call = await ends.begin("load", "iris")
    assert ends.fake.asked == [("load", "iris")]
    call.cancel()


def test_a_worker_that_sends_without_end_has_a_few_calls_taken_in_a_turn() -> None:
    class Endless:
        taken = 0

        def recv(self, size: int) -> bytes:
            self.taken += 1
            return encode(ControlRequest(self.taken, "load", "iris"))

    channel = ControlChannel()
    channel.close()
    flood: Any = Endless()
    channel.arbiters = flood
    assert len(channel.receive()) == flood.taken == CALLS_AT_ONCE


@in_loop
async def test_a_server_that_stops_refuses_the_calls_that_wait_and_those_that_come_now(ends: Ends) -> None:
    ends.fake.pending = True
    waiting = await ends.begin("load", "iris")
    unread = asyncio.create_task(ends.client.ask("load", "iris"))
    await turns()
    ends.control_server.close()
    late = await ends.begin("unload", "iris")
    for task in (waiting, unread, late):
        assert (await refusal(task)).code == "draining"
    assert ends.lifted == ["iris"]


def test_calls_that_come_together_share_one_look_at_the_folder(ends: Ends) -> None:
    ends.control_server.receive([ends.channel])
    assert not ends.fake.scans
    other = ControlChannel()
    for number in range(5):
        for channel in (ends.channel, other):
            channel.workers.send(encode(ControlRequest(number, "load" if number % 2 else "unload", "iris")))
    ends.control_server.receive([ends.channel, other])
    assert (ends.fake.scans, len(ends.fake.asked)) == (1, 10)
    other.close()


def test_calls_that_wait_are_bounded_and_those_beyond_are_told(ends: Ends) -> None:
    ends.fake.pending = True
    sent = 0
    while sent < OPEN_CALLS + 3:
        ends.channel.workers.send(encode(ControlRequest(sent, "load", "iris")))
        ends.control_server.receive([ends.channel])
        sent += 1
    assert len(ends.control_server._open) == OPEN_CALLS
    told = [decode_reply(ends.channel.workers.recv(1 << 16)) for _ in range(3)]
    assert [(reply.number, reply.code) for reply in told] == [
        (OPEN_CALLS + number, "overloaded") for number in range(3)
    ]


@in_loop
async def test_a_reply_that_finds_no_room_is_sent_once_there_is(ends: Ends) -> None:
    """The system keeps some ten messages unread: more calls than that may end in one moment."""
    calls = [await ends.begin("load", "iris") for _ in range(300)]
    assert len(ends.control_server._open) <= OPEN_CALLS
    for _ in range(300):
        ends.control_server.answer(settled=True)
        await turns()
    assert ends.control_server._open == []
    ended = await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 5)
    refused = [end for end in ended if end is not None]
    assert len(refused) == 300 - OPEN_CALLS
    assert all(isinstance(end, ServerError) and end.code == "overloaded" for end in refused)


@in_loop
async def test_a_call_that_finds_no_room_is_told_to_come_again(ends: Ends) -> None:
    calls = [asyncio.create_task(ends.client.ask("load", "iris")) for _ in range(2000)]
    await turns()
    refused = [call for call in calls if call.done()]
    assert refused
    error = await refusal(refused[0])
    assert (error.code, error.headers) == ("overloaded", {"retry-after": "1"})
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
