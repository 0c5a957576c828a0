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
from pydantic import BaseModel

from bench.baselines.launch import arguments, serve

Cell = float | str | None


class Question(BaseModel):
    """One row, or a list of rows, in the order of the model's columns."""

    features: list[Cell] | list[list[Cell]]


class Reply(BaseModel):
    """One answer, or lists of them where rows came as a list. A regressor has no probability."""

    prediction: Any
    probability: float | list[float] | None = None
    model_version: str = "1"


def create_app(model_file: Path) -> FastAPI:
    """The application with its model loaded."""
    model = joblib.load(model_file)
    names = list(model.feature_names_in_)
    app = FastAPI(title="fastapi_pickle")

    @app.post("/predict", response_model_exclude_none=True)
    async def predict(question: Question) -> Reply:
        single = not isinstance(question.features[0], list)
        rows: Any = [question.features] if single else question.features
        table = np.array(rows)
        if table.dtype.kind != "f":
            table = pandas.DataFrame(
                [[np.nan if cell is None else cell for cell in row] for row in rows], columns=names
            )
        predictions = model.predict(table).tolist()
        if not hasattr(model, "predict_proba"):
            return Reply(prediction=predictions[0] if single else predictions)
        probabilities = model.predict_proba(table).max(axis=1).tolist()
        if single:
            return Reply(prediction=predictions[0], probability=probabilities[0])
        return Reply(prediction=predictions, probability=probabilities)

    return app


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    _model, _port = arguments("The pickle behind FastAPI.")
    serve(create_app(_model), _port)
