"""The watcher: good files of the folder are tried in a child and serve; bad ones change nothing."""

from __future__ import annotations

import logging
import os
import re
import select
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.errors import ServerError
from server.models import trial_process
from server.models.bulletin import Bulletin
from server.models.confined import ConfinedChild
from server.models.loading import ChangedMeanwhile
from server.models.repository import BadRepository, Model, VersionFile
from server.models.trial import Findings
from server.models.watcher import RepositoryWatcher
from tests.support.models.bad_models import BAD, endless
from tests.support.models.loading import crash, greedy, load_version, refuse
from tests.support.server.models import classifier, plain, regressor

# The test process may have threads of libraries; a trial's child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
PATIENCE = 30.0


def put(folder: Path, place: str, data: bytes | None = None) -> Path:
    """Writes a model file as a careful person does: whole, by rename."""
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(plain().data if data is None else data)
    part.rename(path)
    return path


def watcher(
    folder: Path, load: Callable[..., Model] = load_version, default_model: str | None = None
) -> RepositoryWatcher:
    """The models of a folder, none loaded yet."""
    return RepositoryWatcher(folder, load, Bulletin(), default_model=default_model, box_bytes=None)


def started(folder: Path, **settings: Any) -> RepositoryWatcher:
    """The models of a folder, all that is good loaded."""
    watched = watcher(folder, **settings)
    watched.load_all(strict=False)
    return watched


def until(watched: RepositoryWatcher, reached: Callable[[], bool]) -> float:
    """Steps until something is so; gives how long that took."""
    began = time.monotonic()
    while True:
        watched.step()
        if reached():
            return time.monotonic() - began
        assert time.monotonic() - began < PATIENCE, "it never came"
        select.select(watched.waits_for(), [], [], min(0.05, watched.seconds_to_wait()))


def served(watched: RepositoryWatcher) -> list[tuple[str, str]]:
    """The versions that serve, the default of each name first."""
    return [(model.name, model.version) for model in watched.repository()]


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
        watched = started(folder)
    assert served(watched) == [("iris", "1"), ("plain", "1")]
    refused = watched.repository().refused
    assert refused["bad", "1"] == "bad.onnx is empty: copy the whole file again"
    assert refused.keys() == {("iris", "9"), ("bad", "1"), ("folder", "1")}
    assert len(caplog.records) == 3
    assert {vars(record)["model"] for record in caplog.records} == {"iris", "bad", "folder"}


def test_what_was_found_in_the_child_is_what_the_model_has(folder: Path) -> None:
    model = started(folder).repository().get("iris")
    assert model.verdict.golden_rows == 16
    assert model.verdict.row_independent
    assert model.curve.seconds(64) > 0.0


@pytest.mark.fault(48)
@pytest.mark.parametrize("kind", [kind for kind in BAD if kind != "never ends"])
def test_a_bad_file_is_refused_and_the_version_before_it_serves_on(
    folder: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    watched = started(folder)
    before = watched.repository().get("iris")
    make, words = BAD[kind]
    put(folder, "iris/2/model.onnx", make())
    with caplog.at_level(logging.ERROR, "dynonnx"):
        until(watched, lambda: bool(watched.reasons("iris")))
    (reason,) = watched.reasons()
    assert reason.startswith("iris/2/model.onnx")
    assert words in reason
    assert "\n" not in reason
    assert not watched.has_changed
    assert watched.repository().get("iris") is before
    assert [record.getMessage() for record in caplog.records] == [f"model refused: {reason}"]


def test_one_that_never_ends_is_ended_while_others_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.models.trial_process.CPU_SECONDS", 1)
    watched = started(folder)
    put(folder, "endless.onnx", endless())
    until(watched, lambda: bool(watched.waits_for()))
    began = time.monotonic()
    assert not watched.step()
    assert time.monotonic() - began < 0.5, "a step waits for nobody"
    until(watched, lambda: bool(watched.reasons("endless")))
    assert re.search("took more than 1 s of processor time|did not end within 3 s", watched.reasons()[0])


@pytest.mark.fault(50, 53)
@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (crash, ": its trial crashed (SIGSEGV); this model cannot serve here"),
        (greedy, " needs more than 512 MB of memory to open and run: make the model smaller"),
    ],
)
def test_a_file_that_crashes_or_needs_more_memory_than_its_trial_is_refused(
    folder: Path, load: Callable[..., Model], reason: str
) -> None:
    put(folder, "bad.onnx")
    watched = started(folder, load=load)
    assert watched.reasons() == [f"bad.onnx{reason}"]
    assert served(watched) == [("iris", "1")]


