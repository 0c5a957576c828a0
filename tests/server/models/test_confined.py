"""The confined child: its result comes over a pipe, every cause of its end is named, its parent is unharmed."""

from __future__ import annotations

import mmap
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from server.models.confined import ConfinedChild, Died, Limits

# The test process may have threads of libraries; the child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
LIMITS = Limits(memory_bytes=256 << 20, cpu_seconds=1, wall_seconds=20)


def child_that(work: Callable[[], bytes], limits: Limits = LIMITS) -> ConfinedChild[None]:
    """A child that reads nothing before it works."""
    return ConfinedChild(lambda: None, lambda _: work(), limits)


def outcome(work: Callable[[], bytes], limits: Limits = LIMITS) -> bytes:
    """The result, waited for. Raises Died."""
    return collected(child_that(work, limits))


def collected(child: ConfinedChild[None]) -> bytes:
    """The result, waited for. Raises Died."""
    while (result := child.collect()) is None:
        select.select([child], [], [], 0.2)
    return result


def spin() -> bytes:
    while True:
        pass


def idle() -> bytes:
    signal.pause()
    return b""


def die(number: int) -> Callable[[], bytes]:
    def work() -> bytes:
        os.kill(os.getpid(), number)
        return b""

    return work


def test_a_result_of_any_size_comes_whole() -> None:
    for size in (0, 1, 1 << 20):
        assert outcome(lambda size=size: b"x" * size) == b"x" * size  # type: ignore[misc]


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (spin, "took more than 1 s of processor time"),
        (die(signal.SIGSEGV), r"crashed \(SIGSEGV\)"),
        (die(signal.SIGABRT), r"crashed \(SIGABRT\)"),
        (die(signal.SIGKILL), "was killed"),
        (lambda: bytes(1 << 30), "ended without a result"),
        (lambda: bytes(1 // 0), "ended without a result"),
    ],
)
def test_every_death_is_told(work: Callable[[], bytes], words: str) -> None:
    with pytest.raises(Died, match=words):
        outcome(work)


def test_one_that_only_waits_is_ended_too() -> None:
    child = child_that(idle, Limits(1 << 28, 1, 0.3))
    assert child.collect() is None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.models.confined.monotonic", lambda: monotonic() + 0.3)
        with pytest.raises(Died, match="did not end within"):
            child.collect()
    assert is_reaped(child)


def close_and(then: Callable[[], bytes]) -> Callable[[], bytes]:
    """What a child may do that was taken over: it ends its result, and goes on."""

    def work() -> bytes:
        os.closerange(3, 1024)
        return then()

    return work


@pytest.mark.parametrize("then", [idle, spin])
def test_one_that_closes_its_pipe_and_goes_on_keeps_nobody_waiting(
    then: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.models.confined.LAST_SECONDS", 0.05)
    child = child_that(close_and(then), Limits(1 << 28, 60, 60.0))
    with pytest.raises(Died, match="ended without a result"):
        collected(child)
    assert is_reaped(child)


def is_reaped(child: ConfinedChild[None]) -> bool:
    with pytest.raises(ChildProcessError):
        os.waitpid(child._pid, os.WNOHANG)
    return True


def test_a_child_that_somebody_else_has_reaped_is_no_error() -> None:
    child = child_that(die(signal.SIGSEGV))
    select.select([child], [], [])
    os.waitpid(-1, 0)
    with pytest.raises(Died, match="ended without a result"):
        child.collect()


def test_the_cause_is_kept_for_whoever_asks_after_all_were_reaped() -> None:
    child = child_that(die(signal.SIGSEGV))
    select.select([child], [], [])
    while child._status is None:
        child.note_exit()
    assert is_reaped(child)
    with pytest.raises(Died, match="SIGSEGV"):
        child.collect()


def test_the_child_holds_nothing_of_its_parents() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.fileno()
        said = outcome(
            lambda: f"{Path(f'/proc/self/fd/{number}').exists()} {Path('/proc/self/fd/1').readlink()}".encode()
        )
    assert said == b"False /dev/null"


def test_kill_leaves_nothing() -> None:
    child = child_that(spin)
    child.kill()
    assert is_reaped(child)


def test_a_fork_that_fails_leaves_no_descriptor_and_no_blocked_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    blocked, opened = signal.pthread_sigmask(signal.SIG_BLOCK, ()), sorted(Path("/proc/self/fd").iterdir())
    monkeypatch.setattr(os, "fork", no_fork)
    with pytest.raises(BlockingIOError):
        child_that(idle)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == blocked
    assert sorted(Path("/proc/self/fd").iterdir()) == opened


def test_a_result_without_end_is_not_collected() -> None:
    with pytest.raises(Died, match="sent more than 4 MB"):
        outcome(lambda: bytes(64 << 20))


def test_what_is_read_before_the_walls_needs_the_parents_rights_only(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"content")
    child = ConfinedChild(path.read_bytes, lambda content: content, LIMITS)
    while (result := child.collect()) is None:
        select.select([child], [], [], 0.2)
    assert result == b"content"


@pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
def test_the_child_cannot_change_memory_that_its_parent_shares() -> None:
    shared = mmap.mmap(-1, 1 << 12)  # as the scoreboard is
    shared[:5] = b"mine!"

    def write() -> bytes:
        shared[:5] = b"yours"
        return shared[:5]

    assert (outcome(write), shared[:5]) == (b"yours", b"mine!")


@pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
def test_the_child_works_behind_the_walls(tmp_path: Path) -> None:
    def refused(attempt: Callable[[], object]) -> bool:
        try:
            attempt()
        except OSError:
            return True
        return False

    attempts = (socket.socket, os.fork, lambda: (tmp_path / "x").write_bytes(b""), lambda: os.kill(os.getppid(), 0))
    assert outcome(lambda: str([refused(attempt) for attempt in attempts]).encode()) == b"[True, True, True, True]"
    assert list(tmp_path.iterdir()) == []


def test_the_child_has_less_stack_than_the_parent_that_opens_the_file_after_it() -> None:
    here = resource.getrlimit(resource.RLIMIT_STACK)[0]
    if here == resource.RLIM_INFINITY or here <= 4 << 20:
        pytest.skip("a stack without end, or a tiny one, is left as it is")
    assert int(outcome(lambda: str(resource.getrlimit(resource.RLIMIT_STACK)[0]).encode())) == here - here // 4
