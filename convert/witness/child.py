"""The witness: an interpreter with the scikit-learn that wrote a pickle. `sandbox.parent` starts it.

``argv`` has the descriptors of two pipes, then the bytes and the seconds it may use, then ``unconfined`` where it may
do without a wall. Plain Python 3.8: see this package.
"""

from __future__ import annotations

import ctypes.util
import importlib
import os
import sys
import tempfile
from pathlib import Path

from convert.sandbox import limits
from server.confinement.walls import confine


def main() -> None:
    """Goes behind the walls before it listens, and before libraries that start threads: Landlock binds one."""
    questions, replies, memory, seconds = map(int, sys.argv[1:5])
    limits.apply(memory, seconds)
    ctypes.util.find_library = lambda name: None  # it starts a compiler; threadpoolctl asks it, and can do without
    tempfile.tempdir = str(Path.cwd())  # libraries ask for one, and Python tries whether it can write
    importlib.import_module("scipy.stats")  # scipy 1.8 and 1.9 make a file there, of which nothing comes
    missing = confine()
    if missing and "unconfined" not in sys.argv[5:]:
        raise SystemExit("; ".join(missing))
    serving = importlib.import_module("convert.witness.serving")
    serving.serve(os.fdopen(questions, "rb"), os.fdopen(replies, "wb"))


if __name__ == "__main__":
    main()
