"""The child process: a job from standard input, answers over a pipe. An entry point; `sandbox.parent` starts it.

What a library prints to standard error is shown only when the child dies.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Any, BinaryIO

import joblib
import orjson

from convert import extend
from convert.errors import Refused
from convert.job import convert
from convert.opening.opener import Opening
from convert.proof.parity import Proof
from convert.proof.user_rows import read_rows
from convert.sandbox import job_messages, limits, seccomp
from convert.verify import verify


def main() -> None:
    """Serves one job: ``{"command", "model", ...}`` on standard input; ``argv[1]`` is the pipe's descriptor."""
    job = orjson.loads(sys.stdin.buffer.read())
    pipe = os.fdopen(int(sys.argv[1]), "wb")
    limits.apply(job["memory_bytes"], job["cpu_seconds"])
    seccomp.apply()
    try:
        with joblib.parallel_config(backend="sequential"):  # a model's own n_jobs would ask for processes
            COMMANDS[job["command"]](job, pipe)
    except Refused as refusal:
        parts = {"reason": refusal.reason, "remedy": refusal.remedy, "where": refusal.where}
        job_messages.write(pipe, {"kind": "refused", **parts})
    except MemoryError:
        limit = f"the memory limit of {job['memory_bytes'] >> 30} GB is reached"
        parts = {"reason": limit, "remedy": "allow more with --memory-gb", "where": ""}
        job_messages.write(pipe, {"kind": "refused", **parts})
    except Exception:  # noqa: BLE001  whatever it is, the parent must be able to say it
        job_messages.write(pipe, {"kind": "failed", "traceback": traceback.format_exc()})


def _convert(job: dict[str, Any], pipe: BinaryIO) -> None:
    rows = read_rows(Path(job["data"])) if job["data"] else None
    done = convert(Path(job["model"]).read_bytes(), job["name"], rows, _how(job), _teller(pipe))
    blob = b"" if done.proof.wrong else done.onnx
    job_messages.write(pipe, {"kind": "done", "speed": done.speed, **_summary(done.proof)}, blob)


def _verify(job: dict[str, Any], pipe: BinaryIO) -> None:
    rows = read_rows(Path(job["data"])) if job["data"] else None
    pickled, onnx = Path(job["model"]).read_bytes(), Path(job["onnx"]).read_bytes()
    done = verify(pickled, onnx, rows, _how(job), _teller(pipe))
    job_messages.write(pipe, {"kind": "done", **_summary(done)})


def _how(job: dict[str, Any]) -> Opening:
    taught = extend.load(Path(job["converters"])) if job["converters"] else ()
    return Opening((*job["trust"], *taught), job["key"], job["any_version"])


def _summary(proof: Proof) -> dict[str, Any]:
    return {"parity": proof.as_json(), "bad": list(proof.bad)}


def _teller(pipe: BinaryIO) -> Any:
    return lambda text, share: job_messages.write(pipe, {"kind": "progress", "text": text, "share": share})


COMMANDS = {"convert": _convert, "verify": _verify}

if __name__ == "__main__":
    main()
