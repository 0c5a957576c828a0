"""The child process: a job from standard input, answers over a pipe. An entry point; `sandbox.parent` starts it.

What a library prints to standard error is shown only when the child dies.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any, BinaryIO

import joblib

from convert import extend
from convert.errors import Refused
from convert.job import convert
from convert.opening.opener import OpenPolicy
from convert.proof.user_rows import read_rows
from convert.sandbox import job_messages, limits, seccomp
from convert.sandbox.job_messages import Job
from convert.verify import verify


def main() -> None:
    """Serves the one job that stands on standard input; ``argv[1]`` is the pipe's descriptor."""
    job = Job.from_bytes(sys.stdin.buffer.read())
    pipe = os.fdopen(int(sys.argv[1]), "wb")
    limits.apply(job.memory_bytes, int(job.timeout_seconds) + 1)
    seccomp.apply()
    try:
        with joblib.parallel_config(backend="sequential"):  # a model's own n_jobs would ask for processes
            _serve(job, pipe)
    except Refused as refusal:
        job_messages.write(pipe, "refused", reason=refusal.reason, remedy=refusal.remedy, where=refusal.where)
    except MemoryError:
        limit = f"the memory limit of {job.memory_bytes >> 30} GB is reached"
        job_messages.write(pipe, "refused", reason=limit, remedy="allow more with --memory-gb", where="")
    except Exception:  # noqa: BLE001  whatever it is, the parent must be able to say it
        job_messages.write(pipe, "failed", traceback=traceback.format_exc())


def _serve(job: Job, pipe: BinaryIO) -> None:
    rows = None if job.data is None else read_rows(job.data)
    pickled = job.model.read_bytes()
    taught = () if job.converters is None else extend.load(job.converters)
    policy = OpenPolicy((*job.trusted, *taught), job.key, job.any_version)
    if job.onnx is None:
        done = convert(pickled, job.name, rows, policy, _teller(pipe), job.allow_ties)
        proof, speed, onnx = done.proof, done.speed, b"" if done.proof.wrong else done.onnx
    else:
        proof, speed, onnx = verify(pickled, job.onnx.read_bytes(), rows, policy, _teller(pipe)), {}, b""
    job_messages.write(pipe, "done", onnx, parity=proof.as_json(), bad=list(proof.bad), speed=speed)


def _teller(pipe: BinaryIO) -> Any:
    return lambda text, share: job_messages.write(pipe, "progress", text=text, share=share)


if __name__ == "__main__":
    main()
