"""The sandboxed child: its result comes over a pipe, every cause of its end is named, its parent is unharmed."""

from __future__ import annotations

import os
import select
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from server.models.confined import Died, Limits, SandboxedChild, memory_in_use, memory_limit

# The test process may have threads of libraries; the child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
LIMITS = Limits(memory_bytes=256 << 20, cpu_seconds=1, wall_seconds=20)


def outcome(work: Callable[[], bytes], limits: Limits = LIMITS) -> bytes:
    """The result, waited for. Raises Died."""
    child = SandboxedChild(work, limits)
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
    child = SandboxedChild(idle, Limits(1 << 28, 1, 0.3))
    assert child.collect() is None
    select.select([child], [], [], 0.4)
    with pytest.raises(Died, match="did not end within"):
        child.collect()
    assert is_reaped(child)


def is_reaped(child: SandboxedChild) -> bool:
    with pytest.raises(ChildProcessError):
        os.waitpid(child._pid, os.WNOHANG)
    return True


def test_a_child_that_somebody_else_has_reaped_is_no_error() -> None:
    child = SandboxedChild(die(signal.SIGSEGV), LIMITS)
    select.select([child], [], [])
    os.waitpid(-1, 0)
    with pytest.raises(Died, match="ended without a result"):
        child.collect()


def test_the_cause_is_kept_for_whoever_asks_after_all_were_reaped() -> None:
    child = SandboxedChild(die(signal.SIGSEGV), LIMITS)
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
    child = SandboxedChild(spin, LIMITS)
    child.kill()
    assert is_reaped(child)


def test_a_process_can_limit_itself_for_a_while() -> None:
    before = memory_in_use()
    with memory_limit(64 << 20), pytest.raises(MemoryError):
        bytes(1 << 30)
    assert len(bytes(100 << 20)) == 100 << 20
    assert memory_in_use() - before < 64 << 20
