"""Owns the recording of a person's function of one text, such as a vectorizer's preprocessor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from convert.exporters.parts.text.own_preprocessor import ODD
from convert.graph.columns import Columns
from convert.graph.graph import Tensor
from convert.tracing.recording import record_twice

ROWS = 40  # of texts over which it is recorded


def record_texts(function: Any, documents: Tensor) -> Tensor:
    """What the function makes of texts [rows]: [rows, 1]. Raises Refused."""
    chance = np.random.default_rng(0)
    texts = pd.Series([" ".join(chance.choice(ODD, 6)).title() for _ in range(ROWS)], name="text", dtype=object)
    given = Columns(documents.graph, ((documents.reshape(-1, 1), 1),))
    made = record_twice(documents.graph, lambda x: x.apply(function), texts, given, function)
    return made.parts[0][0]
