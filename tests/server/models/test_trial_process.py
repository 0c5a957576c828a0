"""The trial of one file: findings that the model keeps, every way to be refused, limits, and the end of the child."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.models.confined import Limits
from server.models.files import ChangedMeanwhile
from server.models.folder import VersionFile
from server.models.repository import Model
from server.models.trial import Findings
from server.models.trial_process import MAX_REASON, MIB, FileRefused, TrialProcess, TrialPutOff, trial_limits
from tests.support.models.bad_models import endless
from tests.support.models.loading import crash, greedy, load_version, put
from tests.support.server.models import classifier, regressor

# The test process may have threads of libraries; a trial's child uses none of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")


def trial_of(path: Path, load: Callable[..., Model] = load_version) -> TrialProcess:
    """Begins the trial of a file under the name of the path, version 7."""
    return TrialProcess(load, VersionFile(path.stem, "7", path), trial_limits(path.stat().st_size, None))


def result_of(process: TrialProcess) -> Model:
    """Waits for the model. Raises what `TrialProcess.collect` raises."""
    while (model := process.collect()) is None:
        select.select([process], [], [], 30.0)
    return model


def refusal(process: TrialProcess) -> str:
    """Waits for the refusal."""
    with pytest.raises(FileRefused) as caught:
        result_of(process)
    return str(caught.value)


def test_the_findings_of_the_child_are_those_of_the_model(tmp_path: Path) -> None:
    model = result_of(trial_of(put(tmp_path, "m.onnx", classifier().data)))
    assert (model.name, model.version) == ("m", "7")
    assert (model.verdict.golden_rows, model.verdict.row_independent) == (16, True)
    assert model.curve.seconds(64) > 0.0


def test_a_bad_file_is_refused_by_a_message_that_continues_its_name(tmp_path: Path) -> None:
    assert refusal(trial_of(put(tmp_path, "m.onnx", b""))) == " is empty: copy the whole file again"


def test_an_error_that_is_no_sentence_of_ours_follows_a_colon(tmp_path: Path) -> None:
    def load(file: VersionFile, tried: Findings | None = None, **_: Any) -> Model:
        raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : /onnxruntime_src/core/a.cc:12 it\n broke")

    assert refusal(trial_of(put(tmp_path, "m.onnx"), load)) == ": it broke"


def test_a_long_reason_is_cut(tmp_path: Path) -> None:
    def load(file: VersionFile, tried: Findings | None = None, **_: Any) -> Model:
        raise RuntimeError("x" * 10_000)

    assert refusal(trial_of(put(tmp_path, "m.onnx"), load)) == ": " + "x" * MAX_REASON + " ..."


@pytest.mark.fault(53)
def test_a_file_that_crashes_the_child_is_refused(tmp_path: Path) -> None:
    message = ": its trial crashed (SIGSEGV); this model cannot serve here"
    assert refusal(trial_of(put(tmp_path, "bad.onnx"), crash)) == message


def test_opening_is_limited_as_the_trial_was(tmp_path: Path) -> None:
    message = " needs more than 512 MB of memory to open and run: make the model smaller"
    assert refusal(trial_of(put(tmp_path, "bad.onnx"), greedy)) == message


def test_a_file_that_changes_after_its_trial_is_not_opened(tmp_path: Path) -> None:
    path = put(tmp_path, "m.onnx", classifier().data)

    def load(file: VersionFile, tried: Findings | None = None, **content: Any) -> Model:
        if tried is not None:
            put(tmp_path, "m.onnx", regressor().data)
        return load_version(file, tried, **content)

    with pytest.raises(ChangedMeanwhile):
        result_of(trial_of(path, load))


@pytest.mark.fault(38)
@pytest.mark.parametrize(
    ("number", "error"), [(errno.EMFILE, TrialPutOff), (errno.ENFILE, TrialPutOff), (errno.EACCES, FileRefused)]
)
def test_without_a_descriptor_to_open_it_a_file_is_to_be_tried_again(
    number: int, error: type[FileRefused], tmp_path: Path
) -> None:
    def load(file: VersionFile, tried: Findings | None = None, **content: Any) -> Model:
        if tried is not None:
            raise OSError(number, os.strerror(number))
        return load_version(file, tried, **content)

    with pytest.raises(FileRefused) as caught:
        result_of(trial_of(put(tmp_path, "m.onnx"), load))
    assert type(caught.value) is error


def test_of_a_file_that_is_huge_after_its_trial_nothing_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path, "m.onnx", classifier().data)
    read: list[object] = []

    def load(file: VersionFile, tried: Findings | None = None, **content: Any) -> Model:
        if tried is not None:
            os.truncate(path, 1 << 30)
            monkeypatch.setattr("server.models.files._read", lambda *asked: read.append(asked))
        return load_version(file, tried, **content)

    with pytest.raises(ChangedMeanwhile):
        result_of(trial_of(path, load))
    assert read == []


@pytest.mark.parametrize("said", [b"refused\xff\xfe", b"{", b"", b'{"sha256": 1}', b"refused" + b"x" * 100_000])
def test_nonsense_of_a_child_that_was_taken_over_is_a_refusal(
    said: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.models.trial_process._try", lambda *_: said)
    assert len(refusal(trial_of(put(tmp_path, "m.onnx")))) <= 2 * MAX_REASON


def test_walls_that_are_missing_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("server.models.confined.confine", lambda: ("the filter could not be set up",))
    for name in ("a.onnx", "b.onnx"):
        assert result_of(trial_of(put(tmp_path, name, classifier().data))).name == name[0]
    assert caplog.messages == ["new models are tried without every wall: the filter could not be set up"]


def test_kill_ends_the_child(tmp_path: Path) -> None:
    process = trial_of(put(tmp_path, "m.onnx", endless()))
    pid = process._child._pid
    process.kill()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_trial_that_cannot_begin_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_child(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("server.models.trial_process.ConfinedChild", no_child)
    with pytest.raises(FileRefused, match="no process could be started to try it"):
        trial_of(put(tmp_path, "m.onnx"))


def test_limits_grow_with_the_file_and_stay_within_the_box() -> None:
    assert trial_limits(0, None) == Limits(512 * MIB, 10, 30)
    assert trial_limits(100_000_000, None) == Limits(512 * MIB + 1_600_000_000, 20, 60)
    assert trial_limits(0, 512 * MIB).memory_bytes == 256 * MIB
