"""Owns the converting of several models at once: which, how many at a time, and that all end together.

Knows nothing of how one is converted.
"""

from __future__ import annotations

import os
import queue
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from convert.cli.options import ConvertCommand, default_name
from convert.cli.outcome import Outcome
from convert.errors import UsageError
from convert.sandbox import parent
from convert.sandbox.zygote import Zygote, use, zygote
from server.confinement.walls import untraceable

MODEL_FILES = (".pkl", ".pickle", ".joblib", ".skops")
CHILD_BYTES, CHILD_BYTES_PER_BYTE = 1 << 30, 20  # of memory, of which a usual conversion takes half
MEMORY = Path("/proc/meminfo")
CONTAINER = Path("/sys/fs/cgroup/memory.max")

Run = Callable[[ConvertCommand], Outcome]


def commands_for(command: ConvertCommand) -> list[ConvertCommand]:
    """A command for each model that is meant: those that are named, and every one in a folder. Raises UsageError."""
    files = [file for model in (command.job.model, *command.more) for file in _files(model)]
    if len(files) > 1 and command.out.suffix == ".onnx":
        raise UsageError("--out names one file, but there are several models: name a folder")
    if len(files) > 1 and command.report is not None:
        raise UsageError("--report is of one model, and there are several")
    jobs = [replace(command.job, model=file, name=default_name(file)) for file in files]
    return [replace(command, job=job, more=()) for job in jobs]


def _files(model: Path) -> list[Path]:
    if not model.is_dir():
        return [model]
    files = sorted(path for path in model.iterdir() if path.suffix in MODEL_FILES)
    if not files:
        raise UsageError(f"{model} holds no file ending in {', '.join(MODEL_FILES)}")
    return files


def run_each(commands: Sequence[ConvertCommand], run: Run, at_once: int) -> Iterator[Outcome]:
    """Runs all of them, so many ``at_once``, each in a child that is forked; their outcomes in order.

    Models of one name become versions of it, one after another.
    """
    by_name: dict[str, list[int]] = {}
    for place, command in enumerate(commands):
        by_name.setdefault(command.job.name, []).append(place)
    outcomes: list[Future[Outcome]] = [Future() for _ in commands]
    with untraceable(), ExitStack() as stack:
        idle: queue.SimpleQueue[Zygote] = queue.SimpleQueue()
        for _ in range(at_once):
            idle.put(stack.enter_context(zygote(parent.IMPORTS[parent.OPENS_PICKLES])))

        def run_all_of(places: Sequence[int]) -> None:
            one = idle.get()
            for place in places:
                try:
                    with use(one):
                        outcomes[place].set_result(run(commands[place]))
                except BaseException as error:  # noqa: BLE001  who waits for it raises it
                    outcomes[place].set_exception(error)
            idle.put(one)

        pool = ThreadPoolExecutor(at_once)
        try:
            for places in by_name.values():
                pool.submit(run_all_of, places)
            for outcome in outcomes:
                yield outcome.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            stack.close()  # what still runs ends with it
            pool.shutdown()


def how_many(commands: Sequence[ConvertCommand]) -> int:
    """How many models this machine converts at once: one on each processor, within its memory."""
    largest = max((command.job.model.stat().st_size for command in commands if command.job.model.is_file()), default=0)
    fit = memory() // (CHILD_BYTES + CHILD_BYTES_PER_BYTE * largest)
    return max(1, min(len(commands), _processors(), fit))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def memory() -> int:
    """Bytes that are free here, or that a container may have; where nobody tells, those of one child."""
    if not MEMORY.is_file():
        return CHILD_BYTES
    free = re.search(r"MemAvailable:\s+(\d+) kB", MEMORY.read_text())
    most = CONTAINER.read_text().strip() if CONTAINER.is_file() else ""
    told = [int(free[1]) << 10] if free else []
    return min([*told, *([int(most)] if most.isdecimal() else [])], default=CHILD_BYTES)
