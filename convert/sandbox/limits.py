"""Owns what the child process may use. Knows nothing of what it does with it."""

from __future__ import annotations

import os
import resource
import signal
import sys

from server.confinement.memory import be_killed_first, memory_in_use

MEMORY_BYTES = 8 << 30
TIMEOUT_SECONDS = 900.0
# Of a child that only looks at an ONNX file, as a server's trial of it has them.
INSPECTION_BYTES, INSPECTION_BYTES_PER_BYTE, INSPECTION_SECONDS = 512 << 20, 16, 120.0
LOOK_BYTES, LOOK_SECONDS = 2 << 30, 20.0  # of a child that looks at a model file and opens nothing
UNCOMPILED = "PYTHONDONTWRITEBYTECODE"
QUIET = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "LOKY_MAX_CPU_COUNT": "1",
    "JOBLIB_MULTIPROCESSING": "0",
    "ORT_DISABLE_TELEMETRY": "1",
    UNCOMPILED: "1",
}


def environment(package_root: str, home: str) -> dict[str, str]:
    """A child's whole environment: no secret of the parent's is in it."""
    return {"PATH": os.defpath, "PYTHONPATH": package_root, "HOME": home, "LANG": "C.UTF-8", **QUIET}


def inspection_memory(file_bytes: int) -> int:
    """The address space that this process may have to open an ONNX file of so many bytes."""
    used = memory_in_use() if sys.platform == "linux" else 0
    return used + INSPECTION_BYTES + INSPECTION_BYTES_PER_BYTE * file_bytes


def apply(memory_bytes: int, cpu_seconds: int) -> None:
    """Limits this process for good: memory, processor time, no core file, no file written."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a forbidden write is an error, not a death
    be_killed_first()
    for kind, limit in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        hard = resource.getrlimit(kind)[1]  # that of a shell or a batch system may be lower
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):
            if sys.platform == "linux":  # macOS knows no limit of the address space
                raise
