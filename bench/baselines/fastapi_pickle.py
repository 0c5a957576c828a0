"""The server that tutorials show: FastAPI, pydantic in and out, the pickle behind an async endpoint.

``python -m bench.baselines.fastapi_pickle build/iris.pkl --port 8001``. It is given what it can be given without
ceasing to be that server: one row goes to scikit-learn as an array, not as a DataFrame, where all columns are numbers
(a DataFrame costs more than the prediction), and scikit-learn's warning about the missing names is off.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas
from fastapi import FastAPI

from bench.baselines.launch import fastapi_app, main


def create_app(model_file: Path) -> FastAPI:
    """The application with its model loaded."""
    model = joblib.load(model_file)
    names = list(model.feature_names_in_)

    def predict(rows: list[Any]) -> tuple[list[Any], list[float] | None]:
        table = np.array(rows)
        if table.dtype.kind != "f":
            cells = [[np.nan if cell is None else cell for cell in row] for row in rows]
            table = pandas.DataFrame(cells, columns=names)
        predictions = model.predict(table).tolist()
        if not hasattr(model, "predict_proba"):
            return predictions, None
        return predictions, model.predict_proba(table).max(axis=1).tolist()

    return fastapi_app(predict)


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    main(create_app)
