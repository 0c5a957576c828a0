"""Asks a running server by the Open Inference Protocol v2, with Triton's own client. Knows nothing of dynonnx.

``python examples/clients/v2.py --url 127.0.0.1:8000 --model iris`` prints what the model takes and gives, then sends it
made-up rows in binary and prints what comes back.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from tritonclient.http import InferenceServerClient, InferInput
from tritonclient.utils import triton_to_np_dtype


def make_input(described: dict[str, Any], rows: int) -> InferInput:
    """Rows of ones, or of the text "a", for one input of the model's metadata; open dimensions but rows are 1."""
    shape = [size if size >= 0 else (rows if at == 0 else 1) for at, size in enumerate(described["shape"])]
    dtype = triton_to_np_dtype(described["datatype"])
    values = np.full(shape, "a" if described["datatype"] == "BYTES" else 1, dtype)
    return InferInput(described["name"], shape, described["datatype"]).set_data_from_numpy(values)


def main() -> None:
    """Shows the model and one inference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", default="127.0.0.1:8000", help="host and port (default: 127.0.0.1:8000)")
    parser.add_argument("--model", default="iris", help="name of the model (default: iris)")
    parser.add_argument("--rows", type=int, default=2, help="how many rows to send (default: 2)")
    given = parser.parse_args()

    with InferenceServerClient(given.url) as client:
        metadata = client.get_model_metadata(given.model)
        print(f"{metadata['name']}, versions {', '.join(metadata['versions'])}")
        for kind in ("inputs", "outputs"):
            for tensor in metadata[kind]:
                print(f"  {kind[:-1]} {tensor['name']}: {tensor['datatype']} {tensor['shape']}")

        result = client.infer(given.model, [make_input(one, given.rows) for one in metadata["inputs"]])
        for tensor in metadata["outputs"]:
            print(f"{tensor['name']} = {result.as_numpy(tensor['name'])}")


if __name__ == "__main__":
    main()
