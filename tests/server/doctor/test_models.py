"""Models of which git keeps the place alone, behind links and in repositories of their own, or in another folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.server.doctor.conftest import MODEL, Repository


def data(repository: Repository) -> bytes:
    return (repository.root / MODEL).read_bytes()


def follow(repository: Repository, says: str) -> None:
    """One thing is found; its remedy, typed into a shell, mends it."""
    (told,) = repository.found()
    assert says in told, told
    repository.shell(told.split("\n")[1].removesuffix(", then make doctor"))
    assert repository.found() == []


@pytest.mark.parametrize("committed", [False, True])
@pytest.mark.parametrize("link", ["models", "models/late", "models/late/1", "models/late/1/model.onnx"])
def test_a_link_that_leads_out(repository: Repository, tmp_path: Path, link: str, committed: bool) -> None:
    path = Path("models/late/1/model.onnx")
    elsewhere = tmp_path / "elsewhere"
    there = elsewhere / path.relative_to(link) if path != Path(link) else elsewhere
    there.parent.mkdir(parents=True, exist_ok=True)
    there.write_bytes(data(repository))
    place = repository.root / link
    if link == "models":
        repository.shell("rm -r models")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(elsewhere)
    if committed:
        repository.shell("git add --all . && git commit -qm x")
    follow(repository, f"{link} is a link: git keeps where it leads")


def test_a_link_within_the_models_may_be(repository: Repository) -> None:
    second = repository.root / "models/tickets/2"
    second.mkdir()
    (second / "model.onnx").symlink_to("../1/model.onnx")
    repository.shell("git add . && git commit -qm x")
    assert repository.found() == []


def test_a_submodule_of_models(repository: Repository, tmp_path: Path) -> None:
    inner = Repository(tmp_path / "zoo")
    inner.root.mkdir()
    inner.git("init", "--quiet", "--initial-branch", "main")
    inner.commit("1/model.onnx", data(repository))
    repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.root), "models/late")
    repository.git("commit", "--quiet", "--message", "x")
    repository.git("clone", "--quiet", ".", str(tmp_path / "clone"))
    (told,) = Repository(tmp_path / "clone").found()
    assert told.startswith("models/late/ is a repository of its own, and no model of it is here\ngit submodule update")
    follow(repository, f"a push brings its address alone, for the build to ask {inner.root}")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("churn.onnx", "models/churn/1/model.onnx"),
        ("model/churn/2/model.onnx", "models/churn/2/model.onnx"),
        ("my models/churn.onnx", "models/churn/1/model.onnx"),
    ],
)
def test_a_model_in_another_folder(repository: Repository, path: str, place: str) -> None:
    repository.commit(path, data(repository))
    repository.remove("models")
    follow(repository, f"{path} is outside of models/")
    assert (repository.root / place).is_file()


def test_a_model_that_does_not_ship_may_lie_anywhere(repository: Repository) -> None:
    repository.commit("tests/churn.onnx", data(repository))
    repository.write("scratch/churn.onnx", data(repository))
    assert repository.found() == []
