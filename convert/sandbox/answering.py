"""Owns the child's side: its walls go up before a file is opened, and every end is told. Knows nothing of models."""

from __future__ import annotations

import contextlib
import importlib.machinery
import itertools
import traceback
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from convert.errors import OtherVersion, Refused, unforeseen
from convert.sandbox import job_messages
from server.confinement.walls import confine

BAD_ALLOC = "bad_alloc"  # how compiled code says that memory ran out, when Python does not
MOST_TRACEBACK = 10_000  # characters: the last ones name the error
MOST_NAMES, MOST_MODULES = 1 << 17, 1 << 13  # in a folder; each module is a rule of the kernel's
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
            parts |= {"version": refusal.version, "libraries": dict(refusal.libraries)}
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


def modules_in(folder: Path) -> list[Path]:
    """The modules, packages and notebooks of a folder: plain files, and no link out of it, which nobody named.

    Raises Refused for a folder that cannot be listed, or holds more than a person's modules.
    """
    try:
        names = list(itertools.islice(folder.iterdir(), MOST_NAMES + 1))
    except OSError as error:
        raise Refused(f"{folder}, where code of yours would be, cannot be listed ({error.strerror})") from error
    ours = folder.resolve()
    found = [entry for entry in names if _is_code(entry) and _stays_in(ours, entry)]
    if len(names) > MOST_NAMES or len(found) > MOST_MODULES:
        raise Refused(
            f"{folder}, where code of yours would be, holds more than {MOST_NAMES:,} files or {MOST_MODULES:,} modules",
            "put the modules that the model needs into a folder of their own: --path DIR",
        )
    return found


def _is_code(entry: Path) -> bool:
    return entry.is_file() if entry.suffix in MODULES else (entry / "__init__.py").is_file()


def _stays_in(folder: Path, entry: Path) -> bool:
    return not entry.is_symlink() or entry.resolve().is_relative_to(folder)


def wall_in(unconfined: bool, folders: Collection[Path]) -> None:
    """Confines this process, but for the modules, packages and notebooks in these folders, which it may read.

    Raises Refused where a wall is missing, unless it may be ``unconfined``.
    """
    modules = [entry for folder in folders for entry in modules_in(folder)]
    missing = confine(modules, folders)
    if missing and not unconfined:
        raise Refused(
            f"a pickle is a program, and this system cannot confine it: {'; '.join(missing)}",
            "convert on Linux (x86-64 or ARM64; a container or WSL 2 will do). If you trust whoever made the file,"
            " --unconfined opens it all the same, and then it may do whatever you may do",
        )
