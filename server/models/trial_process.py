"""Owns the trial of one file in a confined child: its limits, and its model or refusal. Knows no folder.

docs/decisions.md: "A file is tried in a child, then opened in the arbiter under the same limit".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable

from server.artefact.onnxfile import BadFile
from server.confinement.memory import memory_limit
from server.logs import log
from server.models.confined import ConfinedChild, Died, Limits
from server.models.files import NO_DESCRIPTORS, ChangedMeanwhile
from server.models.folder import VersionFile
from server.models.loading import Given, read_whole
from server.models.repository import Model
from server.models.trial import Findings

MIB = 1 << 20
MEMORY_BYTES, MEMORY_PER_BYTE = 512 * MIB, 16  # memory of a trial, and more per byte of the file
CPU_SECONDS, BYTES_PER_SECOND = 10, 10_000_000
WALL_PER_CPU = 3  # a trial shares the processor with the workers
MAX_REASON = 500  # characters
OUT_OF_MEMORY = "bad_alloc"  # in errors of C++
REFUSED = b"refused"  # the start of a child's result that is no Findings
BUILD_DETAILS = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |/onnxruntime_src/\S+ |\bonnxruntime::[^)]*\) ")

Load = Callable[..., Model]  # of a VersionFile and perhaps Findings, or what was read: `load_model` with its settings


class FileRefused(Exception):
    """The file cannot be served. The message continues its name: " is empty: ..." or ": golden row 3 ..."."""


def trial_limits(file_bytes: int, box_bytes: int | None) -> Limits:
    """The limits of the trial of a file of so many bytes; at most half of the machine's memory."""
    memory = MEMORY_BYTES + MEMORY_PER_BYTE * file_bytes
    cpu = CPU_SECONDS + file_bytes // BYTES_PER_SECOND
    return Limits(min(memory, box_bytes // 2) if box_bytes else memory, cpu, WALL_PER_CPU * cpu)


class TrialPutOff(FileRefused):
    """This process could not start the trial, or not open the file after it: it is to be tried again."""


class TrialProcess:
    """A trial, begun when it is made. Raises TrialPutOff if no process can be started."""

    def __init__(self, load: Load, file: VersionFile, limits: Limits) -> None:
        self.file = file
        self._load = load
        self._limits = limits
        try:
            read, work = functools.partial(_read, file), functools.partial(_try, load, file)
            self._child = ConfinedChild(read, work, limits)
        except OSError as error:
            raise TrialPutOff(f": no process could be started to try it: {error}") from error
        self.fileno = self._child.fileno
        self.kill = self._child.kill
        self.note_exit = self._child.note_exit

    def collect(self) -> Model | None:
        """The model, opened in this process; None while the child runs.

        Raises FileRefused, TrialPutOff among it; ChangedMeanwhile.
        """
        try:
            result = self._child.collect()
        except Died as error:
            raise FileRefused(f": its trial {error}; this model cannot serve here") from None
        if result is None:
            return None
        _warn(self._child.missing)
        if result.startswith(REFUSED):
            reason = result.removeprefix(REFUSED).decode(errors="replace")[: 2 * MAX_REASON]
            raise FileRefused(self._explain_memory(reason))
        try:
            with memory_limit(self._limits.memory_bytes):
                return self._load(self.file, Findings.from_bytes(result))
        except ChangedMeanwhile:
            raise
        except Exception as error:  # no file may end the server
            if isinstance(error, OSError) and error.errno in NO_DESCRIPTORS:
                raise TrialPutOff(f": it could not be opened after its trial: {error.strerror}") from error
            raise FileRefused(self._explain_memory(_rest_of_sentence(error))) from error

    def _explain_memory(self, rest: str) -> str:
        if OUT_OF_MEMORY in rest or "allocate memory" in rest:
            most = self._limits.memory_bytes // MIB
            return f" needs more than {most} MB of memory to open and run: make the model smaller"
        return rest


@functools.cache
def _warn(missing: tuple[str, ...]) -> None:
    """Once for the same walls: a server starts on any kernel, but its operator should know."""
    if missing:
        log.warning("new models are tried without every wall: %s", "; ".join(missing))


def _read(file: VersionFile) -> Given | Exception:
    """The file and its signature, read with the server's rights, which the child gives up; or why it cannot be."""
    try:
        return read_whole(file)
    except (BadFile, OSError, MemoryError) as error:
        return error


def _try(load: Load, file: VersionFile, content: Given | Exception) -> bytes:
    """The child's work; every error counts as the file's."""
    try:
        if isinstance(content, Exception):
            raise content
        model = load(file, given=content)
    except Exception as error:  # noqa: BLE001
        return REFUSED + _rest_of_sentence(error).encode()
    return model.findings().to_bytes()


def _rest_of_sentence(error: Exception) -> str:
    """An error as the text after the file's name: one line, without ONNX Runtime's build paths."""
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    reason = " ".join(BUILD_DETAILS.sub("", str(error) or repr(error)).split())
    reason = reason if len(reason) <= MAX_REASON else reason[:MAX_REASON] + " ..."
    return f" {reason}" if isinstance(error, BadFile) else f": {reason}"
