"""Owns the example models as scikit-learn has them: rows to ask, and scikit-learn's own answers to those rows."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from server.artefact.parity import worst_excess
from tests.support.integration.running import ROOT

EXAMPLES = ("iris", "diabetes", "breast-cancer", "churn")
TIE = 1e-6  # two best classes closer than this may give either label
UNKNOWN_CITY = "Basel"  # an encoder that ignores the unknown takes it

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Original:
    """A fitted estimator and the rows it was fitted on."""

    estimator: Any
    table: Any

    @property
    def classes(self) -> list[Any] | None:
        """The classes as JSON has them; None for a regressor."""
        return self.estimator.classes_.tolist() if hasattr(self.estimator, "classes_") else None


@dataclass(frozen=True)
class Expected:
    """scikit-learn's answers to a table of rows. ``probabilities``: None for a regressor; ``scale``: of parity."""

    rows: list[list[Any]]
    predictions: list[Any]
    probabilities: Numbers | None
    scale: float


def load_original(pickle: Path) -> Original:
    """Opens an example's pickle beside the rows it learnt from."""
    return Original(joblib.load(pickle), _table(pickle.stem))


def _table(name: str) -> Any:
    if name == "iris":
        return load_iris(as_frame=True).data
    if name == "diabetes":
        return load_diabetes(as_frame=True, scaled=False).data
    if name == "breast-cancer":
        return load_breast_cancer(as_frame=True).data
    spec = importlib.util.spec_from_file_location("train", ROOT / "examples" / "train.py")
    assert spec is not None
    assert spec.loader is not None
    train = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(train)
    return train.customers()[0]


def more_rows(original: Original, count: int, seed: int) -> Any:
    """A table of ``count`` rows: the model's own, then own ones moved a little, words dealt anew, some unknown."""
    random = np.random.default_rng(seed)
    table = original.table
    moved = table.iloc[random.integers(0, len(table), max(count - len(table), 0))].reset_index(drop=True)
    for column in table.columns:
        if pandas.api.types.is_numeric_dtype(table[column]):
            moved[column] *= random.normal(1, 0.05, len(moved))
        else:
            moved[column] = random.permutation(moved[column].to_numpy())
    if "city" in table.columns:
        moved.loc[random.random(len(moved)) < 0.1, "city"] = UNKNOWN_CITY
    return pandas.concat([table, moved], ignore_index=True).sample(count, random_state=seed)


def ask_original(original: Original, table: Any) -> Expected:
    """scikit-learn's own answers, all in one call."""
    predictions = original.estimator.predict(table)
    probabilities = original.estimator.predict_proba(table) if original.classes else None
    scale = 1.0 if original.classes else float(np.std(predictions))
    rows = table.astype(object).where(table.notna(), None).to_numpy().tolist()
    return Expected(rows, predictions.tolist(), probabilities, scale)


def differences(original: Original, expected: Expected, rows: Sequence[int], answer: Any) -> list[str]:
    """What an answer to these rows says otherwise than scikit-learn; ``answer`` has lists, as for many rows."""
    if expected.probabilities is None:
        wanted = np.array([expected.predictions[row] for row in rows])
        return _apart("prediction", wanted, answer["prediction"], expected.scale)
    classes = original.classes or []
    probabilities = expected.probabilities[list(rows)]
    if any(label not in classes for label in answer["prediction"]) or len(answer["prediction"]) != len(rows):
        return [f"prediction: {answer['prediction']}"]
    columns = [classes.index(label) for label in answer["prediction"]]
    best = np.sort(probabilities, axis=1)
    differences = [
        f"row {row}: {label!r}, scikit-learn says {expected.predictions[row]!r}"
        for at, (row, label) in enumerate(zip(rows, answer["prediction"], strict=True))
        if label != expected.predictions[row] and best[at, -1] - best[at, -2] >= TIE
    ]
    differences += _apart("probability", probabilities[range(len(rows)), columns], answer["probability"], 1.0)
    if "probabilities" in answer:
        for at, given in enumerate(answer["probabilities"]):
            differences += _apart("probabilities", probabilities[at], list(given.values()), 1.0)
    return differences


def _apart(what: str, wanted: Numbers, got: Sequence[float], scale: float) -> list[str]:
    given = np.array(got, np.float64)
    if given.shape != wanted.shape:
        return [f"{what}: {given.shape} values instead of {wanted.shape}"]
    excess = worst_excess(wanted, given, scale)
    return [f"{what}: {given[at]!r}, scikit-learn says {wanted[at]!r}" for at in np.nonzero(excess > 1)[0]]
