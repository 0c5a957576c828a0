"""Owns what a test takes away from a running server: here the right to fork. Skips, with a word, where it cannot."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil
import pytest

from bench.dyno.cgroup import Group, own_places
from tests.support.integration.running import Running


@contextlib.contextmanager
def no_forks(server: Running) -> Iterator[None]:
    """Within the block the arbiter's every fork fails with EAGAIN, as in a box that may hold no more processes."""
    with _limited_user(server) if os.geteuid() else _limited_group(server):
        yield


@contextlib.contextmanager
def _limited_user(server: Running) -> Iterator[None]:
    arbiter = psutil.Process(server.pid)
    before = arbiter.rlimit(psutil.RLIMIT_NPROC)
    arbiter.rlimit(psutil.RLIMIT_NPROC, (0, before[1]))
    try:
        yield
    finally:
        arbiter.rlimit(psutil.RLIMIT_NPROC, before)


@contextlib.contextmanager
def _limited_group(server: Running) -> Iterator[None]:
    """root is above the limits of users, not above those of a control group."""
    place = own_places().get("pids")
    group = Group()
    most = str(psutil.Process(server.pid).num_threads())
    try:
        group.limit("pids", place, f"no-forks-{server.pid}", {"pids.max": most})
        for file in group.join_files():
            file.write_text(str(server.pid))
    except OSError as error:
        group.remove()
        pytest.skip(f"no control group can limit the number of processes here: {error}")
    try:
        yield
    finally:
        assert place is not None
        if server.process.poll() is None:
            (place / "cgroup.procs").write_text(str(server.pid))
        group.remove()
