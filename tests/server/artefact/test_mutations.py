"""Damaged files through scan, proof and trial: each is served or refused with a word, and this process lives on."""

from __future__ import annotations

import select
from pathlib import Path
from random import Random

import pytest

from server.artefact.metadata import BadArtefact, from_metadata
from server.artefact.mixing.analysis import find_mixing
from server.artefact.onnxfile import BadFile, check_known, read_onnxfile
from server.models.files import ChangedMeanwhile
from server.models.folder import VersionFile
from server.models.trial_process import FileRefused, TrialProcess, trial_limits
from tests.support.models.bad_models import endless, external
from tests.support.models.loading import load_version, put
from tests.support.models.mutations import mutated
from tests.support.server.models import classifier, mixed, plain, table_lookup

# The test process may have threads of libraries; a trial's child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")

WHOLE = (classifier().data, mixed().data, plain().data, table_lookup().data, endless(3), external("sub-graph"))


def passes_the_scan(data: bytes) -> bool:
    """Whether a file would be tried; whatever comes out but a word fails the test."""
    try:
        file = read_onnxfile(data)
        check_known(file)
        from_metadata(file.metadata)
    except (BadFile, BadArtefact):
        return False
    find_mixing(data)
    return True


def tried(path: Path) -> str:
    """What a trial of a file comes to: "served", or why not."""
    limits = trial_limits(path.stat().st_size, None)
    trial = TrialProcess(load_version, VersionFile("m", "1", path), limits)
    try:
        while True:
            select.select([trial], [], [], 1.0)
            if trial.collect() is not None:
                return "served"
    except FileRefused as refused:
        return str(refused)
    except ChangedMeanwhile:
        return "changed"


def campaign(folder: Path, files: int, trials: int) -> None:
    """So many damaged files, of which so many that pass the scan are tried."""
    chance, words = Random(0), set()
    for _ in range(files):
        data = mutated(chance.choice(WHOLE), chance)
        if passes_the_scan(data) and trials:
            trials -= 1
            words.add(tried(put(folder, "m.onnx", data)))
    assert "served" in words
    assert len(words) > 1


def test_damaged_files_are_served_or_refused_with_a_word(tmp_path: Path) -> None:
    campaign(tmp_path, 400, 15)


@pytest.mark.slow
def test_ten_thousand_damaged_files(tmp_path: Path) -> None:
    campaign(tmp_path, 10_000, 10_000)
