"""Turns a scikit-learn pickle into one verified ONNX file. `python -m convert --help` teaches its use."""

import os

# Read when onnxruntime is first imported, so it is set before any of ours imports it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
