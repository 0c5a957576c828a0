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

from bench.baselines.launch import PredictRequest, PredictResponse, arguments, serve


def create_app(model_file: Path) -> FastAPI:
    """The application with its model loaded."""
    model = joblib.load(model_file)
    names = list(model.feature_names_in_)
    app = FastAPI(title="fastapi_pickle")

    @app.post("/predict", response_model_exclude_none=True)
    async def predict(request: PredictRequest) -> PredictResponse:
        single = not isinstance(request.features[0], list)
        rows: Any = [request.features] if single else request.features
        table = np.array(rows)
        if table.dtype.kind != "f":
            cells = [[np.nan if cell is None else cell for cell in row] for row in rows]
            table = pandas.DataFrame(cells, columns=names)
        predictions = model.predict(table).tolist()
        if not hasattr(model, "predict_proba"):
            return PredictResponse(prediction=predictions[0] if single else predictions)
        probabilities = model.predict_proba(table).max(axis=1).tolist()
        if single:
            return PredictResponse(prediction=predictions[0], probability=probabilities[0])
        return PredictResponse(prediction=predictions, probability=probabilities)

    return app


if __name__ == "__main__":
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    _model, _port = arguments("The pickle behind FastAPI.")
    serve(create_app(_model), _port)
