"""Fits and pickles small boosters, and writes what they answer: run by an interpreter with some release of them.

``python boosters.py FOLDER xgboost`` (or ``lightgbm``) writes NAME.pkl for each, and answers.json with rows and answers
by name. Plain Python 3.8, and nothing of this project is imported: it runs where the project does not.
"""

from __future__ import annotations

import gzip
import importlib
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = 6  # with answers
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
KINDS = KINDS.to_numpy()
BODY, PROGRESS = load_diabetes(return_X_y=True)
BODY, PROGRESS = BODY[:120], PROGRESS[:120]
SHORT = {"lightgbm": "LGBM", "xgboost": "XGB"}
QUIET: dict[str, dict[str, Any]] = {  # as few rows as these make trees, too
    "lightgbm": {"verbose": -1, "n_jobs": 1, "min_child_samples": 5, "num_leaves": 6},
    "xgboost": {"n_jobs": 1, "max_depth": 3},
}


def with_holes() -> Any:
    """Flowers with missing numbers."""
    rows = FLOWERS.to_numpy().copy()
    rows[::7, 1] = np.nan
    return rows


def table() -> Any:
    """Flowers, and a word to each."""
    return FLOWERS.assign(soil=np.array(["clay", "sand", "peat"], object)[np.arange(len(FLOWERS)) % 3])


def models(package: str, library: Any) -> dict[str, tuple[Any, Any]]:
    """By name, each with rows to ask it."""
    sort, regress = (getattr(library, SHORT[package] + kind) for kind in ("Classifier", "Regressor"))
    quiet = QUIET[package]
    two = (KINDS > 1).astype(int)
    columns = ColumnTransformer([("soil", OneHotEncoder(), ["soil"])], remainder="passthrough")
    fits = {
        "classes": (sort(n_estimators=4, **quiet), FLOWERS, KINDS),
        "holes": (sort(n_estimators=4, **quiet), with_holes(), KINDS),
        "mixed": (make_pipeline(columns, sort(n_estimators=4, **quiet)), table(), two),
        "numbers": (regress(n_estimators=6, **quiet), BODY, PROGRESS),
        "counts": (regress(n_estimators=5, objective=COUNTS[package], **quiet), BODY, PROGRESS // 40),
        "scaled": (make_pipeline(StandardScaler(), sort(n_estimators=4, **quiet)), FLOWERS, two),
        "two": (sort(n_estimators=5, **quiet), FLOWERS.to_numpy(), two),
    }
    if package == "lightgbm":
        fits["words"] = (sort(n_estimators=4, **quiet), FLOWERS, np.array(["no", "yes"])[two])
    fitted = {name: (model.fit(rows, answers), rows) for name, (model, rows, answers) in fits.items()}
    fitted["stopped"] = (_stopped(package, library, sort, two), FLOWERS.to_numpy())
    fitted["booster"] = (_booster(package, library), BODY)
    return fitted


COUNTS = {"lightgbm": "poisson", "xgboost": "count:poisson"}


def _stopped(package: str, library: Any, sort: Any, two: Any) -> Any:
    """Ended early by rows whose answers are wrong, so that the best round is one of the first."""
    rows, early = FLOWERS.to_numpy(), {"eval_set": [(FLOWERS.to_numpy()[::3], two[::3] ^ (np.arange(50) % 4 == 0))]}
    if package == "lightgbm":
        model = sort(n_estimators=30, **QUIET[package])
        return model.fit(rows, two, **early, callbacks=[library.early_stopping(2, verbose=False)])
    model = sort(n_estimators=30, early_stopping_rounds=2, **QUIET[package])
    return model.fit(rows, two, **early, verbose=False)


def _booster(package: str, library: Any) -> Any:
    if package == "xgboost":
        return library.train({"nthread": 1, "max_depth": 3}, library.DMatrix(BODY, PROGRESS), 5)
    settings = {"verbose": -1, "num_threads": 1, "num_leaves": 6, "objective": "regression"}
    return library.train(settings, library.Dataset(BODY, PROGRESS), 5)


def answers_of(library: Any, model: Any, rows: Any) -> dict[str, Any]:
    """As the file would give them."""
    if hasattr(library, "DMatrix") and isinstance(model, library.Booster):
        rows = library.DMatrix(rows)
    found = {"predict": model.predict(rows)}
    if hasattr(model, "predict_proba"):
        found["predict_proba"] = model.predict_proba(rows)
    return {name: np.asarray(values).tolist() for name, values in found.items()}


def main(folder: Path, package: str) -> None:
    """Writes every model."""
    folder.mkdir(parents=True, exist_ok=True)
    library = importlib.import_module(package)
    answers = {"scikit-learn": sklearn.__version__, package: library.__version__, "python": sys.version.split()[0]}
    for name, (model, rows) in sorted(models(package, library).items()):
        with gzip.GzipFile(folder / (name + ".pkl"), "wb", mtime=0) as file:
            pickle.dump(model, file)
        few = pandas.DataFrame(rows)[::7][:ROWS]
        listed = json.loads(few.to_json(orient="values", double_precision=15))
        asked = few if isinstance(rows, pandas.DataFrame) else few.to_numpy()
        answers[name] = {"rows": listed, **answers_of(library, model, asked)}
    (folder / "answers.json").write_text(json.dumps(answers) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
