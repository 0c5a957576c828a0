"""What git is asked of a repository, and of models that it does not look at as one thinks."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from server.doctor.checkout import NoCheckout, look_at_models, read_checkout
from server.doctor.examination import Asked, examine
from server.doctor.models import find_in_models
from tests.server.doctor.conftest import MODEL, Repository

LATE = "models/late/1/model.onnx"


def found(repository: Repository, *files: str) -> list[str]:
    """What is found in the models, which nobody tries here."""
    checkout = look_at_models(read_checkout(repository.root), "models")
    findings = find_in_models(checkout, "models", files, {}, elsewhere=False, mend="")
    return [f"{what}\n{remedy}" for what, remedy in findings]


def follow(repository: Repository, told: str) -> None:
    repository.shell(told.split("\n")[1])


def test_a_model_in_a_repository_of_its_own(repository: Repository) -> None:
    repository.write(LATE, b"x")
    repository.shell("git init --quiet models/late && git add models/late 2>/dev/null || true")
    (told,) = found(repository, LATE)
    assert told.startswith("models/late/ is a git repository of its own")
    follow(repository, told)
    assert found(repository, LATE) == []


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_a_model_that_git_was_told_not_to_look_at(repository: Repository, flag: str) -> None:
    repository.git("update-index", flag, MODEL)
    assert found(repository, MODEL) == []
    repository.write(MODEL, b"another")
    (told,) = found(repository, MODEL)
    assert "git was told not to look at it" in told
    follow(repository, told)
    assert found(repository, MODEL) == []


@pytest.mark.parametrize(
    "path", ["models/late/model.onnx", "models/late/1/late.onnx", "models/late.ONNX", "models/late/1/deep/model.onnx"]
)
@pytest.mark.parametrize("committed", [False, True])
def test_a_model_where_no_server_looks(repository: Repository, path: str, committed: bool) -> None:
    (repository.commit if committed else repository.write)(path, b"x")
    (told,) = found(repository)
    assert told.startswith(f"{path} is where no server looks for a model: that is {LATE}")
    follow(repository, told)
    assert found(repository, LATE) == []


def test_a_private_key_in_git(repository: Repository) -> None:
    repository.commit("notes.txt", "-----BEGIN PRIVATE " + "KEY-----\n")
    assert read_checkout(repository.root).private_keys == {"notes.txt"}


def test_a_repository_that_git_does_not_read(repository: Repository) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives a repository to somebody else")
    for place in (repository.root, *repository.root.rglob("*")):
        os.chown(place, 65534, 65534, follow_symlinks=False)
    with pytest.raises(NoCheckout, match="somebody else owns") as caught:
        read_checkout(repository.root)
    assert caught.value.remedy.endswith(str(repository.root))


def test_a_folder_of_a_larger_repository(repository: Repository, tmp_path: Path) -> None:
    outer = Repository(tmp_path / "outer")
    outer.root.mkdir()
    outer.git("init", "--quiet")
    shutil.copytree(repository.root, outer.root / "ml", ignore=shutil.ignore_patterns(".git"))
    (told,) = examine(outer.root / "ml", Asked({}, {}, None, is_open=False)).findings
    assert told.remedy.startswith("git init")
    outer.git("add", ".")
    outer.git("commit", "--quiet", "--message", "x")
    (told,) = examine(outer.root / "ml", Asked({}, {}, None, is_open=False)).findings
    assert told.what.startswith("this is the folder ml/ of a larger repository")
    assert "subtree push --prefix ml heroku main" in told.remedy


@pytest.mark.parametrize(
    ("name", "address", "is_app"),
    [
        ("production", "https://git.heroku.com/mine.git", True),
        ("production", "https://heroku:word@git.heroku.com/mine.git", True),
        ("staging", "git@heroku.com:mine.git", True),
        ("heroku", "../there.git", True),
        ("origin", "https://github.com/me/heroku-churn.git", False),
        ("origin", "git@github.com:heroku/mine.git", False),
        ("heroku-copy", "https://example.org/git.heroku.com/mine.git", False),
    ],
)
def test_a_remote_is_an_app_by_its_address(repository: Repository, name: str, address: str, is_app: bool) -> None:
    repository.git("remote", "add", name, address)
    assert read_checkout(repository.root).apps == ((name,) if is_app else ())


def test_repositories_within_this_one(repository: Repository) -> None:
    for path in ("vendor/known", "vendor/stray"):
        inner = Repository(repository.root / path)
        inner.root.mkdir(parents=True)
        inner.git("init", "--quiet")
        inner.commit("x.txt", "x")
    repository.write(".gitmodules", '[submodule "k.url"]\n\tpath = vendor/known\n\turl = https://host/known.git\n')
    repository.shell("git add . 2>/dev/null && git commit -qm x")
    checkout = read_checkout(repository.root)
    assert checkout.inner == {"vendor/known": "https://host/known.git", "vendor/stray": ""}
    assert not [path for path in checkout.committed if path.startswith("vendor/")]


def test_a_line_end_in_the_name_of_a_model_is_no_other_file(repository: Repository) -> None:
    for name in ("a", "b", "a\nb"):
        repository.commit(f"models/{name}", name)
    assert not look_at_models(read_checkout(repository.root), "models").rewritten
