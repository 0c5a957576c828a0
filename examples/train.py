"""Trains the four example models and pickles them. Knows nothing of ONNX.

``python examples/train.py --out build`` writes iris.pkl, diabetes.pkl, breast-cancer.pkl and churn.pkl. Every model is
fitted on a DataFrame, so that its pickle knows the column names; everything random is seeded.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

CUSTOMERS = 4000
TREES = 100


def train_iris() -> Any:
    """Species of a flower from four lengths; the labels are the species' names."""
    data = load_iris(as_frame=True)
    species = data.target_names[data.target]
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(data.data, species)


def train_diabetes() -> Any:
    """Progression of the disease after a year, from ten measurements in their own units."""
    data = load_diabetes(as_frame=True, scaled=False)
    return make_pipeline(StandardScaler(), Ridge()).fit(data.data, data.target)


def train_breast_cancer() -> Any:
    """'malignant' or 'benign' from thirty measurements of a cell image, by a forest."""
    data = load_breast_cancer(as_frame=True)
    diagnosis = data.target_names[data.target]
    return RandomForestClassifier(TREES, random_state=0).fit(data.data, diagnosis)


def customers() -> tuple[pandas.DataFrame, Any]:
    """An invented table of phone customers and whether each left: numbers (some missing) and words, seeded."""
    random = np.random.default_rng(0)
    table = pandas.DataFrame(
        {
            "tenure months": random.integers(0, 73, CUSTOMERS).astype(float),
            "monthly charge": random.uniform(18, 120, CUSTOMERS).round(2),
            "support calls": random.poisson(1.4, CUSTOMERS).astype(float),
            "contract": random.choice(["month-to-month", "one year", "two years"], CUSTOMERS, p=[0.55, 0.25, 0.2]),
            "payment": random.choice(["bank transfer", "card", "cheque"], CUSTOMERS),
            "city": random.choice(["Genève", "Łódź", "München", "Porto", "Århus"], CUSTOMERS),
        }
    )
    risk = (
        1.2 * (table["contract"] == "month-to-month")
        + 0.02 * (table["monthly charge"] - 65)
        + 0.45 * (table["support calls"] - 1.4)
        - 0.04 * (table["tenure months"] - 24)
        - 1.0
    )
    left = random.random(CUSTOMERS) < 1 / (1 + np.exp(-risk))
    table.loc[random.random(CUSTOMERS) < 0.06, "monthly charge"] = np.nan
    table.loc[random.random(CUSTOMERS) < 0.04, "tenure months"] = np.nan
    return table, left


def train_churn() -> Any:
    """Whether a customer leaves (True or False), from columns of numbers, some missing, and of words."""
    table, left = customers()
    numbers = ["tenure months", "monthly charge", "support calls"]
    words = ["contract", "payment", "city"]
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("words", OneHotEncoder(handle_unknown="ignore"), words),
        ]
    )
    return Pipeline([("columns", columns), ("classifier", LogisticRegression(max_iter=1000))]).fit(table, left)


def main() -> None:
    """Writes all four; churn as a compressed joblib file, the others as plain pickles."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for the pickles (default: build)")
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, train in MODELS.items():
        with (out / f"{name}.pkl").open("wb") as file:
            pickle.dump(train(), file)
        print(f"wrote {out / name}.pkl")
    joblib.dump(train_churn(), out / "churn.pkl", compress=3)
    print(f"wrote {out / 'churn'}.pkl")


MODELS = {"iris": train_iris, "diabetes": train_diabetes, "breast-cancer": train_breast_cancer}

if __name__ == "__main__":
    main()
