"""`make old-pickles`: makes an environment for each earlier scikit-learn and booster, and its small pickles in it.

``python -m tests.campaigns.versions [--convert] [VERSION ...]``; with ``--convert`` those that are there are converted
instead, and it tells how many came out equal, refused or not.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from convert.__main__ import kept_environments
from convert.cli import elsewhere
from convert.cli.elsewhere import Environments
from convert.environments.libraries import scikit_learn_beside
from convert.environments.making import environment_with
from convert.errors import Refused
from convert.sandbox.job_messages import Job
from tests.campaigns.versions import pickles

MODELS = Path(__file__).with_name("models.py")


def make(version: str) -> None:
    """The pickles of one set, in the repository."""
    script, libraries, beside = MODELS, {}, version
    if version in pickles.BOOSTERS:
        module, _, release = version.partition("-")
        script, libraries = MODELS.with_name("boosters.py"), {module: release}
        beside = scikit_learn_beside(libraries)
    python = environment_with(beside, kept_environments(), lambda text, _: print(text), libraries)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([python, "-W", "ignore", script, folder, *libraries], check=True)
        pickles.pack(version, Path(folder))
    print(f"{version}: {len(pickles.read(version))} pickles")


def convert(version: str) -> Counter[str]:
    """What came of each pickle."""
    outcomes: Counter[str] = Counter()
    for old in pickles.read(version):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{old.name}.pkl")
            path.write_bytes(old.content)
            try:
                result, _ = elsewhere.run(Job(path, "m"), Environments(kept_environments()), lambda *_: None)
                outcome = "NOT EQUAL" if result.parity["wrong"] else "equal"
            except Refused as refusal:
                outcome = "refused"
                print(f"{old}: {refusal}")
        outcomes[outcome] += 1
        print(f"{old}: {outcome}", flush=True)
    return outcomes


def main(words: list[str]) -> None:
    """Makes what is not there; the versions named anew."""
    named = [word for word in words if word != "--convert"]
    versions = named or (*pickles.VERSIONS, *pickles.BOOSTERS)
    if "--convert" in words:
        for version in versions:
            print(version, dict(convert(version)), flush=True)
        return
    for version in versions:
        make(version)


if __name__ == "__main__":
    main(sys.argv[1:])
