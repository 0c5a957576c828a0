"""Which graph is kept: the fastest that passes, and today's where none does."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto
from sklearn.neural_network import MLPRegressor

from convert.cli.report import optimised
from convert.graph.graph import Graph
from convert.job import convert
from convert.opening.opener import OpenPolicy
from convert.optimising import fastest as optimising
from convert.optimising.fastest import Proven, candidates, fastest
from convert.proof.parity import Line, Proof
from server.artefact.metadata import from_metadata, to_metadata
from server.artefact.runtime import Runtime

FEEDS = {"1": {"X": np.zeros((1, 2))}, "1000": {"X": np.zeros((1000, 2))}}


def adding(amount: float) -> ModelProto:
    graph = Graph()
    return graph.finish({"y": graph.input("X", np.float64, 2) + amount}, {"y": (2,)})


def proof(wrong: int = 0, worst: float = 0.0) -> Proof:
    return Proof((Line("usual", "alone", "y", 10, wrong, 0, 0, worst),), (), {})


def proven(model: ModelProto) -> Proven:
    return Proven(model, Runtime(model.SerializeToString()), proof())


def amount_of(runtime: Runtime) -> float:
    return float(runtime.run(["y"], FEEDS["1"])[0][0, 0])


@pytest.fixture
def paces(monkeypatch: pytest.MonkeyPatch) -> dict[float, float]:
    """How fast a graph is, by what it adds."""
    faster: dict[float, float] = {}
    monkeypatch.setattr(optimising, "_times_faster", lambda _, other, __: faster[amount_of(other)])
    return faster


def test_the_fastest_that_passes_is_kept(paces: dict[float, float]) -> None:
    paces.update({1.0: 1.5, 2.0: 2.5, 3.0: 9.0, 4.0: 2.0})
    models = {name: adding(amount) for name, amount in (("slow", 1.0), ("kept", 2.0), ("wrong", 3.0), ("late", 4.0))}
    best, told = fastest(
        proven(adding(0.0)), lambda runtime: proof(int(amount_of(runtime) == 3.0), 0.25), FEEDS, models
    )
    assert amount_of(best.runtime) == 2.0
    assert told == {
        "asked": "fast",
        "kept": "kept",
        "times_faster": {"1": 2.5, "1000": 2.5},
        "worst": 0.25,
        "worst_safe": 0.0,
        "left": {"wrong": "not equal", "late": "not faster"},
        "cut_at": 1e20,
    }
    assert optimised(told) == (
        "kept: 2.50 times at 1 row, 2.50 times at 1,000 rows; answers differ by at most 25.0% of what the rule allows,"
        " else 0; a number beyond 1e+20 counts as that where it is multiplied"
    )


def test_where_none_gains_or_passes_it_is_the_safe_one(paces: dict[float, float]) -> None:
    paces.update({1.0: 1.04, 2.0: 3.0})
    safe = proven(adding(0.0))
    best, told = fastest(safe, lambda _: proof(wrong=1), FEEDS, {"chance": adding(1.0), "wrong": adding(2.0)})
    assert best is safe
    assert optimised(told) == "no, the graph is as ever (chance: not faster; wrong: not equal)"
    assert optimised(fastest(safe, lambda _: proof(), FEEDS, {})[1]) == (
        "no, the graph is as ever (there is nothing to try)"
    )


def test_what_excuses_more_labels_than_may_be_is_not_kept(paces: dict[float, float]) -> None:
    paces[1.0] = 3.0
    safe = proven(adding(0.0))
    tied = Proof((Line("usual", "alone", "label", 100, 0, 3, 0, 0.0),), (), {})
    best, told = fastest(safe, lambda _: tied, FEEDS, {"loose": adding(1.0)})
    assert best is safe
    assert told["left"] == {"loose": "not equal"}
    assert "cut_at" not in told


def test_what_loses_at_one_row_is_not_kept_for_what_it_gains_at_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimising, "_times_faster", lambda _, __, feed: 0.9 if len(feed["X"]) == 1 else 3.0)
    safe = proven(adding(0.0))
    assert fastest(safe, lambda _: proof(), FEEDS, {"other": adding(1.0)})[0] is safe


def test_a_network_is_tried_in_float32_and_the_file_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convert.proof.questions.ROWS", 500)
    monkeypatch.setattr(optimising, "_times_faster", lambda *_: 2.0)
    x = np.random.default_rng(0).normal(size=(200, 3))
    model = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=300, solver="lbfgs", random_state=0).fit(
        x, np.tanh(x[:, 0])
    )
    pickled = pickle.dumps(model)

    def made(**asked: Any) -> Any:
        done = convert(pickled, "m", None, OpenPolicy(), lambda *_: None, **asked)
        again = from_metadata(to_metadata(done.artefact))
        assert again is not None
        assert not done.proof.wrong
        return again.optimisation, candidates(ModelProto.FromString(done.onnx))

    told, left = made(optimise="fast")
    assert (told["kept"], told["times_faster"]) == ("products in float32", {"1": 2.0, "1000": 2.0})
    assert 0 <= told["worst_safe"] < told["worst"] <= 1
    assert left == {}  # no product is in float64 any more
    told, left = made()
    assert told == {}
    assert set(left) == {"products in float32"}
