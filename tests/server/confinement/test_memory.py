"""What a process does to its own memory: limits for a while; what it shared becomes its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from server.confinement.memory import memory_in_use, memory_limit
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
