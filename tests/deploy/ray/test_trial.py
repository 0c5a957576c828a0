"""A replica opens what was tried in a process of its own, and tells what was not."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.ray.trial import open_models
from server.models.repository import BadRepository, Repository
from server.settings import read_settings
from tests.support.models.loading import put


def opened(folder: Path, **more: str) -> Repository:
    given = {"DYNONNX_MODELS": str(folder), **more}
    return open_models(read_settings(given), given)


def test_what_serves_is_opened_and_what_does_not_has_its_reason(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path, "good/2/model.onnx")
    put(tmp_path, "bad/1/model.onnx", b"no model")
    repository = opened(tmp_path, DYNONNX_DEFAULT_MODEL="good")
    (model,) = repository
    assert (model.name, model.version) == ("good", "2")
    assert repository.get_default() is model
    assert model.curve.fixed_seconds > 0, "learned by the trial"
    assert list(repository.refused) == [("bad", "1")]
    assert repository.refused["bad", "1"] in caplog.text


def test_a_folder_of_which_nothing_serves_is_no_replica(tmp_path: Path) -> None:
    put(tmp_path, "bad/1/model.onnx", b"no model")
    with pytest.raises(BadRepository, match=r"has no model that serves: .*bad/1/model\.onnx"):
        opened(tmp_path)


@pytest.mark.slow
def test_what_cannot_be_fetched_is_told(tmp_path: Path) -> None:
    digest = "0" * 64
    with pytest.raises(BadRepository, match="DYNONNX_MODELS_FROM"):
        opened(tmp_path, DYNONNX_MODELS_FROM=f"http://127.0.0.1:9/iris.onnx#sha256={digest}", DYNONNX_FETCH_SECONDS="1")
