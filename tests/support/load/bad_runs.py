"""A real server whose runtime does, for rows that say so, what an operator with a fault does: crash, or never return.

Run with the fault as argument. A row of CRASH or HANG triggers it; every other row is served as ever.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from server.__main__ import main
from server.artefact.runtime import Runtime

CRASH, HANG = 666.0, 999.0
HANG_SECONDS = 600

_run = Runtime.run


def run(self: Runtime, outputs: Sequence[str], feed: Mapping[str, Any]) -> list[Any]:
    """`Runtime.run`, but for rows that begin with a fault."""
    numbers = [array.flat[0] for array in feed.values() if array.size and array.dtype.kind == "f"]
    if CRASH in numbers:
        os.kill(os.getpid(), signal.SIGSEGV)
    if HANG in numbers:
        time.sleep(HANG_SECONDS)  # without the GIL, and deaf to `stop`: as one long operator
    return _run(self, outputs, feed)


if __name__ == "__main__":
    Runtime.run = run  # type: ignore[method-assign]
    sys.exit(main())