def test_new_versions_names_and_removals_are_noticed_and_the_rest_is_not_loaded_again(folder: Path) -> None:
    put(folder, "other.onnx")
    watched = started(folder)
    iris, other = watched.repository().get("iris"), watched.repository().get("other")
    put(folder, "iris/10/model.onnx", classifier().data)
    took = until(watched, lambda: watched.has_changed)
    assert took < 2.0
    assert served(watched) == [("iris", "10"), ("iris", "1"), ("other", "1")]
    assert watched.repository().get("iris", "1") is iris
    assert watched.repository().get("other") is other
    shutil.rmtree(folder / "iris" / "1")
    assert until(watched, lambda: watched.has_changed) < 2.0
    assert served(watched) == [("iris", "10"), ("other", "1")]
    (folder / "other.onnx").unlink()
    until(watched, lambda: watched.has_changed)
    assert served(watched) == [("iris", "10")]
    assert watched.repository().get("iris").runtime is not iris.runtime


def test_a_file_replaced_under_its_version_is_loaded_again(folder: Path) -> None:
    watched = started(folder)
    before = watched.repository().get("iris")
    put(folder, "iris/1/model.onnx", regressor().data)
    until(watched, lambda: watched.has_changed)
    after = watched.repository().get("iris")
    assert after.sha256 != before.sha256
    assert after.artefact == regressor().artefact


@pytest.mark.fault(54)
def test_a_bad_replacement_is_told_and_what_was_loaded_serves_on(folder: Path) -> None:
    watched = started(folder)
    put(folder, "iris/1/model.onnx", b"oops\n")
    until(watched, lambda: bool(watched.reasons("iris")))
    assert served(watched) == [("iris", "1")]
    put(folder, "iris/1/model.onnx", regressor().data)
    until(watched, lambda: watched.has_changed)
    assert watched.reasons() == []
    assert watched.repository().refused == {}


@pytest.mark.fault(54)
def test_a_file_that_grows_is_looked_at_again_until_it_is_whole(folder: Path) -> None:
    watched = started(folder)
    data = regressor().data
    path = folder / "grows.onnx"
    path.write_bytes(data[:1000])
    until(watched, lambda: bool(watched.reasons("grows")))
    assert "ends in the middle, after 1000 bytes" in watched.reasons()[0]
    path.write_bytes(data)
    until(watched, lambda: watched.has_changed)
    assert served(watched) == [("grows", "1"), ("iris", "1")]
    assert watched.reasons() == []


def test_a_file_that_grows_all_the_time_is_not_tried_meanwhile(folder: Path) -> None:
    watched = started(folder)
    with (folder / "grows.onnx").open("wb", 0) as file:
        for piece in range(30):
            file.write(regressor().data[piece * 100 : piece * 100 + 100])
            watched._next_scan = 0.0
            assert not watched.step()
            assert not watched.waits_for()
    assert watched.reasons() == []


