"""The rule of parity: what is equal, what is a tie, what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from convert.errors import Refused
from convert.proof.enough import refuse_ties
from convert.proof.measure import compare, margins, scale_of
from convert.proof.parity import Line, Proof

P = np.array([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]])
LABEL = np.array(["a", "a", "b"], object)


def test_labels_must_be_equal_except_in_a_tie() -> None:
    answers = {"label": LABEL, "probabilities": P}
    excess, ties = compare("label", answers, np.array(["b", "a", "b"], object))
    assert (excess.max(), ties) == (0.0, 1)
    excess, ties = compare("label", answers, np.array(["a", "b", "b"], object))
    assert (excess.tolist(), ties) == ([0.0, 2.0, 0.0], 0)


def test_probabilities_are_measured_against_one() -> None:
    answers = {"label": LABEL, "probabilities": P}
    off = P + np.array([[0.0, 0.0], [0.9e-5, 0.0], [0.0, 1.1e-5]])
    excess, _ = compare("probabilities", answers, off)
    assert (excess <= 1).tolist() == [True, True, False]


def test_values_are_measured_against_their_spread_column_by_column() -> None:
    values = np.array([[0.0, 1000.0], [2.0, 3000.0]])
    excess, _ = compare("value", {"value": values}, values + np.array([[0.5e-5, 0.0], [0.0, 0.09]]))
    assert (excess <= 1).tolist() == [True, False]


def test_missing_answers_are_equal_and_nothing_else_is() -> None:
    values = np.array([np.nan, np.inf, 1.0, 2.0])
    assert compare("value", {"value": values}, values)[0].max() == 0
    excess, _ = compare("value", {"value": values}, np.array([1.0, -np.inf, np.nan, 2.0]))
    assert (excess > 1).tolist() == [True, True, True, False]


def test_another_shape_is_wrong() -> None:
    assert (compare("value", {"value": np.zeros(3)}, np.zeros((3, 1)))[0] > 1).all()


@pytest.mark.parametrize(
    ("values", "scale"), [([3.0, 3.0], 3.0), ([0.0, 2.0], 1.0), ([np.nan], 1.0), ([1e300, 3e300], 1e300)]
)
def test_the_scale_of_a_column(values: list[float], scale: float) -> None:
    assert scale_of(np.array(values)) == pytest.approx(scale)


def test_a_few_answers_far_away_do_not_loosen_the_measure_for_the_rest() -> None:
    """A thousandth of rows answered with 1e12, as where a target was filled up, excused differences of 300,000."""
    usual = np.random.default_rng(0).normal(size=10_000)
    far = usual.copy()
    far[:10] = 1e12
    assert scale_of(far) == pytest.approx(10.0, rel=0.05)
    assert scale_of(usual) == pytest.approx(np.std(usual))
    got = far.copy()
    got[5000] += 1.0
    assert (compare("value", {"value": far}, got)[0] > 1).sum() == 1
    mostly_nothing = np.where(np.arange(10_000) < 200, usual, 0.0)
    assert scale_of(mostly_nothing) == pytest.approx(np.std(mostly_nothing))


@pytest.mark.parametrize(("ties", "refused"), [(200, False), (201, True)])
def test_labels_that_differ_in_many_ties_are_refused(ties: int, refused: bool) -> None:
    """A model whose scores are all alike excuses every label of its file."""
    proof = Proof((Line("usual", "batched", "label", 10_000, 0, ties, 0, 0.0),), (), {})
    if not refused:
        refuse_ties(proof)
        return
    with pytest.raises(Refused, match="hardly compared at all"):
        refuse_ties(proof)


def test_margins_of_binary_scores_are_their_distance_from_zero() -> None:
    assert margins({"label": LABEL, "scores": np.array([-2.0, 0.0, 1.0])}).tolist() == [2.0, 0.0, 1.0]
    assert np.isinf(margins({"label": LABEL})).all()
