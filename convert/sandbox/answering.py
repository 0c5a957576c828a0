"""Owns the child's side: its walls go up before a file is opened, and every end is told. Knows nothing of models."""

from __future__ import annotations

import contextlib
import importlib.machinery
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from convert.errors import OtherVersion, Refused, unforeseen
from convert.sandbox import job_messages
from server.confinement.walls import confine

BAD_ALLOC = "bad_alloc"  # how compiled code says that memory ran out, when Python does not
MOST_TRACEBACK = 10_000  # characters: the last ones name the error
MODULES = frozenset((*importlib.machinery.all_suffixes(), ".ipynb"))  # what holds code ends so


@contextlib.contextmanager
def answering(pipe: BinaryIO, memory_bytes: int, more_memory: str) -> Iterator[None]:
    """Whatever ends the work within is told to the parent; ``more_memory`` says what helps where that ran out."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  whatever it is, the parent must be able to say it
        told = "".join(traceback.format_exception(error))[-MOST_TRACEBACK:]
        known = _known(error, memory_bytes, more_memory)
        refusal = known or unforeseen(error)
        parts: dict[str, Any] = {"reason": refusal.reason, "remedy": refusal.remedy, "where": refusal.where}
        if isinstance(refusal, OtherVersion):
            parts["version"] = refusal.version
        job_messages.write(pipe, "refused" if known else "broke", **parts, traceback=told)


def _known(error: Exception, memory_bytes: int, more_memory: str) -> Refused | None:
    if isinstance(error, Refused):
        return error
    if isinstance(error, PermissionError):
        remedy = "docs/convert.md says what a file may do while it is opened; a model needs no more"
        return Refused(f"it asks for something that no conversion may do: {error}", remedy)
    if isinstance(error, MemoryError) or BAD_ALLOC in str(error):
        return Refused(f"the memory limit of {memory_bytes / (1 << 30):.3g} GB is reached", more_memory)
    return None


def _stays_in(folder: Path, entry: Path) -> bool:
    """Whether an entry is of its folder: a link out of it would open what nobody named."""
    return not entry.is_symlink() or entry.resolve().is_relative_to(folder.resolve())


def wall_in(unconfined: bool, folders: Collection[Path]) -> None:
    """Confines this process, but for the modules, packages and notebooks in these folders, which it may read.

    Raises Refused where a wall is missing, unless it may be ``unconfined``.
    """
    beside = [entry for folder in folders for entry in folder.iterdir() if _stays_in(folder, entry)]
    modules = [entry for entry in beside if entry.suffix in MODULES or (entry / "__init__.py").is_file()]
    missing = confine(modules, folders)
    if missing and not unconfined:
        raise Refused(
            f"a pickle is a program, and this system cannot confine it: {'; '.join(missing)}",
            "convert on Linux (x86-64 or ARM64; a container or WSL 2 will do). If you trust whoever made the file,"
            " --unconfined opens it all the same, and then it may do whatever you may do",
        )
