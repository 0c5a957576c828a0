"""Triton's Python backend in its best form: the model's file in Triton's repository, one instance.

Dynamic batching without a delay: what waits while a run goes on makes up the next batch, and nobody waits for more.
gRPC and metrics are off. It is asked by its own protocol, Open Inference Protocol v2 in JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as backend

from bench.baselines.predictors import onnx_predictor


class TritonPythonModel:
    """What the backend looks for in a model's file."""

    def initialize(self, args: dict[str, str]) -> None:
        """Open the model in the backend's own process."""
        file = json.loads(args["model_config"])["parameters"]["file"]["string_value"]
        self.ask = onnx_predictor(Path(file))

    def execute(self, requests: list[Any]) -> list[Any]:
        """One batch, one run."""
        inputs = [backend.get_input_tensor_by_name(request, "X").as_numpy() for request in requests]
        predictions, probabilities = self.ask(np.concatenate(inputs))  # type: ignore[arg-type]  # an array does as well
        outputs = {"prediction": np.array(predictions, None if probabilities is None else object)}
        if probabilities is not None:
            outputs["probability"] = np.array(probabilities)
        responses, at = [], 0
        for rows in map(len, inputs):
            part = [backend.Tensor(name, values[at : at + rows, None]) for name, values in outputs.items()]
            responses.append(backend.InferenceResponse(part))
            at += rows
        return responses
