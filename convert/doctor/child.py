"""The child that looks at a model file and opens nothing: its bytes from standard input, what was found over a pipe.

`sandbox.parent` has it forked. It needs neither numpy nor scikit-learn, and answers in a second.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from convert.doctor.findings import find
from convert.sandbox import job_messages, limits
from convert.sandbox.answering import answering
from server.confinement.walls import confine


def main(words: Sequence[str]) -> None:
    """The first word is the pipe's descriptor."""
    content = sys.stdin.buffer.read()
    pipe = os.fdopen(int(words[0]), "wb")
    memory = limits.LOOK_BYTES + 2 * len(content)
    limits.apply(memory, int(limits.LOOK_SECONDS))
    with answering(pipe, memory, "look at a smaller file"):
        confine()  # nothing is opened, so the walls that there are will do
        job_messages.write(pipe, "found", found=find(content).to_json())
