"""Owns how many replicas Ray Serve keeps: as many as they say that their demand needs. Pure.

Serve's controller runs it, so it knows nothing of the server.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ray.serve.config import AutoscalingContext

TOLD = "replicas"  # what each replica says that the demand it sees would need


def scale(context: AutoscalingContext) -> tuple[int, dict[str, Any]]:
    """The policy of ``autoscaling_config``, with its state. Replicas that have said nothing yet need what others do."""
    told = (context.aggregated_metrics or {}).get(TOLD, {})
    if not told:
        return context.target_num_replicas, context.policy_state
    needed = sum(told.values()) * max(1.0, context.current_num_replicas / len(told))
    return math.ceil(needed - 1e-9), context.policy_state
