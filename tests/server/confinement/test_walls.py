"""The walls against real attacks, as root and as nobody; each attack gets through where there are no walls."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from server.confinement import kernel, landlock, walls
from server.confinement.syscalls import this_machine
from tests.support.server.attacks import NOBODY, SECRET, VICTIM

ROOT = Path(__file__).parents[3]
MACHINE = this_machine()
USERS = ("root", "nobody") if os.getuid() == 0 else ("self",)
# What a kernel, its settings or a container may refuse to anybody.
REFUSED_ELSEWHERE = frozenset(
    {
        "setpgid", "open_by_handle_at", "io_uring_setup", "userfaultfd", "bpf", "perf_event_open", "keyctl", "add_key",
        "unshare", "clone(CLONE_NEWUSER)", "mq_open", "cachestat", "fchmodat2", "landlock", "creat", "TIOCSTI", "kcmp",
        "setxattr", "lsetxattr", "fsetxattr", "removexattr", "process_mrelease", "open(O_TMPFILE)",
        "sched_setattr(parent)", "get_robust_list", "ptrace", "clone3", "move_pages", "F_SETLEASE", "PR_SET_PTRACER",
    }
)  # fmt: skip

pytestmark = pytest.mark.skipif(MACHINE is None, reason="the walls know Linux on x86-64 and ARM64")


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that nobody can be given: pytest's own stand in one of the user's."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def run(folder: Path, user: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    """The attacker's run, over two fresh files in a folder that belongs to the user."""
    for name in (VICTIM, SECRET):
        (folder / name).write_text(f"{name}'s content")
    if user == "nobody":
        for path in (folder, folder / VICTIM, folder / SECRET):
            os.chown(path, NOBODY, NOBODY)
        options = ("nobody", *options)
    command = [sys.executable, "-m", "tests.support.server.attacks", str(folder), *options]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def outcomes(folder: Path, user: str, *options: str) -> dict[str, Any]:
    """The outcomes by kind; and nothing in the folder has changed."""
    done = run(folder, user, *options)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == [SECRET, VICTIM]
    assert (folder / VICTIM).read_text() == "victim's content"
    return dict(orjson.loads(done.stdout))


def through(found: dict[str, str]) -> list[str]:
    """The names of the attacks that no wall refused."""
    return [name for name, error in found.items() if not error]


@pytest.mark.fault(59)
@pytest.mark.parametrize("user", USERS)
def test_no_attack_gets_through(user: str, folder: Path) -> None:
    found = outcomes(folder, user)
    assert found["missing"] == []
    assert (through(found["attacks"]), through(found["tracings"])) == ([], [])
    if MACHINE is not None and landlock.abi(MACHINE):
        assert through(found["readings"]) == []


@pytest.mark.fault(59)
@pytest.mark.parametrize("user", USERS)
def test_without_walls_they_do(user: str, folder: Path) -> None:
    done = run(folder, user, "unconfined")
    found = orjson.loads(done.stdout)
    refused = {name for name, error in found["attacks"].items() if error}
    assert refused - REFUSED_ELSEWHERE == set()
    assert through(found["readings"]) == list(found["readings"])
    assert (folder / VICTIM).read_bytes() != b"victim's content"


@pytest.mark.parametrize("user", USERS)
def test_a_kernel_without_landlock_lets_read_but_nothing_else(user: str, folder: Path) -> None:
    found = outcomes(folder, user, "no-landlock")
    assert (found["missing"], through(found["attacks"])) == ([], [])


@pytest.mark.parametrize("user", USERS)
def test_with_neither_landlock_nor_namespaces_an_untraceable_parent_keeps_its_secrets(user: str, folder: Path) -> None:
    found = outcomes(folder, user, "no-landlock", "no-namespace", "untraceable")
    assert (through(found["attacks"]), through(found["tracings"])) == ([], [])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers are those of x86-64")
@pytest.mark.parametrize("call", ["x32", "int80"])
@pytest.mark.parametrize("user", USERS)
def test_a_call_by_the_numbers_of_another_machine_kills(user: str, call: str, folder: Path) -> None:
    assert run(folder, user, call).returncode == signal.SIGSYS


def test_every_wall_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no(*_: object) -> int:
        raise OSError(22, "Invalid argument")

    for name in ("setsid", "getpid"):
        monkeypatch.setattr(os, name, lambda: 1)
    for module, name in (("memory", "forget_shared"), ("seccomp", "install"), ("landlock", "restrict")):
        monkeypatch.setattr(f"server.confinement.{module}.{name}", no)
    for name in ("prctl", "drop_capabilities", "unshare"):
        monkeypatch.setattr(f"server.confinement.kernel.{name}", no)
    monkeypatch.setattr(landlock, "abi", lambda _: 1)
    monkeypatch.setattr(walls, "THREADS", Path("/proc/self/net"))
    missing = walls.confine()
    assert len(missing) == 7
    assert missing[-1] == "the filter of system calls (seccomp) could not be set up: Invalid argument"


def test_a_system_without_any_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "this_machine", lambda: None)
    assert walls.confine() == (f"no filter of system calls is known for linux on {platform.machine()}",)


def test_untraceable_ends_with_its_block() -> None:
    with walls.untraceable():
        assert kernel.prctl(walls.GET_DUMPABLE) == 0
    assert kernel.prctl(walls.GET_DUMPABLE) == 1


STARTS_THREADS = """
import os, threading
from server.confinement import kernel, walls
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
if not os.fork():
    kernel.unshare(walls.NEW_USER)
    os._exit(0)
counted = os.wait()[1] == 0 and walls._kernel_version() >= walls.COUNTS_BY_NAMESPACE
walls._leave_network()
threading.stack_size(1 << 16)
end, started = threading.Event(), 0
try:
    while started < 2 * walls.MOST_THREADS:
        threading.Thread(target=end.wait, daemon=True).start()
        started += 1
except RuntimeError:
    pass
print(started, int(counted), flush=True)
os._exit(0)
"""


def test_the_threads_of_one_process_leave_room_for_others() -> None:
    done = subprocess.run([sys.executable, "-c", STARTS_THREADS], cwd=ROOT, capture_output=True, check=True)
    started, counted = map(int, done.stdout.split())
    if not counted:
        pytest.skip("this system gives nobody a user namespace that counts its own threads")
    assert started < walls.MOST_THREADS
