"""Owns the child's side: its walls go up before a file is opened, and every end is told. Knows nothing of models."""

from __future__ import annotations

import contextlib
import importlib.machinery
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from convert.errors import OtherVersion, Refused
from convert.sandbox import job_messages
from server.confinement.walls import confine

MODULES = frozenset(importlib.machinery.all_suffixes())  # what can be imported ends so


@contextlib.contextmanager
def answering(pipe: BinaryIO, memory_bytes: int, more_memory: str) -> Iterator[None]:
    """Whatever ends the work within is told to the parent; ``more_memory`` says what helps where that ran out."""
    try:
        yield
    except Refused as refusal:
        version: dict[str, Any] = {"version": refusal.version} if isinstance(refusal, OtherVersion) else {}
        reason, remedy, where = refusal.reason, refusal.remedy, refusal.where
        job_messages.write(pipe, "refused", reason=reason, remedy=remedy, where=where, **version)
    except MemoryError:
        limit = f"the memory limit of {memory_bytes / (1 << 30):.3g} GB is reached"
        job_messages.write(pipe, "refused", reason=limit, remedy=more_memory, where="")
    except PermissionError as error:
        reason = f"it asks for something that no conversion may do: {error}"
        remedy = "docs/convert.md says what a file may do while it is opened; a model needs no more"
        job_messages.write(pipe, "refused", reason=reason, remedy=remedy, where="")
    except Exception:  # noqa: BLE001  whatever it is, the parent must be able to say it
        job_messages.write(pipe, "failed", traceback=traceback.format_exc())


def wall_in(unconfined: bool, converters: Path | None) -> None:
    """Confines this process, but for what a file of converters imports: the modules and packages beside it.

    Raises Refused where a wall is missing, unless it may be ``unconfined``.
    """
    beside = [] if converters is None else list(converters.parent.iterdir())
    modules = [entry for entry in beside if entry.suffix in MODULES or (entry / "__init__.py").is_file()]
    missing = confine(modules, [converters.parent] if converters is not None else [])
    if missing and not unconfined:
        raise Refused(
            f"a pickle is a program, and this system cannot confine it: {'; '.join(missing)}",
            "convert on Linux (x86-64 or ARM64; a container or WSL 2 will do). If you trust whoever made the file,"
            " --unconfined opens it all the same, and then it may do whatever you may do",
        )
