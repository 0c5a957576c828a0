"""The pacer: what a generator says of its idleness is true when it sleeps, when it spins, and at its limit."""

from __future__ import annotations

import socket
import time

import gevent
import gevent.socket

from bench.load.pacer import IdleMeter, Pacer


def ping_pong(near: gevent.socket.socket, far: gevent.socket.socket, seconds: float) -> None:
    """Two greenlets that never wait for anybody but each other, as the connections of a generator at its limit.

    ``seconds``: of processor time, which the clock cannot tell on a machine that others use.
    """

    def answer() -> None:
        while data := far.recv(64):
            far.sendall(data)

    other = gevent.spawn(answer)
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        near.sendall(b"x")
        near.recv(64)
    near.shutdown(socket.SHUT_WR)
    other.join()


def test_a_loop_that_always_has_work_is_not_idle() -> None:
    near, far = gevent.socket.socketpair()
    meter, began, began_thread = IdleMeter(), time.perf_counter(), time.thread_time()
    ping_pong(near, far, 0.3)
    used, passed = time.thread_time() - began_thread, time.perf_counter() - began
    near.close()
    far.close()
    # What the clock saw beyond the processor time is the machine's doing; looking at sockets is not being idle.
    assert meter.blocked_s < 0.1 * used + (passed - used)


def test_a_loop_that_sleeps_is_idle() -> None:
    meter, began = IdleMeter(), time.perf_counter()
    gevent.sleep(0.001)  # the meter begins with the loop's next turn
    gevent.sleep(0.3)
    assert 0.25 < meter.blocked_s <= time.perf_counter() - began


def test_spinning_before_an_arrival_counts_as_idle_and_nothing_is_offered_early() -> None:
    pacer, started = Pacer(spin=True), time.perf_counter()
    gevent.spawn(pacer.run, started, [number * 0.002 for number in range(100)])
    early = []
    for _ in range(100):
        due, offered = pacer.next_arrival()
        early.append(offered < due)
    assert not any(early)
    assert pacer.exhausted
    assert pacer.spinning_s > 0  # much of the time on a quiet machine; where others take the processor most are late
