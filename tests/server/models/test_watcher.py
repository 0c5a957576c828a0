"""The watcher: good files of the folder are tried in a child and serve; bad ones change nothing."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.errors import ServerError
from server.models import trial_process
from server.models import watcher as watching
from server.models.confined import ConfinedChild
from server.models.files import ChangedMeanwhile
from server.models.folder import Listing, VersionFile, scan
from server.models.repository import BadRepository, Model
from server.models.trial import Findings
from server.models.watcher import GATHER_SECONDS, LOOK_SECONDS
from tests.support.models.bad_models import BAD, endless
from tests.support.models.loading import crash, greedy, load_version
from tests.support.models.watching import put, served, started, until, watcher
from tests.support.server.models import classifier, regressor

# The test process may have threads of libraries; a trial's child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


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
    assert not watched.step()
    assert watched.waits_for(), "a step waits for nobody"
    until(watched, lambda: bool(watched.reasons("endless")))
    assert re.search("took more than 1 s of processor time|did not end within 3 s", watched.reasons()[0])


def test_a_trial_that_lasts_keeps_no_other_model_from_serving(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = started(folder)
    put(folder, "a.onnx")
    put(folder, "endless.onnx", endless())
    until(watched, lambda: watched.has_changed and bool(watched.waits_for()))
    assert not watched.step(), "more may come soon"
    later = time.monotonic() + GATHER_SECONDS
    monkeypatch.setattr(watching, "monotonic", lambda: later)
    assert watched.step()
    assert watched.waits_for(), "it goes on"
    assert served(watched) == [("a", "1"), ("iris", "1")]
    assert not watched.step(), "nothing has changed since"
    watched.close()


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


def test_new_versions_names_and_removals_are_noticed_and_the_rest_is_not_loaded_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within 2 s, counted in looks at the folder: a busy machine takes longer from one to the next."""
    put(folder, "other.onnx")
    watched = started(folder)
    iris, other = watched.repository().get("iris"), watched.repository().get("other")
    put(folder, "iris/10/model.onnx", classifier().data)
    looks: list[Path] = []

    def look(place: Path) -> Listing:
        looks.append(place)
        return scan(place)

    monkeypatch.setattr(watching, "scan", look)
    until(watched, lambda: watched.has_changed)
    assert len(looks) * LOOK_SECONDS < 2.0
    assert served(watched) == [("iris", "10"), ("iris", "1"), ("other", "1")]
    assert watched.repository().get("iris", "1") is iris
    assert watched.repository().get("other") is other
    shutil.rmtree(folder / "iris" / "1")
    looks.clear()
    until(watched, lambda: watched.has_changed)
    assert len(looks) * LOOK_SECONDS < 2.0
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


@pytest.mark.fault(38)
def test_a_file_that_no_descriptor_is_left_for_serves_once_there_is_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = iter([True, True, False])

    def load(file: VersionFile, tried: Findings | None = None, **content: Any) -> Model:
        if tried is not None and next(fails):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return load_version(file, tried, **content)

    monkeypatch.setattr(watching, "RETRY_SECONDS", 0.0)
    watched = watcher(folder, load)
    watched.announce()
    until(watched, lambda: served(watched) == [("iris", "1")])
    assert not watched.repository().refused


def test_a_start_goes_on_with_the_models_after_one_that_cannot_be_tried_yet(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "plain.onnx")
    fail_forks(monkeypatch, True)
    now = [1000.0]
    monkeypatch.setattr(watching, "monotonic", lambda: now[0])
    watched = started(folder)
    assert len(served(watched)) == 1
    now[0] += watching.RETRY_SECONDS
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
