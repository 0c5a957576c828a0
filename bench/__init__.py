"""Measures HTTP servers at a constant arrival rate. Speaks HTTP only: knows nothing of server/ or convert/."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime reads it at its first import
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # one thread each: nobody is measured with a neighbour's core
