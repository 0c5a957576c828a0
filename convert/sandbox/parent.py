"""Owns the child process: starts it with nothing, listens, ends it in time. Knows nothing of models."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from convert.errors import Refused
from convert.sandbox import job_messages, limits
from convert.sandbox.job_messages import Job, JobResult

LAST_WORDS_BYTES, LAST_LINES = 2000, 20


def run(job: Job, tell: Callable[[str, float], None]) -> JobResult:
    """Runs one job in a child and answers its result. Raises Refused, also when the child dies or hangs."""
    root = str(Path(__file__).resolve().parents[2])
    with tempfile.TemporaryDirectory(prefix="dynonnx-") as home:
        reading, writing = os.pipe()
        child = subprocess.Popen(  # noqa: S603  our own interpreter and module
            [sys.executable, "-m", "convert.child", str(writing)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=home,
            env=limits.environment(root, home),
            pass_fds=[writing],
        )
        os.close(writing)
        timer = threading.Timer(job.timeout_seconds, child.kill)
        timer.start()
        printed: list[bytes] = []
        listener = threading.Thread(target=_keep_last, args=(child.stderr, printed))
        listener.start()
        try:
            with os.fdopen(reading, "rb") as pipe:
                _send(child, job)
                result = _listen(pipe, tell)
        finally:
            overdue = not timer.is_alive()
            timer.cancel()
            child.kill()
            code = child.wait()
            listener.join()
        if result is None:
            raise _death(
                code, overdue, job.timeout_seconds, b"".join(printed)[-LAST_WORDS_BYTES:].decode(errors="replace")
            )
        return result


def _keep_last(stream: Any, printed: list[bytes]) -> None:
    with stream:
        for line in stream:
            printed.append(line[-LAST_WORDS_BYTES:])
            del printed[:-LAST_LINES]


def _send(child: subprocess.Popen[bytes], job: Job) -> None:
    assert child.stdin is not None  # noqa: S101  it is a pipe: this tells mypy
    try:
        child.stdin.write(job.to_bytes())
        child.stdin.close()
    except BrokenPipeError:
        return  # it died at once; listening finds out how


def _listen(pipe: Any, tell: Callable[[str, float], None]) -> JobResult | None:
    """The result, or None when the child went without one."""
    while True:
        try:
            message, blob = job_messages.read(pipe)
        except job_messages.Broken:
            return None
        match message.get("kind"):
            case "progress":
                tell(str(message.get("text")), _share(message.get("share")))
            case "refused":
                raise Refused(*(str(message.get(part, "")) for part in ("reason", "remedy", "where")))
            case "failed":
                raise Refused(f"the conversion broke:\n{message.get('traceback')}", "please report it with the model")
            case "done":
                return JobResult(message["parity"], message["bad"], message["speed"], blob)


def _share(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _death(code: int, overdue: bool, timeout: float, last_words: str) -> Refused:
    if overdue:
        return Refused(f"it took longer than {timeout:.0f} s and was ended", "allow more with --timeout SECONDS")
    return Refused(
        f"the process that opened the file died (status {code}): a crash, or a limit. {last_words}".strip(),
        "the file is damaged or hostile; write it again, with the scikit-learn that is installed here",
    )
