"""Owns the codes that occur in a row of codes: each once, with how often. Knows nothing of what they stand for.

Rows of 20,000 counts cost ten times what reading the texts costs; a text of 130 words holds 130 codes. The server's
proof that rows stay apart knows these nodes as one pattern: `server.artefact.mixing.occurring`.
"""

from __future__ import annotations

import numpy as np

from convert.exporters.parts.text.ngrams import sliced
from convert.exporters.parts.text.occurrences import Occurrences
from convert.graph.graph import Tensor


def distinct(codes: Tensor, width: int, amounts: Tensor | None = None) -> Occurrences:
    """Of codes [rows, some], int64, those below ``width``; what is not below it is none.

    Each adds its own of ``amounts`` [rows, some], or 1. In order, equal codes stand together: each such run gets a
    number, and adds up at that place.
    """
    graph = codes.graph
    none = graph.zeros(codes)
    capped = graph.op("Min", graph.concat([codes, none.cast(np.int64) + width]), graph.constant(np.int64(width)))
    length = graph.op("Shape", capped, dtype=np.int64, start=1, end=2)
    ordered, order = graph.ops("TopK", capped, length, dtypes=[np.int64, np.int64], axis=1, largest=0, sorted=1)
    starts = ~sliced(ordered, 1, np.iinfo(np.int64).max).equals(sliced(ordered, 0, -1))
    runs = graph.concat([none.cast(np.int64), starts.cast(np.int64)])
    runs = graph.op("CumSum", runs, graph.constant(np.int64(1)))
    nothing = ordered * 0
    at = graph.op("ScatterElements", nothing + width, runs, ordered, axis=1, reduction="min")
    if amounts is None:
        sums = graph.op("ScatterElements", nothing, runs, nothing + 1, axis=1, reduction="add").cast(np.float64)
    else:
        own = graph.op("GatherElements", graph.concat([amounts, none]), order, axis=1)
        sums = graph.op("ScatterElements", nothing.cast(np.float64), runs, own, axis=1, reduction="add")
    return Occurrences(at, (at < width).where(sums, np.float64(0.0)), width)
