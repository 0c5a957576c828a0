"""A child of a few words, in place of `convert.child`: what it is asked stands in its words."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

REMEMBERED: list[int] = []


def main(words: Sequence[str]) -> None:
    """Writes to the pipe of the first word what the second asks for."""
    with os.fdopen(int(words[0]), "w") as pipe:
        REMEMBERED.append(1)
        match words[1]:
            case "say":
                print(os.getpid(), file=pipe)
            case "remember":
                print(len(REMEMBERED), file=pipe)
            case "crash":
                raise ValueError("on purpose")
            case "wait":
                print("waits", file=pipe, flush=True)
                time.sleep(3600)
