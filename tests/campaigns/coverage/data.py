"""Owns the small data sets that cases are fitted on, and what a case is. Knows nothing of which models there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas
from sklearn import base, pipeline, preprocessing

ROWS, COLUMNS = 300, 5
SEED = 0
WORDS = [
    "red",
    "green",
    "blue",
    "Éclair",
    "café",
    "naïve",
    "x",
    "y",
    "42",
    "good",
    "bad",
    "awful",
    "lovely",
    "the",
    "a",
    "model",
    "text",
    "data",
]


@dataclass(frozen=True, slots=True)
class Case:
    """One model to fit; ``make`` raises where the estimator does not take such data."""

    group: str
    name: str
    make: Callable[[], Any]


def random() -> np.random.Generator:
    """The same numbers for every case."""
    return np.random.default_rng(SEED)


def numbers(positive: bool = False) -> Any:
    """[300, 5] numbers."""
    x = random().normal(size=(ROWS, COLUMNS))
    return np.abs(x) if positive else x


def signal(x: Any) -> Any:
    """[300] numbers that depend on ``x`` and on chance."""
    return x[:, 0] - 2 * x[:, 1] + 0.5 * random().normal(size=len(x))


def labels(kind: str, x: Any) -> Any:
    """[300] class labels of several types."""
    value = signal(x)
    three = np.digitize(value, np.quantile(value, [0.33, 0.66]))
    return {
        "two integers": (value > np.median(value)).astype(int),
        "three integers": three,
        "two words": np.array(["no", "yes"])[(value > np.median(value)).astype(int)],
        "three words": np.array(["à", "b", "c d"])[three],
        "booleans": value > np.median(value),
        "floats": three + 0.0,
        "integers from five": three + 5,
    }[kind]


def mixed() -> tuple[Any, Any]:
    """A table of numbers (some missing), words (some missing) and booleans, and two classes."""
    chance = random()
    table = pandas.DataFrame(
        {
            "Age (years)": chance.integers(18, 90, ROWS).astype(float),
            "income": chance.lognormal(10, 1, ROWS).round(2),
            "city": chance.choice(["Zürich", "Paris", "Łódź"], ROWS),
            "plan": chance.choice(["a", "b"], ROWS),
            "member": chance.random(ROWS) < 0.5,
        }
    )
    y = (table["Age (years)"] > 50) ^ (table["city"] == "Paris") & table["member"]
    table.loc[chance.random(ROWS) < 0.1, "income"] = np.nan
    return table, np.where(y, "gone", "stays")


def documents() -> tuple[list[str], Any]:
    """Texts and two classes."""
    chance = random()
    texts = [" ".join(chance.choice(WORDS, chance.integers(3, 12))) for _ in range(ROWS)]
    return texts, np.array(["good" in document or "lovely" in document for document in texts])


def case(group: str, name: str, model: Any, x: Any, y: Any = None) -> Case:
    """A model to clone and fit."""
    return Case(group, name, lambda: base.clone(model).fit(x, y))


def scaled(model: Any) -> Any:
    """The model behind a scaler."""
    return pipeline.make_pipeline(preprocessing.StandardScaler(), model)
