"""The child that opens a pickle: a job from standard input, answers over a pipe. `sandbox.parent` has it forked.

What a library prints to standard error is shown only when the child dies.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from convert.sandbox import limits
from convert.sandbox.answering import answering, wall_in
from convert.sandbox.job_messages import Job
from convert.serving import Contents, serve


def main(words: Sequence[str]) -> None:
    """Serves the one job that stands on standard input; the first word is the pipe's descriptor."""
    job = Job.from_bytes(sys.stdin.buffer.read())
    pipe = os.fdopen(int(words[0]), "wb")
    limits.apply(job.memory_bytes, int(job.timeout_seconds) + 1)
    with answering(pipe, job.memory_bytes, "allow more with --memory-gb"):
        contents = [b"" if path is None else path.read_bytes() for path in (job.model, job.onnx, job.data)]
        wall_in(job.unconfined, _folders(job))
        serve(job, Contents(*contents), pipe)


def _folders(job: Job) -> list[Path]:
    """Where a person's own modules lie: beside a file of converters; with their code, in the paths or by the model."""
    converters = [] if job.converters is None else [job.converters.parent]
    code = [path if path.is_dir() else path.parent for path in job.paths or (job.model.parent,)] if job.code else []
    return list(dict.fromkeys([*converters, *code]))
