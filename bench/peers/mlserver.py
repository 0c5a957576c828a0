"""MLServer in its best form: a runtime of our own in the server's process, its batcher on.

``parallel_workers`` 0 spares the way to another process, of which one core has no use. Batches of 32 that wait
at most 1 ms; a batch is joined and split by MLServer itself. It is asked by its own protocol, Open
Inference Protocol v2 in JSON.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.baselines.predictors import onnx_predictor


class Model(MLModel):  # type: ignore[misc]
    """One batch, one run."""

    async def load(self) -> bool:
        """Open the model."""
        self.ask = onnx_predictor(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """The answers to a batch of rows."""
        predictions, probabilities = self.ask(NumpyCodec.decode_input(payload.inputs[0]))
        if probabilities is None:
            outputs = [NumpyCodec.encode_output("prediction", np.array(predictions)[:, None])]
        else:
            label = StringCodec.encode_output("prediction", predictions)
            outputs = [label, NumpyCodec.encode_output("probability", np.array(probabilities)[:, None])]
        return InferenceResponse(model_name=self.name, outputs=outputs)
