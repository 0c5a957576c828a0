"""A child that was taken over, in place of `convert.child`: the job's name says how it lies. An entry point."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import BinaryIO

from convert.sandbox import job_messages
from convert.sandbox.job_messages import HEADER, Job

GOOD = {"parity": {"wrong": 0, "lines": []}, "bad": [], "speed": {}}


def lie(how: str, pipe: BinaryIO) -> None:
    """Says nonsense of one kind."""
    match how:
        case "endless progress":
            while True:
                job_messages.write(pipe, "progress", text="x" * 1000, share=float("inf"))
        case "a gigabyte of text":
            pipe.write(HEADER.pack(1 << 30, 0) + b" " * (64 << 20))
        case "a blob that never comes":
            pipe.write(HEADER.pack(2, (1 << 31) - 1) + b"{}" + bytes(1 << 20))
        case "a line without end":
            for _ in range(256):
                os.write(2, b"\x1b[2J" * (1 << 18))
        case "no proof":
            job_messages.write(pipe, "done", b"x", parity=1, bad=2, speed=None)
        case "a proof of another shape":
            job_messages.write(pipe, "done", b"x", **GOOD | {"parity": {"lines": {"a": [[]]}}})
        case "a file that is none":
            job_messages.write(pipe, "done", b"\x1b[2J", **GOOD)
        case "an escape":
            job_messages.write(
                pipe, "refused", reason="\x1b]0;owned\x07\nequal: 10,000 rows", remedy="\x9b2J", where=""
            )


def main(words: Sequence[str]) -> None:
    """As `convert.child.main`."""
    lie(Job.from_bytes(sys.stdin.buffer.read()).name, os.fdopen(int(words[0]), "wb"))
