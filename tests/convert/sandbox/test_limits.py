"""The limits of a child that opens a pickle, also where the person's own are lower."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.conftest import ROOT

ASKED = """
import resource, sys
from convert.sandbox import limits
lower = int(sys.argv[1])
if lower:
    resource.setrlimit(resource.RLIMIT_CPU, (lower, lower))
limits.apply(8 << 30, 60)
print(*resource.getrlimit(resource.RLIMIT_CPU), *resource.getrlimit(resource.RLIMIT_FSIZE))
"""


@pytest.mark.parametrize(("lower", "holds"), [(0, "60 60 0 0"), (40, "40 40 0 0"), (90, "60 60 0 0")])
def test_the_lower_of_two_limits_holds(lower: int, holds: str) -> None:
    words = [sys.executable, "-c", ASKED, str(lower)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == (holds, "")
