"""Damaged files through scan, proof and trial: each is served or refused with a word, and this process lives on."""

from __future__ import annotations

import itertools
import select
from collections.abc import Iterable, Iterator
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
AT_ONCE = 4


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


def outcomes(folder: Path, files: Iterable[bytes]) -> set[str]:
    """What the trials of files come to: "served", or why not; `AT_ONCE` of them, as each waits for the kernel most."""
    free = [folder / str(place) for place in range(AT_ONCE)]
    under_way: dict[int, tuple[TrialProcess, Path]] = {}
    words: set[str] = set()
    for folder_of_one in free:
        folder_of_one.mkdir()
    for data in files:
        while not free:
            words.update(_ended(under_way, free))
        place = free.pop()
        path = put(place, "m.onnx", data)
        trial = TrialProcess(load_version, VersionFile("m", "1", path), trial_limits(len(data), None))
        under_way[trial.fileno()] = trial, place
    while under_way:
        words.update(_ended(under_way, free))
    return words


def _ended(under_way: dict[int, tuple[TrialProcess, Path]], free: list[Path]) -> Iterator[str]:
    """What those that are over came to, once there are such; their folders are free again."""
    for pipe in select.select([*under_way], [], [], 1.0)[0]:
        word = _outcome(under_way[pipe][0])
        if word:
            free.append(under_way.pop(pipe)[1])
            yield word


def _outcome(trial: TrialProcess) -> str:
    try:
        return "" if trial.collect() is None else "served"
    except FileRefused as refused:
        return str(refused)
    except ChangedMeanwhile:
        return "changed"


def campaign(folder: Path, seed: int, files: int, trials: int) -> None:
    """So many damaged files, of which so many that pass the scan are tried."""
    chance = Random(seed)
    damaged = (mutated(chance.choice(WHOLE), chance) for _ in range(files))
    passing = (data for data in damaged if passes_the_scan(data))
    words = outcomes(folder, itertools.islice(passing, trials))
    for _ in passing:  # the others are read, and not tried
        pass
    assert "served" in words
    assert len(words) > 1


def test_damaged_files_are_served_or_refused_with_a_word(tmp_path: Path) -> None:
    campaign(tmp_path, 0, 400, 15)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_ten_thousand_damaged_files(tmp_path: Path, seed: int) -> None:
    """In parts, each of which has the time limit of a test: some 310 trials of up to 0.3 s on a busy machine."""
    campaign(tmp_path, seed, 1_250, 1_250)
