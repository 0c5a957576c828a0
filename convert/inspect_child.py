"""The child that looks at an ONNX file: its bytes from standard input, what it says of itself over a pipe.

`sandbox.parent` has it forked. No pickle is opened here, so an ONNX file that came out of one is judged by another
process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from convert.inspection import inspect
from convert.sandbox import job_messages, limits
from convert.sandbox.answering import answering
from convert.sandbox.job_messages import GOLDEN
from server.confinement.memory import resident
from server.confinement.walls import confine


def main(words: Sequence[str]) -> None:
    """The first word is the pipe's descriptor; GOLDEN may follow."""
    onnx = sys.stdin.buffer.read()
    pipe = os.fdopen(int(words[0]), "wb")
    memory = limits.inspection_memory(len(onnx))
    limits.apply(memory, int(limits.INSPECTION_SECONDS))
    with answering(pipe, memory, "make the model smaller: a server would refuse it, too"):
        with resident() as used:
            confine()  # no program is opened, so the walls that there are will do
            seen = inspect(onnx, golden=GOLDEN in words[1:], used=used)
        job_messages.write(pipe, "inspected", seen.to_bytes())
