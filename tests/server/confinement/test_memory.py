"""What a process does to its own memory: limits for a while; what it shared becomes its own; files are let go."""

from __future__ import annotations

import mmap
import subprocess
import sys
from pathlib import Path

import pytest

from server.confinement.memory import let_files_go, memory_in_use, memory_limit, unchanged_files
from tests.support.integration.running import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")


def test_a_process_can_limit_itself_for_a_while() -> None:
    before = memory_in_use()
    with memory_limit(64 << 20), pytest.raises(MemoryError):
        bytes(1 << 30)
    assert len(bytes(100 << 20)) == 100 << 20
    assert memory_in_use() - before < 64 << 20


def test_what_asks_for_more_than_its_box_has_gets_none() -> None:
    code = """
from server.confinement.memory import leave_some
leave_some(256 << 20)
assert len(bytes(100 << 20))
try:
    bytes(250 << 20)
except MemoryError:
    print("none")
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "none\n"


def test_stacks_of_run_threads_are_not_of_what_a_box_leaves() -> None:
    """A model has a thread of its own once a run of it takes long: sixty stacks of 8 MB are more than this box."""
    code = """
import resource, threading
from server.batching.runs.run import RunThread
from server.confinement.memory import leave_some
leave_some(256 << 20)
bound = resource.getrlimit(resource.RLIMIT_DATA)
threads, began = [RunThread("run") for _ in range(60)], threading.Semaphore(0)
for thread in threads:
    thread.submit(began.release)
for thread in threads:
    began.acquire()
    thread.close()
    thread._thread.join()
print(resource.getrlimit(resource.RLIMIT_DATA) == bound)
"""
    told = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"


MAPPINGS = """\
7f00000000-7f00003000 r--p 00000000 08:01 5    /usr/lib/read only.so
Rss:                  12 kB
Anonymous:             0 kB
Swap:                  0 kB
VmFlags: rd mr mw me
7f00003000-7f00009000 r-xp 00003000 08:01 5    /usr/lib/read only.so
Anonymous:             0 kB
Swap:                  0 kB
7f00009000-7f0000a000 r--p 00009000 08:01 5    /usr/lib/read only.so
Anonymous:             4 kB
Swap:                  0 kB
7f0000a000-7f0000b000 r--p 0000a000 08:01 5    /usr/lib/read only.so
Anonymous:             0 kB
Swap:                  4 kB
7f0000b000-7f0000c000 rw-p 0000b000 08:01 5    /usr/lib/read only.so
Anonymous:             0 kB
Swap:                  0 kB
7f0000c000-7f0000d000 r--s 00000000 00:01 9    /dev/zero (deleted)
Anonymous:             0 kB
Swap:                  0 kB
7f0000d000-7f0000e000 r--p 00000000 00:00 0
Anonymous:             0 kB
Swap:                  0 kB
7ffe000000-7ffe002000 r-xp 00000000 00:00 0    [vdso]
Anonymous:             0 kB
Swap:                  0 kB
7ffe002000-7ffe003000 r-xp 00000000 08:01 6    /usr/lib/last.so
Anonymous:             0 kB
Swap:                  0 kB
"""


def test_only_files_of_which_no_page_is_its_own_are_let_go() -> None:
    """Pages that the loader wrote, or that lie in swap, would come back as the file has them."""
    found = [(hex(start), hex(end)) for start, end in unchanged_files(MAPPINGS)]
    assert found == [
        ("0x7f00000000", "0x7f00003000"),
        ("0x7f00003000", "0x7f00009000"),
        ("0x7ffe002000", "0x7ffe003000"),
    ]


def test_what_a_process_read_of_a_file_is_let_go_and_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 4096)
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ) as mapped:
        assert mapped[5 << 12] == 0
        assert _resident(file) > 0
        let_files_go()
        assert _resident(file) == 0
        assert mapped[(5 << 12) + 7] == 7


def _resident(file: Path) -> int:
    """Pages of a mapped file that this process has, in KB."""
    _, _, rest = Path("/proc/self/smaps").read_text().partition(f"{file}\n")
    return int(next(line for line in rest.splitlines() if line.startswith("Rss:")).split()[1])
