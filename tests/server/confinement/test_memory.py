"""What a process does to its own memory: limits for a while; what it shared becomes its own."""

from __future__ import annotations

import sys

import pytest

from server.confinement.memory import memory_in_use, memory_limit

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")


def test_a_process_can_limit_itself_for_a_while() -> None:
    before = memory_in_use()
    with memory_limit(64 << 20), pytest.raises(MemoryError):
        bytes(1 << 30)
    assert len(bytes(100 << 20)) == 100 << 20
    assert memory_in_use() - before < 64 << 20
