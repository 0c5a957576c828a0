"""Time limits, without waiting: a connection, and the functions behind it, are given the time by the test."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from server.http import timeouts
from server.http.timeouts import BODY, FRESH, HEAD, IDLE, WriteProgress, overdue, unacknowledged_bytes
from tests.support.server.doors import Wire

GRACE = timeouts.BODY_GRACE_SECONDS


@pytest.mark.parametrize(
    ("waits_for", "seconds", "received", "before", "what"),
    [
        (FRESH, timeouts.HEAD_SECONDS, 0, 0, None),
        (FRESH, timeouts.HEAD_SECONDS + 0.1, 0, 0, "head"),
        (HEAD, timeouts.HEAD_SECONDS, 0, 0, None),
        (HEAD, timeouts.HEAD_SECONDS + 0.1, 10**9, 0, "head"),
        (BODY, GRACE, 0, 0, None),
        (BODY, GRACE + 0.1, 0, 0, "body"),
        (BODY, GRACE + 10, 10 * int(timeouts.BYTES_PER_SECOND), 0, None),
        (BODY, GRACE + 10, 10 * int(timeouts.BYTES_PER_SECOND) - 1, 0, "body"),
        (BODY, GRACE + 10, 1_000_000, 64_000_000, None),
        (BODY, GRACE + 10, 999_999, 64_000_000, "body"),
        (IDLE, 10**9, 0, 0, None),
    ],
)
def test_what_is_overdue(waits_for: int, seconds: float, received: int, before: int, what: str | None) -> None:
    message = overdue(waits_for, seconds, received, before)
    assert message == (what and f"the {what} of the request did not come in time")


def test_what_is_held_of_a_body_grows_with_every_window() -> None:
    """Four bodies of 16 MB, of which 500 bytes came a second, held all of INFLIGHT_BYTES for hours."""
    held, windows = 8_000_000, 0
    while held < 16_000_000:
        need = next(size for size in range(5000, 300_000) if timeouts.fills_window(size, held))
        held, windows = held + need, windows + 1
    assert windows < 50


def progress_of(wire: Wire, now: float) -> WriteProgress:
    """The progress of a client from ``now`` on."""
    transport: Any = wire
    return WriteProgress(transport, now)


def test_a_client_that_acknowledges_nothing_is_stalled_after_ten_seconds() -> None:
    wire = Wire()
    wire.unwritten = 1000
    progress = progress_of(wire, 100.0)
    assert not progress.is_stalled(100.0 + timeouts.WRITE_SECONDS)
    assert progress.is_stalled(100.1 + timeouts.WRITE_SECONDS)


def test_a_client_at_the_least_rate_is_never_stalled() -> None:
    wire = Wire()
    wire.unwritten = 1_000_000
    progress = progress_of(wire, 0.0)
    for second in range(1, 100):
        wire.unwritten -= int(timeouts.BYTES_PER_SECOND * timeouts.SWEEP_SECONDS)
        assert not progress.is_stalled(float(second))


def test_a_client_below_the_least_rate_is_stalled_as_one_that_acknowledges_nothing() -> None:
    wire = Wire()
    wire.unwritten = 1_000_000
    progress = progress_of(wire, 0.0)
    stalled = []
    for second in range(1, 12):
        wire.unwritten -= int(timeouts.BYTES_PER_SECOND * timeouts.SWEEP_SECONDS) - 1
        stalled.append(progress.is_stalled(float(second)))
    assert stalled == [False] * 10 + [True]


def test_more_answers_to_a_client_are_no_progress_of_it() -> None:
    wire = Wire()
    progress = progress_of(wire, 0.0)
    for second in range(1, 11):
        wire.unwritten += 1000
        assert not progress.is_stalled(float(second))
    assert progress.is_stalled(10.1)


def test_unacknowledged_are_the_bytes_in_our_buffer_and_in_the_kernels() -> None:
    class Connected(Wire):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return ours if name == "socket" else default

    transport: Any = Connected()
    transport.unwritten = 7
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        with ours, theirs:
            assert unacknowledged_bytes(transport) == 7
            ours.setblocking(False)
            with pytest.raises(BlockingIOError):  # noqa: PT012  until the client's buffers are full
                while True:
                    ours.send(b"x" * 65536)
            assert unacknowledged_bytes(transport) > 7


def test_acknowledged_is_what_a_client_has_received() -> None:
    class Connected(Wire):
        def get_extra_info(self, name: str, default: Any = None) -> Any:
            return ours if name == "socket" else default

    transport: Any = Connected()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
        with ours, theirs:
            before = timeouts.acknowledged_bytes(transport)
            ours.sendall(b"x" * 1000)
            assert len(theirs.recv(1000, socket.MSG_WAITALL)) == 1000
            while unacknowledged_bytes(transport):
                pass
            after = timeouts.acknowledged_bytes(transport)
    if after == 0:
        pytest.skip("this kernel does not tell what was acknowledged")
    assert after - before == 1000
    assert timeouts.acknowledged_bytes(transport) == 0  # closed


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this kernel has no such limit")
def test_the_kernel_ends_what_is_left_of_a_closed_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        timeouts.let_kernel_end(listener)
        with socket.create_connection(listener.getsockname()):
            ours, _ = listener.accept()
            with ours:
                limit = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit == timeouts.KERNEL_SECONDS * 1000
