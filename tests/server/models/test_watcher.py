"""The living repository: what the folder holds is tried in a child and serves, and what is bad changes nothing."""

from __future__ import annotations

import logging
import os
import re
import select
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.errors import ServerError
from server.models.bulletin import Bulletin
from server.models.confined import Limits
from server.models.loading import ChangedMeanwhile
from server.models.repository import BadRepository, Model, VersionFile
from server.models.trial import Findings
from server.models.trial_process import MIB, trial_limits
from server.models.watcher import RepositoryWatcher
from tests.support.server.bad_models import BAD, endless
from tests.support.server.loading import load_version
from tests.support.server.models import classifier, plain, regressor

# The test process may have threads of libraries; a trial's child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
LOAD = load_version
PATIENCE = 30.0


def put(folder: Path, place: str, data: bytes | None = None) -> Path:
    """Writes a model file as a careful person does: whole, by rename."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(plain().data if data is None else data)
    part.rename(path)
    return path


def watcher(folder: Path, load: Callable[..., Model] = LOAD, default_model: str | None = None) -> RepositoryWatcher:
    """The models of a folder, none loaded yet."""
    return RepositoryWatcher(folder, load, Bulletin(), default_model=default_model, box_bytes=None)


def started(folder: Path, **settings: Any) -> RepositoryWatcher:
    """The models of a folder, all that is good loaded."""
    found = watcher(folder, **settings)
    found.load_all(strict=False)
    return found


def until(found: RepositoryWatcher, reached: Callable[[], bool]) -> float:
    """Steps until something is so; gives how long that took."""
    began = time.monotonic()
    while True:
        found.step()
        if reached():
            return time.monotonic() - began
        assert time.monotonic() - began < PATIENCE, "it never came"
        select.select(found.waits_for(), [], [], min(0.05, found.seconds_to_wait()))


def served(found: RepositoryWatcher) -> list[tuple[str, str]]:
    """The versions that serve, the default of each name first."""
    return [(model.name, model.version) for model in found.repository()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One model in one version."""
    put(tmp_path, "iris/1/model.onnx", classifier().data)
    return tmp_path


