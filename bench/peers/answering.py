"""Owns the answers that peers give, one a row, as the baselines give theirs. Knows nothing of any server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def as_answers(predictions: Sequence[Any], probabilities: Sequence[float] | None) -> list[dict[str, Any]]:
    """What each row's client gets; a regressor has no probability."""
    if probabilities is None:
        return [{"prediction": prediction} for prediction in predictions]
    pairs = zip(predictions, probabilities, strict=True)
    return [{"prediction": prediction, "probability": probability} for prediction, probability in pairs]
