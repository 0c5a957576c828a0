"""Every estimator of scikit-learn converts or is refused by name; no case of the coverage table differs or breaks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from tests.campaigns.coverage import cases, data, estimators, found, measure, rows

LONG = frozenset(
    {
        "DictionaryLearning", "GaussianProcessClassifier", "GaussianProcessRegressor", "MiniBatchDictionaryLearning",
        "LatentDirichletAllocation", "RandomTreesEmbedding", "MeanShift", "MiniBatchNMF", "NMF",
    }
)  # fmt: skip
ONLY_TWO = frozenset({"FixedThresholdClassifier", "TunedThresholdClassifierCV"})  # classes


def sample() -> Iterator[data.Case]:
    """Of the estimators, those of scikit-learn with three words as labels or none."""
    for case in estimators.every_estimator():
        name, _, target = case.name.partition(", ")
        wanted = "two words" if name in ONLY_TWO else "three words"
        if target in ("", wanted, "two targets"):
            yield case


def outcome(case: data.Case) -> measure.Outcome:
    """As the coverage command measures, in this process."""
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setattr("convert.proof.speed.REPEATS", 1)
        return measure.ours(case.make())


@pytest.mark.parametrize("case", list(sample()), ids=lambda case: case.name)
def test_every_estimator_agrees_or_is_refused_by_name(case: data.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if case.name.split(",")[0] in LONG:
        pytest.skip("takes long to fit or to compare; the slow suite has it")
    monkeypatch.setattr("convert.proof.questions.ROWS", 500)  # the slow suite compares all 10,000
    measured = outcome(case)
    assert measured.status == "agrees", measured.why


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", list(found.found()), ids=lambda case: case.name)
def test_what_once_ended_badly_agrees(case: data.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if any(name in case.name for name in (*LONG, "ten")):
        pytest.skip("takes long to fit or to compare; the slow suite has it")
    monkeypatch.setattr("convert.proof.questions.ROWS", 300)
    measured = outcome(case)
    assert measured.status == "agrees", measured.why


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", list(rows.other_rows()), ids=lambda case: case.name)
def test_other_rows_agree_or_are_refused_by_name(case: data.Case, monkeypatch: pytest.MonkeyPatch) -> None:
    if "Latent" in case.name:
        pytest.skip("takes long to compare; the slow suite has it")
    monkeypatch.setattr("convert.proof.questions.ROWS", 200)
    measured = outcome(case)
    assert measured.status == ("refused" if "FeatureHasher" in case.name else "agrees"), measured.why


@pytest.mark.slow
@pytest.mark.parametrize("group", cases.GROUPS, ids=lambda group: group.__name__)
def test_no_case_differs_breaks_or_hangs(group: cases.Group) -> None:
    for case in group():
        assert measure.measure(case, measure.ours).status in ("agrees", "refused", "not fitted"), case.name