def test_a_file_that_changes_between_trial_and_opening_is_tried_again(folder: Path) -> None:
    tries: list[str] = []

    def load(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
        if tried is not None and file.name == "new":
            tries.append(tried.sha256)
            if len(tries) == 1:
                raise ChangedMeanwhile
        return load_version(file, tried, **limits)

    watched = started(folder, load=load)
    put(folder, "new.onnx")
    until(watched, lambda: watched.has_changed)
    assert len(tries) == 2
    assert served(watched) == [("iris", "1"), ("new", "1")]


def test_a_trial_that_always_tells_of_other_bytes_is_refused_and_not_tried_for_ever(folder: Path) -> None:
    tries: list[str] = []

    def load(file: VersionFile, tried: Findings | None = None, **limits: Any) -> Model:
        if tried is not None and file.name == "new":
            tries.append(tried.sha256)
            raise ChangedMeanwhile
        return load_version(file, tried, **limits)

    watched = started(folder, load=load)
    put(folder, "new.onnx")
    until(watched, lambda: bool(watched.reasons("new")))
    assert len(tries) == 2
    assert "tells of other bytes" in watched.reasons("new")[0]
    assert served(watched) == [("iris", "1")]


def test_two_files_of_one_name_change_nothing_of_it(folder: Path) -> None:
    watched = started(folder)
    put(folder, "iris.onnx")
    until(watched, lambda: bool(watched.reasons("iris")))
    assert served(watched) == [("iris", "1")]
    assert "iris.onnx and iris/ both hold" in watched.repository().refused["iris", "1"]
    (folder / "iris.onnx").unlink()
    until(watched, lambda: not watched.reasons("iris"))
    assert served(watched) == [("iris", "1")]
    assert served(started(folder)) == [("iris", "1")]


@pytest.mark.parametrize(
    ("way", "place", "said"),
    [
        ("stat", "iris/1/model.onnx", "iris cannot be read, what is loaded of it serves on"),
        ("stat", "iris/1/model.onnx.sig", "a model's file cannot be looked at, what is loaded serves on"),
        ("iterdir", "iris", "iris cannot be read, what is loaded of it serves on"),
    ],
)
def test_a_file_that_cannot_be_looked_at_serves_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str, place: str, said: str
) -> None:
    watched = started(folder)
    with monkeypatch.context() as patch:
        refuse(patch, way, folder / place)
        for _ in range(3):
            watched._next_scan = 0.0
            watched.announce()
            assert not watched.step()
            assert served(watched) == [("iris", "1")]
    assert len(caplog.messages) == 1, "it is said once"
    assert said in caplog.text
    watched.announce()
    assert not watched.step()
    assert watched.repository().refused == {}
    shutil.rmtree(folder / "iris")
    until(watched, lambda: served(watched) == [])


