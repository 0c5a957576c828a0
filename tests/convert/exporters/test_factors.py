"""Factors without negative numbers: each row as scikit-learn answers it alone, and what that hangs on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import NMF, MiniBatchNMF
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from convert.errors import Refused
from convert.exporters.registry import Exporter, load_families
from convert.graph.columns import columns
from convert.graph.graph import Graph
from convert.job import Converted
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import numbers

Agrees = Callable[..., Converted]
COUNTS = np.floor(numbers(positive=True) * 3)
pytestmark = pytest.mark.filterwarnings("ignore")


def graph_of(model: Any) -> Runtime:
    """Of its ``transform``, without a proof."""
    load_families()
    graph = Graph()
    x = columns(graph.input("X", np.float64, COUNTS.shape[1]), COUNTS.shape[1])
    made = Exporter(graph).transform(model, x).numbers()
    return Runtime(graph.finish({"y": made}, {"y": (len(model.components_),)}).SerializeToString())


FEW = [
    NMF(2, random_state=0, max_iter=60),
    NMF(3, random_state=0, shuffle=True, max_iter=40),
    NMF(2, solver="mu", beta_loss="kullback-leibler", random_state=0, alpha_W=0.01, l1_ratio=0.5, max_iter=60),
    MiniBatchNMF(3, random_state=0, transform_max_iter=50, tol=0.01),
]
MORE = [
    NMF(2, random_state=0),
    NMF(3, random_state=0, tol=1e-2),
    NMF(3, random_state=0, alpha_W=0.01, l1_ratio=0.5),
    NMF(11, tol=1e-9, random_state=0, init="random", max_iter=60),
    NMF(2, solver="mu", random_state=0),
    NMF(2, solver="mu", random_state=0, alpha_W=0.01, l1_ratio=0.5),
    NMF(2, solver="mu", beta_loss="kullback-leibler", random_state=0),
    NMF(2, solver="mu", beta_loss="kullback-leibler", random_state=0, alpha_W=0.01, l1_ratio=0.5),
    NMF(2, solver="mu", beta_loss=0.5, random_state=0),
    NMF(2, solver="mu", beta_loss=3, random_state=0, max_iter=60),
    MiniBatchNMF(2, random_state=0),
    MiniBatchNMF(2, beta_loss="kullback-leibler", random_state=0, alpha_W=0.01, l1_ratio=0.5),
]


@pytest.mark.parametrize(
    "model",
    [*FEW, *(pytest.param(model, marks=pytest.mark.slow) for model in MORE)],
    ids=lambda model: " ".join(repr(model).split()),
)
def test_each_row_is_answered_as_alone(model: Any) -> None:
    rows = np.vstack([COUNTS[:40], COUNTS[:20] * 100, COUNTS[:5] / 7, np.zeros((1, COUNTS.shape[1]))])
    model.fit(COUNTS[:100])
    alone = np.vstack([model.transform(row[None, :]) for row in rows])
    (together,) = graph_of(model).run(["y"], {"X": rows})
    np.testing.assert_allclose(together, alone, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_poles_of_a_loss_take_no_zero() -> None:
    model = NMF(2, solver="mu", beta_loss="itakura-saito", random_state=0, init="random").fit(COUNTS[:100] + 1)
    alone = np.vstack([model.transform(row[None, :]) for row in COUNTS[:30] + 0.5])
    (together,) = graph_of(model).run(["y"], {"X": COUNTS[:30] + 0.5})
    np.testing.assert_allclose(together, alone, rtol=1e-7, atol=1e-9)


@pytest.mark.slow
def test_the_default_is_proven_against_rows_alone_if_a_person_says_so(agrees: Agrees) -> None:
    done = agrees(MiniBatchNMF(2, random_state=0, max_iter=20, tol=0.01).fit(COUNTS), alone=True)
    company = done.proof.as_json()["company"]
    assert company["rows"] == 200
    assert company["differ"] > 100
    assert 1e-5 < company["worst"] < 10


def test_without_that_word_it_is_refused_with_the_difference(agrees: Agrees) -> None:
    factors = MiniBatchNMF(2, random_state=0, transform_max_iter=20, tol=0.05, max_iter=5)
    model = make_pipeline(factors, LinearRegression()).fit(COUNTS, COUNTS[:, 0])
    with pytest.raises(
        Refused, match=r"MiniBatchNMF .* of \d+ rows asked together .* \d+ otherwise than alone"
    ) as refused:
        agrees(model)
    assert "--alone" in refused.value.remedy


def test_factors_that_were_looked_for_to_the_end_need_no_word(agrees: Agrees) -> None:
    done = agrees(NMF(4, tol=1e-9, max_iter=5000, random_state=0).fit(COUNTS))
    assert "company" not in done.proof.as_json()


@pytest.mark.parametrize(
    "model",
    [NMF(3, random_state=0, max_iter=2000), NMF(2, shuffle=True)],
    ids=lambda model: " ".join(repr(model).split()),
)
def test_what_no_graph_can_follow_is_refused_by_name(model: Any) -> None:
    with pytest.raises(Refused, match=r"max_iter=2000|random order"):
        graph_of(model.fit(COUNTS[:100]))