def test_a_start_loads_what_is_good_and_tells_what_is_not(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(folder, "plain.onnx")
    put(folder, "iris/9/model.onnx", b"damaged")
    put(folder, "bad.onnx", b"")
    (folder / "folder/1/model.onnx").mkdir(parents=True)
    with caplog.at_level(logging.ERROR, "dynonnx"):
        found = started(folder)
    assert served(found) == [("iris", "1"), ("plain", "1")]
    refused = found.repository().refused
    assert refused["bad", "1"] == "bad.onnx is empty: copy the whole file again"
    assert refused.keys() == {("iris", "9"), ("bad", "1"), ("folder", "1")}
    assert len(caplog.records) == 3
    assert {vars(record)["model"] for record in caplog.records} == {"iris", "bad", "folder"}


def test_what_was_found_in_the_child_is_what_the_model_has(folder: Path) -> None:
    model = started(folder).repository().get("iris")
    assert model.verdict.golden_rows == 16
    assert model.verdict.row_independent
    assert model.curve.seconds(64) > 0.0


@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "never ends"])
def test_a_bad_file_is_refused_and_the_version_before_it_serves_on(
    folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    found = started(folder)
    before = found.repository().get("iris")
    make, words = BAD[kind]
    put(folder, "iris/2/model.onnx", make())
    with caplog.at_level(logging.ERROR, "dynonnx"):
        until(found, lambda: bool(found.reasons("iris")))
    (reason,) = found.reasons()
    assert reason.startswith("iris/2/model.onnx")
    assert words in reason
    assert "\n" not in reason
    assert not found.has_changed
    assert found.repository().get("iris") is before
    assert [record.getMessage() for record in caplog.records] == [f"model refused: {reason}"]


def test_one_that_never_ends_is_ended_while_others_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.models.trial_process.CPU_SECONDS", 1)
    found = started(folder)
    put(folder, "endless.onnx", endless())
    until(found, lambda: bool(found.waits_for()))
    began = time.monotonic()
    assert not found.step()
    assert time.monotonic() - began < 0.5, "a step waits for nobody"
    until(found, lambda: bool(found.reasons("endless")))
    assert re.search("took more than 1 s of processor time|did not end within 3 s", found.reasons()[0])


def crash(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
    """Loads as ONNX Runtime might that is given something it cannot bear."""
    if file.name == "crash" and tried is None:
        os.kill(os.getpid(), signal.SIGSEGV)
    return LOAD(file, tried, **limits)


def test_one_that_crashes_its_process_is_refused(folder: Path) -> None:
    put(folder, "crash.onnx")
    found = started(folder, load=crash)
    assert found.reasons() == ["crash.onnx: its trial crashed (SIGSEGV); this model cannot serve here"]
    assert served(found) == [("iris", "1")]


def greedy(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
    """Takes far more memory when it is opened for good than it did in its trial."""
    if tried is not None and file.name == "greedy":
        bytes(4 << 30)
    return LOAD(file, tried, **limits)


def test_opening_for_good_is_limited_as_the_trial_was(folder: Path) -> None:
    put(folder, "greedy.onnx")
    found = started(folder, load=greedy)
    assert found.reasons() == ["greedy.onnx needs more than 512 MB of memory to open and run: make the model smaller"]
    assert served(found) == [("iris", "1")]


def test_new_versions_names_and_removals_are_noticed_and_the_rest_is_not_loaded_again(folder: Path) -> None:
    put(folder, "other.onnx")
    found = started(folder)
    iris, other = found.repository().get("iris"), found.repository().get("other")
    put(folder, "iris/10/model.onnx", classifier().data)
    took = until(found, lambda: found.has_changed)
    assert took < 2.0
    assert served(found) == [("iris", "10"), ("iris", "1"), ("other", "1")]
    assert found.repository().get("iris", "1") is iris
    assert found.repository().get("other") is other
    shutil.rmtree(folder / "iris" / "1")
    assert until(found, lambda: found.has_changed) < 2.0
    assert served(found) == [("iris", "10"), ("other", "1")]
    (folder / "other.onnx").unlink()
    until(found, lambda: found.has_changed)
    assert served(found) == [("iris", "10")]
    assert found.repository().get("iris").runtime is not iris.runtime


def test_a_file_replaced_under_its_version_is_loaded_again(folder: Path) -> None:
    found = started(folder)
    before = found.repository().get("iris")
    put(folder, "iris/1/model.onnx", regressor().data)
    until(found, lambda: found.has_changed)
    after = found.repository().get("iris")
    assert after.sha256 != before.sha256
    assert after.artefact == regressor().artefact


def test_a_bad_replacement_is_told_and_what_was_loaded_serves_on(folder: Path) -> None:
    found = started(folder)
    put(folder, "iris/1/model.onnx", b"oops\n")
    until(found, lambda: bool(found.reasons("iris")))
    assert served(found) == [("iris", "1")]
    put(folder, "iris/1/model.onnx", regressor().data)
    until(found, lambda: found.has_changed)
    assert found.reasons() == []
    assert found.repository().refused == {}


def test_a_file_that_grows_is_looked_at_again_until_it_is_whole(folder: Path) -> None:
    found = started(folder)
    data = regressor().data
    path = folder / "grows.onnx"
    path.write_bytes(data[:1000])
    until(found, lambda: bool(found.reasons("grows")))
    assert "ends in the middle, after 1000 bytes" in found.reasons()[0]
    path.write_bytes(data)
    until(found, lambda: found.has_changed)
    assert served(found) == [("grows", "1"), ("iris", "1")]
    assert found.reasons() == []


def test_a_file_that_grows_all_the_time_is_not_tried_meanwhile(folder: Path) -> None:
    found = started(folder)
    with (folder / "grows.onnx").open("wb", 0) as file:
        for piece in range(30):
            file.write(regressor().data[piece * 100 : piece * 100 + 100])
            found._next_scan = 0.0
            assert not found.step()
            assert not found.waits_for()
    assert found.reasons() == []


def test_a_file_that_changes_between_trial_and_opening_is_tried_again(folder: Path) -> None:
    tries: list[str] = []

    def load(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
        if tried is not None and file.name == "new":
            tries.append(tried.sha256)
            if len(tries) == 1:
                raise ChangedMeanwhile
        return LOAD(file, tried, **limits)

    found = started(folder, load=load)
    put(folder, "new.onnx")
    until(found, lambda: found.has_changed)
    assert len(tries) == 2
    assert served(found) == [("iris", "1"), ("new", "1")]


def test_two_files_of_one_name_change_nothing_of_it(folder: Path) -> None:
    found = started(folder)
    put(folder, "iris.onnx")
    until(found, lambda: bool(found.reasons("iris")))
    assert served(found) == [("iris", "1")]
    assert "iris.onnx and iris/ both hold" in found.repository().refused["iris", "1"]
    (folder / "iris.onnx").unlink()
    until(found, lambda: not found.reasons("iris"))
    assert served(found) == [("iris", "1")]
    assert served(started(folder)) == [("iris", "1")]


def test_a_folder_that_is_gone_lets_nothing_go(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = started(folder)
    folder.rename(folder.with_name("away"))
    with caplog.at_level(logging.ERROR, "dynonnx"):
        until(found, lambda: bool(caplog.records))
        for _ in range(3):
            found._next_scan = 0.0
            found.step()
    assert len(caplog.records) == 1
    assert "is gone, what is loaded serves on" in caplog.text
    assert served(found) == [("iris", "1")]


def test_unloaded_stays_unloaded_until_load(folder: Path) -> None:
    found = started(folder)
    found.unload("iris")
    assert found.has_changed
    assert served(found) == []
    assert "unloaded" in found.repository().refused["iris", "1"]
    with pytest.raises(ServerError) as caught:
        found.repository().get("iris")
    assert caught.value.code == "model_unavailable"
    put(folder, "iris/2/model.onnx", classifier().data)
    found.announce()
    until(found, lambda: len(found.repository().refused) == 2)
    assert not found.waits_for()
    assert not found.is_pending("iris")
    found.load("iris")
    assert found.is_pending("iris")
    until(found, lambda: not found.is_pending("iris"))
    assert served(found) == [("iris", "2"), ("iris", "1")]
    assert found.repository().refused == {}


def test_a_load_tries_at_once_and_again_what_was_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(folder, "bad.onnx", b"")
    found = started(folder)
    model = found.repository().get("iris")
    with caplog.at_level(logging.ERROR, "dynonnx"):
        caplog.clear()
        found.load("bad")
        until(found, lambda: not found.is_pending("bad"))
    assert len(caplog.records) == 1
    found.load("iris")
    assert not found.is_pending("iris"), "nothing has changed"
    assert found.repository().get("iris") is model
    assert found.knows("bad")
    assert not found.knows("nobody")


def test_strict_stops_at_the_first_that_does_not_load(folder: Path) -> None:
    put(folder, "bad.onnx", b"")
    with pytest.raises(BadRepository, match=r"bad\.onnx is empty"):
        watcher(folder).load_all(strict=True)
    (folder / "bad.onnx").unlink()
    put(folder, "iris.onnx")
    with pytest.raises(BadRepository, match="both hold"):
        watcher(folder).load_all(strict=True)


def test_a_default_that_is_not_there_stops_the_start_unless_nothing_is(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRepository, match="DYNONNX_DEFAULT_MODEL is 'nobody'"):
        started(folder, default_model="nobody")
    found = started(tmp_path / "nothing", default_model="iris")
    shutil.copytree(folder / "iris", tmp_path / "nothing" / "iris")
    until(found, lambda: found.has_changed)
    assert found.repository().get_default().name == "iris"


def test_closing_ends_a_trial(folder: Path) -> None:
    put(folder, "endless.onnx", endless())
    found = watcher(folder)
    found.announce("endless")
    until(found, lambda: bool(found.waits_for()))
    (child,) = found.waits_for()
    found.close()
    assert not found.waits_for()
    with pytest.raises(ProcessLookupError):
        os.kill(child._child._pid, 0)


def test_limits_grow_with_the_file_and_stay_within_the_box() -> None:
    assert trial_limits(0, None) == Limits(512 * MIB, 10, 30)
    assert trial_limits(100_000_000, None) == Limits(512 * MIB + 1_600_000_000, 20, 60)
    assert trial_limits(0, 512 * MIB).memory_bytes == 256 * MIB
