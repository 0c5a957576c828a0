"""What all tests share: our packages on the path, no threads of OpenMP, how long Hypothesis searches."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

# Models of tests are small, and the threads of OpenMP spin while they wait: beside a second test process a fit of
# 0.4 s took 44 s. Read by scikit-learn's libraries when they are loaded, so set before any is.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples at every run, so that a red run can be repeated; HYPOTHESIS_PROFILE=search looks further. No time
# limit for one example: the box may be shared.
_calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("default_run", _calm, derandomize=True, max_examples=100)
settings.register_profile("search", _calm, max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default_run"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files of tests/ itself come first: each is one long test, and the last to begin would be waited for alone."""
    items.sort(key=lambda item: item.path.parent != ROOT / "tests")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What importing and collecting leave stays: no collection of garbage looks through its half a million objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
