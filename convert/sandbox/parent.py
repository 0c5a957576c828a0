"""Owns the children: starts them with nothing, listens within bounds, ends them in time. Knows nothing of models."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from convert.environments.interpreters import isolated
from convert.errors import OtherVersion, Refused
from convert.sandbox import job_messages, limits
from convert.sandbox.job_messages import Inspected, Job, JobResult, WitnessEnds
from convert.sandbox.zygote import LAST_WORDS_BYTES, Fork, Gone, Zygote, at_hand, root
from server.confinement.walls import untraceable

MOST_MESSAGES, MOST_CHARACTERS = 10_000, 20_000  # a conversion tells some fifty steps; a traceback is shorter
PARTS = ("reason", "remedy", "where", "traceback")  # of a refusal
TRACEBACK = "Traceback (most recent call last)"
OPENS_PICKLES, INSPECTS, ANSWERS = "convert.child", "convert.inspect_child", "convert.witness.child"
LOOKS = "convert.doctor.child"
IMPORTS = {
    OPENS_PICKLES: ("convert.sandbox.importing", "convert.child", "convert.serving", "convert.inspect_child"),
    INSPECTS: (INSPECTS,),
    LOOKS: (LOOKS,),
}
MORE_TIME = {
    OPENS_PICKLES: "allow more with --timeout SECONDS",
    LOOKS: "python -m convert MODEL opens it, with more time",
    INSPECTS: "make the model smaller, or try again where the processor is less busy",
}

# Found before any other packages of these names; everything else is the interpreter's own.
OUR_PACKAGES = "sys.path.insert(0, sys.argv.pop(1))\nimport convert, server\ndel sys.path[0]\n"

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """An interpreter with another scikit-learn; ``told`` has the versions of Python and of packages there, in words."""

    python: Path
    version: str
    told: str


def run(job: Job, tell: Tell, elsewhere: Elsewhere | None = None) -> JobResult:
    """Runs one job in a child and answers its result. Raises Refused, also when the child dies or hangs.

    Raises OtherVersion where the model is another scikit-learn's, which may then answer from ``elsewhere``.
    """
    if elsewhere is None:
        return _run(job, tell, ())
    with _witness(job, elsewhere) as ends:
        return _run(replace(job, witness=ends), tell, (ends.questions, ends.replies))


def _run(job: Job, tell: Tell, descriptors: Sequence[int]) -> JobResult:
    with _child(OPENS_PICKLES, [], job.to_bytes(), job.timeout_seconds, descriptors) as pipe:
        message, blob = _answer(pipe, "done", tell)
        parity, bad, speed = (message.get(part) for part in ("parity", "bad", "speed"))
        if not (isinstance(parity, dict) and isinstance(bad, list) and isinstance(speed, dict)):
            raise job_messages.Broken
        return JobResult(parity, bad, speed, blob)


def inspect(onnx: bytes, golden: bool = False) -> Inspected:
    """What a file says of itself, from a child that has opened nothing else. Raises Refused.

    ``golden``: also where the file has no golden rows, or does not give their answers.
    """
    words = [job_messages.GOLDEN] if golden else []
    with _child(INSPECTS, words, onnx, limits.INSPECTION_SECONDS) as pipe:
        _, blob = _answer(pipe, "inspected", lambda *_: None)
        return Inspected.from_bytes(blob)


@contextlib.contextmanager
def _witness(job: Job, elsewhere: Elsewhere) -> Iterator[WitnessEnds]:
    """The other child's ends of the pipes to a process that answers as the original; it is gone after the block."""
    (asked, asks), (replied, replies) = os.pipe(), os.pipe()
    words = [str(asked), str(replies), str(job.memory_bytes), str(int(job.timeout_seconds) + 1)]
    words += ["unconfined"] if job.unconfined else []
    try:
        with tempfile.TemporaryDirectory(prefix="dynonnx-") as home, untraceable():
            witness = subprocess.Popen(  # noqa: S603  the interpreter that a person has, our own module
                isolated(elsewhere.python, OUR_PACKAGES + f"from {ANSWERS} import main\nmain()", root(), *words),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=home,
                env=limits.environment(root(), home),
                pass_fds=[asked, replies],
                start_new_session=True,
            )
            for theirs in (asked, replies):
                os.close(theirs)
            try:
                yield WitnessEnds(asks, replied, elsewhere.version, elsewhere.told)
            finally:
                witness.kill()
                witness.wait()
    finally:
        for ours in (asks, replied):
            os.close(ours)


@contextlib.contextmanager
def near(child: str) -> Iterator[None]:
    """Within the block children are forked from one process, which imports what such a one needs while we go on."""
    with at_hand(IMPORTS[child]):
        yield


