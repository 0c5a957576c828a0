"""As many replicas as those there are say that they need."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploy.ray.policy import TOLD, scale


def context(told: list[float] | None, replicas: int) -> Any:
    metrics = None if told is None else {TOLD: dict(enumerate(told))}
    return SimpleNamespace(
        aggregated_metrics=metrics, current_num_replicas=replicas, target_num_replicas=replicas, policy_state={"a": 1}
    )


@pytest.mark.parametrize(
    ("told", "replicas", "wanted"),
    [
        ([0.01], 1, 1),
        ([1.0, 1.0], 2, 2),
        ([1.2, 1.2], 2, 3),
        ([0.2, 0.3, 0.1], 3, 1),
        ([4.0], 1, 4),
        ([1.5], 2, 3),  # the second starts
        ([1.0, 1.0], 1, 2),  # one has just gone, and told before
        (None, 3, 3),
        ([], 2, 2),
    ],
    ids=str,
)
def test_replicas_needed(told: list[float] | None, replicas: int, wanted: int) -> None:
    assert scale(context(told, replicas)) == (wanted, {"a": 1})
