"""The child process: hostile files run nothing, write nothing, and end in time with a clear message."""

from __future__ import annotations

import importlib
import os
import pickle
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeRegressor

from convert.cli import commands
from convert.cli.options import ConvertCommand
from convert.errors import Refused
from convert.sandbox import limits, parent
from convert.sandbox.job_messages import Job, JobResult
from convert.sandbox.parent import Elsewhere
from convert.sandbox.zygote import Zygote, use, zygote
from server.confinement import kernel, landlock
from server.confinement.syscalls import this_machine
from server.confinement.walls import GET_DUMPABLE
from tests.support.convert.environments import environment_that_starts_things, started
from tests.support.convert.hostile import Calls

pytestmark = pytest.mark.usefixtures("forked")

GB = 1 << 30


def run(
    content: bytes, folder: Path, trust: tuple[str, ...] = (), timeout: float = 60, memory: int = 8 * GB
) -> JobResult:
    """Runs one conversion of a file with this content."""
    (folder / "m.pkl").write_bytes(content)
    job = Job(folder / "m.pkl", "m", trusted=trust, timeout_seconds=timeout, memory_bytes=memory)
    return parent.run(job, lambda *_: None)


def refused(content: bytes, folder: Path, **limit: Any) -> str:
    """The refusal of a file with this content; and that nothing but the file is left behind."""
    with pytest.raises(Refused) as refusal:
        run(content, folder, **limit)
    assert [path.name for path in folder.iterdir()] == ["m.pkl"]
    return str(refusal.value)


def test_a_good_model_comes_back(tmp_path: Path) -> None:
    model = RandomForestClassifier(5, n_jobs=4).fit(np.eye(4), [0, 1, 0, 1])
    result = run(pickle.dumps(model), tmp_path)
    assert result.parity["wrong"] == 0
    assert len(result.onnx) > 1000


@pytest.mark.parametrize("name", ["runstring", "myeval"])
def test_helpers_of_numpy_that_run_code_are_refused(name: str, tmp_path: Path) -> None:
    module = "numpy.testing._private.utils" if name == "runstring" else "numpy.f2py.crackfortran"
    call = Calls(getattr(importlib.import_module(module), name), f"open({str(tmp_path / 'ran')!r}, 'w')", {})
    assert f"{module}.{name}" in refused(pickle.dumps(call), tmp_path)


@pytest.mark.fault(59)
def test_endless_opcodes_end_at_the_limit(tmp_path: Path) -> None:
    content = b"\x80\x04" + b"]" * 100_000_000 + b"."
    said = refused(zlib.compress(content, 1), tmp_path, timeout=2)
    assert "longer than 2 s" in said or "memory limit" in said


@pytest.mark.fault(59)
@pytest.mark.slow
def test_a_zlib_bomb_ends_at_the_cap(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(1 << 26)) for _ in range(48)) + packer.flush()
    assert len(bomb) < 4 << 20
    assert "unpacks to more than 2 GB" in refused(bomb, tmp_path)


@pytest.mark.fault(59)
def test_ten_gigabytes_are_not_allocated(tmp_path: Path) -> None:
    said = refused(pickle.dumps(Calls(bytearray, 10 * GB)), tmp_path, memory=2 * GB)
    assert "memory limit of 2 GB" in said


@pytest.mark.parametrize("model", [DecisionTreeRegressor(), RandomForestClassifier(2)])
def test_a_tree_that_points_outside_is_refused(model: Any, tmp_path: Path) -> None:
    fitted = model.fit(np.arange(8.0).reshape(-1, 1), [0, 1, 0, 1, 0, 1, 0, 1])
    tree = getattr(fitted, "estimators_", [fitted])[0].tree_
    state = tree.__getstate__()
    state["nodes"]["left_child"][0] = 1_000_000
    tree.__setstate__(state)
    assert "points outside its own nodes" in refused(pickle.dumps(fitted), tmp_path)