def look(model: bytes) -> dict[str, object]:
    """What a model file tells without being opened, as a child says it. Raises Refused."""
    with _child(LOOKS, [], model, limits.LOOK_SECONDS) as pipe:
        found = _answer(pipe, "found", lambda *_: None)[0].get("found")
        if not isinstance(found, dict):
            raise job_messages.Broken
        return found


@contextlib.contextmanager
def _child(
    module: str, words: Sequence[str], given: bytes, timeout: float, descriptors: Sequence[int] = ()
) -> Iterator[BinaryIO]:
    """The pipe of a child that runs ``module``; it is gone after the block. Raises Refused for Broken within it."""
    printed = bytearray()
    code, overdue = 0, False
    with untraceable(), at_hand(IMPORTS.get(module, ())) as zygote:
        try:
            with _pipes(zygote, module, words, descriptors) as (child, pipes):
                timer = threading.Timer(timeout, os.kill, (child, signal.SIGKILL))
                listener = threading.Thread(target=_keep_last, args=(pipes.printed, printed))
                timer.start()
                listener.start()
                broken = False
                try:
                    _give(pipes.given, given)
                    try:
                        yield pipes.told
                    except job_messages.Broken:
                        broken = True
                finally:
                    overdue = not timer.is_alive()
                    timer.cancel()
                    timer.join()  # the child's number may be another's once it is reaped
                    code = zygote.reap()
                    listener.join()
        except Gone as gone:
            raise _death(module, 1, overdue, timeout, str(gone)) from None
    if broken:
        raise _death(module, code, overdue, timeout, printed.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class _Pipes:
    """Our ends: what a child is given, what it tells, what it prints."""

    given: BinaryIO
    told: BinaryIO
    printed: BinaryIO


@contextlib.contextmanager
def _pipes(
    zygote: Zygote, module: str, words: Sequence[str], descriptors: Sequence[int]
) -> Iterator[tuple[int, _Pipes]]:
    """A new child's number, and our ends of its pipes, which are closed after the block. Raises Gone."""
    (read, given), (told, tells), (printed, prints) = os.pipe(), os.pipe(), os.pipe()
    with os.fdopen(given, "wb") as giving, os.fdopen(told, "rb") as telling, os.fdopen(printed, "rb") as printing:
        try:
            places = (0, 2, tells, *descriptors)
            asked = Fork(module, (str(tells), *words), (read, prints, tells, *descriptors), places)
            child = zygote.fork(asked)
        finally:
            for theirs in (read, tells, prints):
                os.close(theirs)
        yield child, _Pipes(giving, telling, printing)


def _keep_last(stream: BinaryIO, printed: bytearray) -> None:
    while piece := os.read(stream.fileno(), 1 << 16):
        printed += piece
        del printed[:-LAST_WORDS_BYTES]


def _give(pipe: BinaryIO, given: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # it died at once; listening finds out how
        pipe.write(given)
        pipe.close()


def _answer(pipe: BinaryIO, wanted: str, tell: Tell) -> tuple[dict[str, object], bytes]:
    """The message of the kind that is wanted. Raises Refused, and Broken when the child goes or talks too much."""
    under_way = ""
    for _ in range(MOST_MESSAGES):
        message, blob = job_messages.read(pipe)
        match message.get("kind"):
            case "progress":
                under_way = _text(message, "text")
                tell(under_way, _share(message.get("share")))
            case "refused" | "broke" as end:
                raise _refusal(message, under_way if end == "broke" else "")
            case kind if kind == wanted:
                return message, blob
    raise job_messages.Broken


def _refusal(message: dict[str, object], under_way: str) -> Refused:
    reason, remedy, where, traceback = (_text(message, part) for part in PARTS)
    version, named = _text(message, "version"), message.get("libraries")
    libraries = {str(module): _text(named, module) for module in named} if isinstance(named, dict) else {}
    if version or libraries:
        return OtherVersion(reason, remedy, version, libraries)
    return Refused(reason, remedy, where or under_way, traceback)


def _text(message: dict[str, object], part: str) -> str:
    return str(message.get(part, ""))[:MOST_CHARACTERS]


def _share(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _death(module: str, code: int, overdue: bool, timeout: float, last_words: str) -> Refused:
    if overdue:
        return Refused(f"it took longer than {timeout:.0f} s and was ended", MORE_TIME[module])
    said = _without_traceback(last_words)
    return Refused(
        f"the process that opened the file died (status {code}): a crash, or a limit. {said}".strip(),
        "the file is damaged or hostile; write it again, with the scikit-learn that is installed here",
        traceback=last_words,
    )


def _without_traceback(words: str) -> str:
    """Of a traceback its last line, which names the error."""
    before, traceback, after = words.partition(TRACEBACK)
    return before + after.strip().rpartition("\n")[2] if traceback else words
