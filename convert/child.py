"""The child that opens a pickle: a job from standard input, answers over a pipe. `sandbox.parent` starts it.

What a library prints to standard error is shown only when the child dies.
"""

from __future__ import annotations

import os
import sys
from typing import Any, BinaryIO

import joblib

from convert import extend
from convert.job import convert
from convert.opening.opener import OpenPolicy
from convert.proof.user_rows import read_rows
from convert.sandbox import job_messages, limits
from convert.sandbox.answering import answering, wall_in
from convert.sandbox.job_messages import Job
from convert.verify import verify


def main() -> None:
    """Serves the one job that stands on standard input; ``argv[1]`` is the pipe's descriptor."""
    job = Job.from_bytes(sys.stdin.buffer.read())
    pipe = os.fdopen(int(sys.argv[1]), "wb")
    limits.apply(job.memory_bytes, int(job.timeout_seconds) + 1)
    with (
        answering(pipe, job.memory_bytes, "allow more with --memory-gb"),
        joblib.parallel_config(backend="sequential"),  # a model's own n_jobs would ask for processes
    ):
        _serve(job, pipe)


def _serve(job: Job, pipe: BinaryIO) -> None:
    pickled, onnx, table = (b"" if path is None else path.read_bytes() for path in (job.model, job.onnx, job.data))
    wall_in(job.unconfined, *extend.needs(job.converters))
    rows = None if job.data is None else read_rows(job.data.name, table)
    taught = () if job.converters is None else extend.load(job.converters)
    policy = OpenPolicy((*job.trusted, *taught), job.key, job.any_version)
    if job.onnx is None:
        done = convert(pickled, job.name, rows, policy, _teller(pipe))
        proof, speed, onnx = done.proof, done.speed, b"" if done.proof.wrong else done.onnx
    else:
        proof, speed, onnx = verify(pickled, onnx, rows, policy, _teller(pipe)), {}, b""
    job_messages.write(pipe, "done", onnx, parity=proof.as_json(), bad=list(proof.bad), speed=speed)


def _teller(pipe: BinaryIO) -> Any:
    return lambda text, share: job_messages.write(pipe, "progress", text=text, share=share)


if __name__ == "__main__":
    main()
