"""Signals that wait: the same request many times is one, and holds up no stop."""

from __future__ import annotations

import signal

from server.processes.signals import once


def test_reloads_that_wait_are_one_and_hold_up_no_stop() -> None:
    hup, up, child, stop = signal.SIGHUP, signal.SIGTTIN, signal.SIGCHLD, signal.SIGTERM
    assert once([hup, child] * 1000 + [up, hup, up, stop, hup, stop]) == [hup, child, up, up, stop]
    assert once([]) == []
