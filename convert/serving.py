"""Owns the work of the child that opens a pickle, once its walls are up. Knows nothing of how it was started."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import joblib
from sklearn.utils import parallel
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped,unused-ignore]  # scikit-learn brings it

from convert import extend
from convert.job import convert
from convert.opening.opener import OpenPolicy
from convert.opening.own_code import OwnCode
from convert.proof.user_rows import read_rows
from convert.sandbox import job_messages
from convert.sandbox.job_messages import Job
from convert.verify import verify
from convert.witness.client import Witness


@dataclass(frozen=True, slots=True)
class Contents:
    """The bytes of a job's files, read before the walls went up; empty where there is none."""

    model: bytes
    onnx: bytes
    data: bytes


def serve(job: Job, contents: Contents, pipe: BinaryIO) -> None:
    """Converts or verifies, and sends what came of it. Raises Refused."""
    parallel._threadpool_controller = ThreadpoolController._from_controllers([])  # it would read its own memory's map
    with joblib.parallel_config(backend="sequential"):  # a model's own n_jobs would ask for processes
        rows = None if job.data is None else read_rows(job.data.name, contents.data)
        taught = () if job.converters is None else extend.load(job.converters)
        code = OwnCode(job.paths or (job.model.parent,)) if job.code else None
        policy = OpenPolicy((*job.trusted, *taught), job.key, job.any_version, _witness(job), code, str(job.model))
        if job.onnx is None:
            way = (job.allow_ties, job.method, job.origin, job.optimise, job.alone)
            done = convert(contents.model, job.name, rows, policy, _teller(pipe), *way)
            proof, speed, onnx = done.proof, done.speed, b"" if done.proof.wrong else done.onnx
        else:
            proof = verify(contents.model, contents.onnx, rows, policy, _teller(pipe), job.allow_ties)
            speed, onnx = {}, b""
        job_messages.write(pipe, "done", onnx, parity=proof.as_json(), bad=list(proof.bad), speed=speed)


def _witness(job: Job) -> Witness | None:
    """Who answers as the original, where that is another scikit-learn's."""
    if job.witness is None:
        return None
    questions, replies = os.fdopen(job.witness.questions, "wb"), os.fdopen(job.witness.replies, "rb")
    return Witness(questions, replies, job.witness.version, job.witness.told)


def _teller(pipe: BinaryIO) -> Callable[[str, float], None]:
    return lambda text, share: job_messages.write(pipe, "progress", text=text, share=share)
