"""The child that opens a pickle: a job from standard input, answers over a pipe. `sandbox.parent` starts it.

What a library prints to standard error is shown only when the child dies.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import onnxruntime  # noqa: F401  it looks for devices when it is imported, which the walls refuse

from convert.sandbox import limits
from convert.sandbox.answering import answering, wall_in
from convert.sandbox.job_messages import Job


def main() -> None:
    """Serves the one job that stands on standard input; ``argv[1]`` is the pipe's descriptor."""
    job = Job.from_bytes(sys.stdin.buffer.read())
    pipe = os.fdopen(int(sys.argv[1]), "wb")
    limits.apply(job.memory_bytes, int(job.timeout_seconds) + 1)
    with answering(pipe, job.memory_bytes, "allow more with --memory-gb"):
        contents = [b"" if path is None else path.read_bytes() for path in (job.model, job.onnx, job.data)]
        wall_in(job.unconfined, _folders(job))
        serving = importlib.import_module("convert.serving")  # not before: libraries start threads, Landlock binds one
        serving.serve(job, serving.Contents(*contents), pipe)


def _folders(job: Job) -> list[Path]:
    """Where a person's own modules lie: beside a file of converters; with their code, in the paths or by the model."""
    converters = [] if job.converters is None else [job.converters.parent]
    code = [path if path.is_dir() else path.parent for path in job.paths or (job.model.parent,)] if job.code else []
    return list(dict.fromkeys([*converters, *code]))


if __name__ == "__main__":
    main()
