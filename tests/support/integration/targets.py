"""Owns a server that faults are tried on, behind either door or in processes of its own, and whether it is well."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.integration.running import running
from tests.support.server.doors import DOORS, Listening, get, open_door
from tests.support.server.models import Made

TARGETS = (*DOORS, "processes")


@dataclass
class Target(Listening):
    """A running server. ``golden``: a request that it answers with 200, and whose answer may never change."""

    golden: bytes
    workers: Callable[[], Sequence[int]]
    read_log: Callable[[], str]
    _before: tuple[Sequence[int], bytes] = field(init=False)

    def __post_init__(self) -> None:
        answer = self.ask(self.golden)
        assert answer.status == 200, answer.body
        self._before = (self.workers(), answer.masked)

    def check_unharmed(self) -> None:
        """The same workers live, health is told, the golden answer is what it was to the bit."""
        assert self.ask(get("/health")).status == 200
        assert (self.workers(), self.ask(self.golden).masked) == self._before


@contextmanager
def open_target(
    kind: str, folder: Path, models: Mapping[str, Made], golden: bytes, **settings: str
) -> Iterator[Target]:
    """Serves ``models`` as ``kind``, one of TARGETS, until the block ends. Settings are named without their prefix."""
    if kind in DOORS:
        with open_door(kind, folder, models, **settings) as door:
            yield Target(door.port, golden, list, str)
        return
    for name, made in models.items():
        (folder / name / "1").mkdir(parents=True)
        (folder / name / "1" / "model.onnx").write_bytes(made.data)
    environment = {f"DYNONNX_{name}": value for name, value in settings.items()}
    environment |= {"DYNONNX_MODELS": str(folder), "WEB_CONCURRENCY": "1"}
    with running(environment, folder.with_suffix(".log")) as server:
        yield Target(server.port, golden, server.workers, server.read_log)
        assert "Traceback" not in server.read_log()
