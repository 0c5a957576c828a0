"""The repository: what a name looks up among what is loaded and what was refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import ServerError
from server.models.folder import scan
from server.models.repository import Repository
from tests.support.models.loading import load, load_version, put
from tests.support.server.models import (
    classifier,
)

REFUSED = {("iris", "9"): "it is damaged", ("bad", "1"): "it is empty"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two models, one in two versions."""
    put(tmp_path, "iris/1/model.onnx", classifier().data)
    put(tmp_path, "iris/10/model.onnx", classifier().data)
    put(tmp_path, "plain.onnx")
    return tmp_path


def load_all(folder: Path, default_model: str | None = None) -> Repository:
    """The whole folder, and some that were refused."""
    models = [load_version(file) for file in scan(folder).files]
    return Repository(models, REFUSED, default_model)


def code(repository: Repository, *arguments: str) -> str:
    """The error of looking something up."""
    with pytest.raises(ServerError) as caught:
        repository.get(*arguments)
    return caught.value.code


def test_a_name_looks_up_the_highest_version(folder: Path) -> None:
    repository = load_all(folder)
    assert repository.get("iris").version == "10"
    assert repository.get("iris", "1").version == "1"
    assert code(repository, "iris", "9") == "model_unavailable"
    assert code(repository, "bad") == "model_unavailable"
    assert code(repository, "bad", "1") == "model_unavailable"
    assert code(repository, "bad", "2") == "not_found"
    assert code(repository, "iris", "2") == "not_found"
    assert code(repository, "iris", "010") == "not_found"


@pytest.mark.fault(55)
@pytest.mark.parametrize(
    "name", ["", ".", "..", "Iris", "iris/1", "../iris", "iris\x00", "%2e%2e", "C:\\x", "ir\u0456s", "x" * 300]
)
def test_any_other_name_is_not_found(folder: Path, name: str) -> None:
    repository = load_all(folder)
    assert code(repository, name) == "not_found"
    assert code(repository, "iris", name) == "not_found"


def test_the_default_is_the_only_model_or_the_named_one(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ServerError, match=r"several models are served, .*: name one as in /models/"):
        load_all(folder).get_default()
    assert load_all(folder, "plain").get_default().name == "plain"
    with pytest.raises(ServerError, match="did not load"):
        load_all(folder, "bad").get_default()
    alone = load(put(tmp_path_factory.mktemp("alone"), "m.onnx"))
    assert Repository([alone], {}).get_default().name == "m"


def test_no_model_at_all() -> None:
    repository = Repository([], {})
    assert list(repository) == []
    with pytest.raises(ServerError) as caught:
        repository.get_default()
    assert (caught.value.code, caught.value.status) == ("model_unavailable", 503)
    assert code(repository, "iris") == "not_found"


@given(st.text(max_size=80), st.none() | st.text(max_size=20))
def test_any_text_names_a_model_or_none(name: str, version: str | None) -> None:
    repository = Repository([], {("iris", "1"): "it is refused"})
    with pytest.raises(ServerError) as caught:
        repository.get(name, version)
    refused = name == "iris" and version in (None, "1")
    assert caught.value.code == ("model_unavailable" if refused else "not_found")
    assert len(caught.value.message) < 200
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("irs", None, 'there is no model "irs"; there are iris, plain: did you mean iris?'),
        ("whale", None, 'there is no model "whale"; there are iris, plain; GET /models lists what is served'),
        ("i" * 500, None, "...; there are iris, plain; GET /models lists what is served"),
        ("iris", "2", "model 'iris' has no version \"2\"; it has 10, 1"),
    ],
)
def test_what_is_not_there_is_named_beside_what_is(folder: Path, name: str, version: str | None, said: str) -> None:
    with pytest.raises(ServerError) as caught:
        load_all(folder).get(name, version)
    assert caught.value.message.endswith(said)
