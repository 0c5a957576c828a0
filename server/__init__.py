"""Serves verified ONNX artefacts over HTTP. Never imports convert/ or bench/, never unpickles."""

import os

__version__ = "0.1.0"

# The libraries read both when they are first imported, so they are set before any import of them.
# numpy only shapes arrays here; its threads would cost memory before the fork.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
