"""Owns a memory ceiling round a server's processes: a control group, v1 or v2. Skips, with a word, where none is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.dyno.cgroup import Group, own_places

PEAKS = ("memory.max_usage_in_bytes", "memory.peak")  # v1, v2


class Ceiling:
    """A control group that holds so much memory."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._directory = group.directories["memory"]

    def command(self, *command: str) -> tuple[str, ...]:
        """The command that enters the group before it begins."""
        files = " ".join(str(file) for file in self._group.join_files())
        return ("sh", "-c", f'for file in {files}; do echo $$ > "$file" || exit 9; done; exec "$@"', "sh", *command)

    def server(self, python: str) -> tuple[str, ...]:
        """The command of a server that enters the group and takes it for its box, as in a container it would."""
        code = (
            "import sys; from server.processes.box import FILES;"
            f" FILES.update({{name: '{self._directory}/' + name for name in ('memory.max', 'memory.limit_in_bytes')}});"
            " from server.__main__ import main; sys.exit(main())"
        )
        return self.command(python, "-c", code)

    @property
    def oom_kills(self) -> int:
        """How many processes the kernel has killed for want of memory."""
        return self._group.readings().oom_kills or 0

    @property
    def rss(self) -> int:
        """Bytes of the processes' own memory now, without cached files."""
        return self._group.readings().rss or 0

    @property
    def peak(self) -> int:
        """The most bytes that were ever in use, cached files among them."""
        file = next((self._directory / name for name in PEAKS if (self._directory / name).exists()), None)
        return int(file.read_text()) if file else 0


@contextlib.contextmanager
def memory_ceiling(most_bytes: int) -> Iterator[Ceiling]:
    """A group for processes that may use so much memory together, without swap; what is in it ends with the block."""
    group = Group()
    name = f"ceiling-{os.getpid()}"
    try:
        limits = {"memory.limit_in_bytes": str(most_bytes), "memory.max": str(most_bytes)}
        group.limit("memory", own_places().get("memory"), name, limits)
    except OSError as error:
        group.remove()
        pytest.skip(f"no control group can limit memory here: {error}")
    swap: Path = group.directories["memory"] / "memory.swap.max"
    with contextlib.suppress(OSError):
        swap.write_text("0")
    try:
        yield Ceiling(group)
    finally:
        group.remove()
