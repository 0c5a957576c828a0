"""The whole allowlist as an attacker uses it: each name, through each opcode, with arguments of their choice."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

QUICK_STEP = 421


def opened(first: int, step: int) -> str:
    words = [sys.executable, "-W", "ignore", "-m", "tests.support.convert.gadgets", str(first), str(step)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    return done.stdout


@pytest.mark.fault(59)
def test_nothing_runs_while_a_hostile_pickle_opens() -> None:
    assert ast.literal_eval(opened(0, QUICK_STEP))["refused"] > 100


@pytest.mark.fault(59)
@pytest.mark.slow
def test_nothing_runs_whatever_the_pickle() -> None:
    assert ast.literal_eval(opened(0, 1))["refused"] > 50_000
