"""Owns what a folder of answers says of itself: `score.json`, of which job it is and which parts are whole.

Knows neither models nor tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import orjson

from score.errors import Refused

STATE = "score.json"


class State:
    """The state of a folder. ``job``: what must be the same for a run that goes on in it. Raises Refused."""

    def __init__(self, folder: Path, job: Mapping[str, Any], *, replace: bool) -> None:
        self._path = folder / STATE
        self._job = dict(job)
        self._parts: dict[str, list[list[int]]] = {}  # by file, of each part in order: rows and refused rows
        self._finished: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and not replace:
            self._read()
        elif any(folder.iterdir()) and not replace:
            raise Refused(f"{folder} is not empty; name another folder, or say --replace")

    def _read(self) -> None:
        try:
            state: Any = orjson.loads(self._path.read_bytes())
            job, self._parts, self._finished = state["job"], state["parts"], state["finished"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Refused(f"{self._path} is damaged ({error!r}); --replace begins anew") from None
        if job != self._job:
            changed = ", ".join(key for key in self._job if job.get(key) != self._job[key])
            raise Refused(f"{self._path.parent} holds parts of another job ({changed}); --replace begins anew")

    def counts(self) -> Iterator[list[int]]:
        """Rows and refused rows of every part that is whole."""
        return chain.from_iterable(self._parts.values())

    def parts(self, file: Path) -> int:
        """How many parts of a file are whole."""
        return len(self._parts.get(str(file), ()))

    def is_finished(self, file: Path) -> bool:
        """Whether a file has no more parts than these."""
        return str(file) in self._finished

    def note(self, file: Path, rows: int, refused: int) -> None:
        """The next part of a file is whole."""
        self._parts.setdefault(str(file), []).append([rows, refused])
        self._save()

    def note_finished(self, file: Path) -> None:
        """A file has no more parts."""
        self._finished.append(str(file))
        self._save()

    def _save(self) -> None:
        data = {"job": self._job, "parts": self._parts, "finished": self._finished}
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
        unfinished.replace(self._path)
