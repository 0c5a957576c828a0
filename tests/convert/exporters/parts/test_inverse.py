"""The way back from a transformed target: as the transformer itself goes it, beyond its ends, too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special
from sklearn.preprocessing import QuantileTransformer

from convert.exporters.gaussian_process import erf
from convert.exporters.parts.inverse import inverse_transform
from convert.graph.graph import Graph
from server.artefact.runtime import Runtime

TARGET = np.random.default_rng(0).lognormal(size=(200, 2))


def run(graph: Graph, y: Any, out: Any, width: int) -> Any:
    """What a tensor is for rows ``y``."""
    model = graph.finish({"out": out}, {"out": (width,)})
    return Runtime(model.SerializeToString()).run(["out"], {"y": y})[0]


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_quantiles(distribution: Any) -> None:
    scaler = QuantileTransformer(n_quantiles=40, output_distribution=distribution).fit(TARGET)
    ends = np.array([-9.0, -6.0, -5.2, -5.1, -1e-9, 0.0, 1e-9, 0.5, 1.0, 1.0 + 1e-9, 5.1, 5.2, 9.0])
    y = np.vstack([scaler.transform(TARGET), np.stack([ends, ends], axis=1)])
    graph = Graph()
    got = run(graph, y, inverse_transform(scaler, graph.input("y", np.float64, 2)), 2)
    assert got == pytest.approx(scaler.inverse_transform(y.copy()), rel=1e-9)


def test_the_error_function_is_exact_to_where_it_is_one() -> None:
    graph = Graph()
    y = np.linspace(-8.0, 8.0, 1001).reshape(-1, 1)
    assert run(graph, y, erf(graph.input("y", np.float64, 1)), 1) == pytest.approx(special.erf(y), abs=1e-14)
