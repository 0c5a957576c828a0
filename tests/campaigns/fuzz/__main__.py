"""The fuzz command: ``python -m tests.campaigns.fuzz TARGET CORPUS [libFuzzer's options]``. An entry point.

Exit status 0 where nothing was found; else libFuzzer leaves the bytes in a file and says how to repeat it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["server"]):
    from tests.campaigns.fuzz.targets import make_targets


def main() -> None:
    """Runs one target; without arguments names them all."""
    targets = make_targets()
    if len(sys.argv) < 3:
        print(" ".join(targets))
        return
    target, corpus = targets[sys.argv[1]], Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.Setup([sys.argv[0], str(corpus), *sys.argv[3:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
