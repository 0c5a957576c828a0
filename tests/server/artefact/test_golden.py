"""Golden answers: what counts as the same answer, of labels that tie and of numbers."""

from __future__ import annotations

import math

import numpy as np

from server.artefact.golden import mismatch
from server.artefact.metadata import Output
from tests.support.server.models import artefact_of, matrix


def test_a_label_may_be_either_of_two_that_tie() -> None:
    probabilities = [[0.5, 0.5], [0.9, 0.1]]
    artefact = artefact_of(
        "classifier",
        matrix(["a"]),
        (Output("label", "label"), Output("probabilities", "p")),
        ("x", "y"),
        [[0.0], [1.0]],
        {"label": np.array(["x", "x"], np.object_), "p": probabilities},
    )
    assert mismatch(artefact, {"label": np.array(["y", "x"], np.object_), "p": np.array(probabilities)}) is None
    assert (
        mismatch(artefact, {"label": np.array(["x", "y"], np.object_), "p": np.array(probabilities)}) or ""
    ).startswith("golden row 1: ")


def test_the_rule_is_that_of_parity() -> None:
    """1e-5 of the spread of the original's answers; for probabilities, of 1."""
    rows = [[0.0], [1.0], [2.0]]
    values = artefact_of(
        "regressor", matrix(["a"]), (Output("value", "y"),), None, rows, {"y": [[-1000.0], [0.0], [1000.0]]}
    )
    spread = float(np.std([-1000.0, 0.0, 1000.0]))
    assert mismatch(values, {"y": np.array([[-1000.0], [0.99e-5 * spread], [1000.0]])}) is None
    assert (mismatch(values, {"y": np.array([[-1000.0], [1.01e-5 * spread], [1000.0]])}) or "").startswith(
        "golden row 1: "
    )
    probabilities = [[0.001, 0.999], [0.002, 0.998], [0.003, 0.997]]
    outputs = (Output("probabilities", "p"),)
    likely = artefact_of("classifier", matrix(["a"]), outputs, ("x", "y"), rows, {"p": probabilities})
    assert mismatch(likely, {"p": np.array(probabilities) + 0.9e-5}) is None
    assert "golden row 0:" in str(mismatch(likely, {"p": np.array(probabilities) + 1.1e-5}))


def test_golden_answers_that_are_no_numbers_are_null() -> None:
    rows = [[0.0], [1.0], [2.0]]
    artefact = artefact_of("regressor", matrix(["a"]), (Output("value", "y"),), None, rows, {"y": [1.0, None, None]})
    assert mismatch(artefact, {"y": np.array([1.0, math.nan, math.inf])}) is None
    assert "golden row 0:" in str(mismatch(artefact, {"y": np.array([math.inf, math.nan, math.inf])}))