@pytest.mark.fault(59)
def test_what_is_trusted_still_reaches_no_network_no_program_and_no_file(tmp_path: Path) -> None:
    target = str(tmp_path / "ran")
    attempts = (
        "__import__('socket').socket()",
        "__import__('os').fork()",
        "__import__('subprocess').run(['true'])",
        f"__import__('os').mkdir({target!r})",
        f"__import__('os').unlink({str(tmp_path / 'm.pkl')!r})",
        f"open({target!r}, 'wb')",
        f"open({str(tmp_path / 'm.pkl')!r}, 'wb')",
        f"open({str(tmp_path / 'm.pkl')!r}, 'r+b', 0).write(b'x')",
    )
    content = pickle.dumps([Calls(exec, f"try:\n {code}\nexcept OSError: pass\nelse: 1 / 0") for code in attempts])
    (tmp_path / "m.pkl").write_bytes(content)
    with pytest.raises(Refused, match=r"holds a builtins\.list"):
        run(content, tmp_path, trust=("builtins.exec",))
    assert (tmp_path / "m.pkl").read_bytes() == content
    assert not Path(target).exists()


@pytest.fixture(scope="module")
def late(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    """Where children are forked that was started beside a secret in the environment and an open file."""
    with (tmp_path_factory.mktemp("open") / "file").open("w") as file, ExitStack() as stack:
        os.set_inheritable(file.fileno(), True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DYNONNX_ADMIN_KEYS", "secret")
            started = stack.enter_context(zygote(parent.IMPORTS[parent.OPENS_PICKLES]))
        yield started


def test_the_child_has_none_of_the_parents_environment(
    late: Zygote, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DYNONNX_ADMIN_KEYS", "secret")
    content = pickle.dumps(Calls(eval, "1 / 0 if 'secret' in str(dict(__import__('os').environ)) else 'clean'"))
    with use(late), pytest.raises(Refused, match=r"holds a builtins\.str"):
        run(content, tmp_path, trust=("builtins.eval",))
    assert "secret" not in str(limits.environment("/a", "/b"))


LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")
ATTEMPTS = """
import fcntl, os, resource, socket
parent = os.getppid()
def environment(): open(f"/proc/{parent}/environ").read()
def memory(): open(f"/proc/{parent}/mem", "r+b", 0)
def terminal(): open("/dev/tty")
def terminal_of_input(): os.tcgetpgrp(0)
def read(): open(secret).read()
def list_folder(): os.listdir(folder)
def fifo(): os.mkfifo(secret + "x")
def utime(): os.utime(secret)
def truncate(): os.truncate(secret, 0)
def attribute(): os.setxattr(secret, "user.x", b"")
def link(): os.link(secret, secret + "x")
def signal_parent(): os.kill(parent, 0)
def signal_all(): os.kill(-1, 0)
def limit_parent(): resource.prlimit(parent, 7)
def own(): fcntl.fcntl(2, fcntl.F_SETOWN, parent)
def tell_owner(): fcntl.fcntl(2, fcntl.F_SETFL, os.O_ASYNC)
def priority(): os.setpriority(0, parent, 19)
def program(): os.execv("/bin/true", ["true"])
def in_memory(): os.memfd_create("x")
def network(): socket.socket()
through = []
for attempt in [value for value in list(globals().values()) if hasattr(value, "__code__")]:
    try:
        attempt()
    except OSError:
        continue
    through.append(attempt.__name__)
assert not through, through
"""
DESCRIPTORS = """
import os, stat
kinds = {}
for number in range(1024):
    try:
        kinds[number] = os.fstat(number)
    except OSError:
        pass
pipes = [stat.S_ISFIFO(status.st_mode) for number, status in kinds.items() if number != 1]
assert pipes == [True] * 3, kinds
assert kinds[1].st_rdev == os.stat(os.devnull).st_rdev, kinds
"""


def run_code(code: str, folder: Path) -> None:
    """Runs code in the child, as a pickle may that is trusted with it; what it raises is in the refusal."""
    content = pickle.dumps([Calls(exec, code, {})])
    with pytest.raises(Refused, match=r"holds a builtins\.list"):
        run(content, folder, trust=("builtins.exec",))


@pytest.mark.fault(59)
@LINUX_ONLY
def test_what_is_trusted_reaches_nothing_of_its_users(tmp_path: Path) -> None:
    machine = this_machine()
    if machine is None or not landlock.abi(machine):
        pytest.skip("this kernel has no Landlock: files can be read")
    secret = tmp_path / "secret"
    secret.write_text("secret")
    before = secret.stat()
    run_code(f"secret, folder = {str(secret)!r}, {str(tmp_path)!r}\n{ATTEMPTS}", tmp_path)
    after = secret.stat()
    assert (secret.read_text(), after.st_mtime_ns, after.st_nlink) == ("secret", before.st_mtime_ns, before.st_nlink)


@LINUX_ONLY
def test_the_child_has_no_descriptor_but_its_pipes(late: Zygote, tmp_path: Path) -> None:
    with use(late):
        run_code(DESCRIPTORS, tmp_path)
        run_code(DESCRIPTORS, tmp_path)  # and nothing of the child before it


@LINUX_ONLY
def test_a_witness_runs_nothing_that_its_environment_runs_at_every_start(tmp_path: Path) -> None:
    python = environment_that_starts_things(tmp_path)
    with parent._witness(Job(tmp_path / "m.pkl", "m"), Elsewhere(python, "1.2.2", "")) as ends:
        assert not os.read(ends.replies, 1), "it has none of the packages that it needs, and ends"
    assert started(tmp_path) == {"asked for"}


def test_the_parent_can_be_traced_again_when_the_child_is_gone(tmp_path: Path) -> None:
    assert kernel.prctl(GET_DUMPABLE) == 1
    refused(b"", tmp_path)
    assert kernel.prctl(GET_DUMPABLE) == 1


LIES = (
    ("endless progress", "died"),
    ("a gigabyte of text", "died"),
    ("a blob that never comes", "died"),
    ("a line without end", "died"),
    ("no proof", "died"),
    ("a proof of another shape", "the proof is not made as dynonnx makes it"),
    ("a file that is none", "the file is damaged, or no ONNX file"),
)


@pytest.mark.fault(59)
@pytest.mark.parametrize(("how", "said"), LIES)
def test_a_child_that_was_taken_over_is_not_believed(
    how: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "OPENS_PICKLES", "tests.support.convert.lying_child")
    (tmp_path / "m.pkl").write_bytes(b"")
    told: list[str] = []
    command = ConvertCommand(Job(tmp_path / "m.pkl", how, timeout_seconds=60), None, tmp_path / "models", False)
    with pytest.raises(Refused, match=said) as refusal:
        commands.convert(command, lambda text, _: told.append(text), tmp_path)
    assert len(str(refusal.value)) < 10_000
    assert len(told) <= parent.MOST_MESSAGES
    assert all(len(text) <= parent.MOST_CHARACTERS for text in told)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("other", ["name", "pickle"])
def test_the_file_of_another_model_is_not_written(other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Name and source stand in reports and at the server: the parent looks both up."""
    result = run(pickle.dumps(DecisionTreeRegressor(max_depth=2).fit(np.eye(4), range(4))), tmp_path)
    monkeypatch.setattr(parent, "run", lambda *_: result)
    if other == "pickle":
        (tmp_path / "m.pkl").write_bytes(b"another")
    job = Job(tmp_path / "m.pkl", "payments" if other == "name" else "m")
    with pytest.raises(Refused, match="another model's"):
        commands.convert(ConvertCommand(job, None, tmp_path / "models", False), lambda *_: None, tmp_path)
    assert not (tmp_path / "models").exists()


def test_a_crash_is_told(tmp_path: Path) -> None:
    content = pickle.dumps(Calls(eval, "__import__('ctypes').string_at(0)"))
    assert "status -11" in refused(content, tmp_path, trust=("builtins.eval",))


@pytest.mark.fault(59)
def test_a_program_without_end_is_ended(tmp_path: Path) -> None:
    content = pickle.dumps(Calls(eval, "[None for _ in iter(int, 1)]"))
    said = refused(content, tmp_path, trust=("builtins.eval",), timeout=2, memory=4 * GB)
    assert "longer than 2 s" in said or "memory limit" in said


def test_cloudpickles_code_is_refused_by_name(tmp_path: Path) -> None:
    program = b"\x80\x04\x8c\x17cloudpickle.cloudpickle\x8c\x0e_make_function\x93."
    assert "cloudpickle.cloudpickle._make_function" in refused(program, tmp_path)


def test_who_takes_too_long_is_told_what_helps() -> None:
    """`inspect` and `verify` have no --timeout."""
    conversion = parent._death(parent.OPENS_PICKLES, -9, True, 60.0, "")
    inspection = parent._death(parent.INSPECTS, -9, True, 120.0, "")
    assert "longer than 60 s" in str(conversion)
    assert "--timeout" in str(conversion)
    assert "longer than 120 s" in str(inspection)
    assert "--timeout" not in str(inspection)