def test_a_folder_that_is_gone_lets_nothing_go(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = started(folder)
    folder.rename(folder.with_name("away"))
    with caplog.at_level(logging.ERROR, "dynonnx"):
        until(watched, lambda: bool(caplog.records))
        for _ in range(3):
            watched._next_scan = 0.0
            watched.step()
    assert len(caplog.records) == 1
    assert "is gone, what is loaded serves on" in caplog.text
    assert served(watched) == [("iris", "1")]


def test_unloaded_stays_unloaded_until_load(folder: Path) -> None:
    watched = started(folder)
    watched.unload("iris")
    assert watched.has_changed
    assert served(watched) == []
    assert "unloaded" in watched.repository().refused["iris", "1"]
    with pytest.raises(ServerError) as caught:
        watched.repository().get("iris")
    assert caught.value.code == "model_unavailable"
    put(folder, "iris/2/model.onnx", classifier().data)
    watched.announce()
    until(watched, lambda: len(watched.repository().refused) == 2)
    assert not watched.waits_for()
    assert not watched.is_pending("iris")
    watched.load("iris")
    assert watched.is_pending("iris")
    until(watched, lambda: not watched.is_pending("iris"))
    assert served(watched) == [("iris", "2"), ("iris", "1")]
    assert watched.repository().refused == {}


def test_unloading_what_is_not_there_remembers_nothing(folder: Path) -> None:
    watched = started(folder)
    for number in range(100):
        watched.unload(f"nobody-{number}")
    watched.unload("plain")
    assert not watched._unloaded
    put(folder, "plain.onnx")
    until(watched, lambda: watched.has_changed)
    assert ("plain", "1") in served(watched)


def fail_forks(monkeypatch: pytest.MonkeyPatch, *fails: bool) -> None:
    """Lets the forks of trials fail, one after the other, where it says True; those after them succeed."""
    rest = iter(fails)
    begin = ConfinedChild

    def fork(*arguments: Any) -> ConfinedChild[Any]:
        if next(rest, False):
            raise BlockingIOError(11, "Resource temporarily unavailable")
        return begin(*arguments)

    monkeypatch.setattr(trial_process, "ConfinedChild", fork)


def test_where_no_process_can_be_started_a_trial_is_put_off_and_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    put(folder, "plain.onnx")
    fail_forks(monkeypatch, True, False, True, True)
    monkeypatch.setattr("server.models.watcher.RETRY_SECONDS", 0.0)
    watched = watcher(folder)
    with caplog.at_level(logging.ERROR, "dynonnx"):
        watched.announce()
        watched.step()
        assert "no process could be started to try it" in watched.repository().refused["iris", "1"]
        assert not watched.is_pending("iris"), "a load call is not left waiting for it"
        until(watched, lambda: len(served(watched)) == 2)
    assert len(caplog.records) == 2, "each model's failure is said once"
    assert not watched.repository().refused


def test_a_start_goes_on_with_the_models_after_one_that_cannot_be_tried_yet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "plain.onnx")
    fail_forks(monkeypatch, True)
    watched = started(folder)
    assert len(served(watched)) == 1
    until(watched, lambda: len(served(watched)) == 2)


def test_a_load_tries_at_once_and_again_what_was_refused(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(folder, "bad.onnx", b"")
    watched = started(folder)
    model = watched.repository().get("iris")
    with caplog.at_level(logging.ERROR, "dynonnx"):
        caplog.clear()
        watched.load("bad")
        until(watched, lambda: not watched.is_pending("bad"))
    assert len(caplog.records) == 1
    watched.load("iris")
    assert not watched.is_pending("iris"), "nothing has changed"
    assert watched.repository().get("iris") is model
    assert watched.knows("bad")
    assert not watched.knows("nobody")


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
    watched = started(tmp_path / "nothing", default_model="iris")
    shutil.copytree(folder / "iris", tmp_path / "nothing" / "iris")
    until(watched, lambda: watched.has_changed)
    assert watched.repository().get_default().name == "iris"


def test_closing_ends_a_trial(folder: Path) -> None:
    put(folder, "endless.onnx", endless())
    watched = watcher(folder)
    watched.announce("endless")
    until(watched, lambda: bool(watched.waits_for()))
    (child,) = watched.waits_for()
    watched.close()
    assert not watched.waits_for()
    with pytest.raises(ProcessLookupError):
        os.kill(child._child._pid, 0)


@pytest.mark.parametrize("bad", ["1 copy", "2 (old)", "x" * 65])
def test_a_version_of_a_bad_name_keeps_no_other_version_from_serving(folder: Path, bad: str) -> None:
    put(folder, f"iris/{bad}/model.onnx")
    watched = started(folder)
    assert served(watched) == [("iris", "1")]
    assert "rename it" in watched.repository().refused["iris", bad]
    put(folder, "iris/2/model.onnx")
    until(watched, lambda: served(watched) == [("iris", "2"), ("iris", "1")])
    (folder / "iris/1/model.onnx").unlink()
    until(watched, lambda: served(watched) == [("iris", "2")])


def test_reasons_that_do_not_fit_are_published_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2000):
        (folder / f"{'é' * 100}{number}.onnx").touch()
    published = []
    monkeypatch.setattr(Bulletin, "publish", lambda _, reasons: published.append(len(reasons)))
    watched = started(folder)
    for _ in range(5):
        watched.step()
    assert published[-1] == 2000
    assert len(published) <= 3
