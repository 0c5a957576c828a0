"""A good checkout, as a clone with one committed model is, in a real git repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from server.doctor.checkout import Blob, Checkout
from server.doctor.examination import Asked, examine
from server.doctor.trying import Tried, try_models
from server.settings import Settings
from tests.conftest import ROOT
from tests.support.models.loading import put
from tests.support.server.models import classifier

AS_THEY_ARE = (
    "Procfile", "app.json", "project.toml", ".slugignore", ".python-version", "requirements.txt", ".gitignore",
)  # fmt: skip
MODEL = "models/tickets/1/model.onnx"


def checkout_of(texts: Mapping[str, str] = {}, *paths: str, sizes: Mapping[str, int] = {}) -> Checkout:
    """A checkout that no git was asked of: committed texts, more committed paths, and sizes of some."""
    names = (*texts, *paths, *sizes)
    return Checkout(
        root=Path("/nowhere"),
        committed={name: Blob("", sizes.get(name, len(texts.get(name, "")))) for name in names},
        changed=frozenset(),
        untracked=frozenset(),
        texts=texts,
        private_keys=frozenset(),
        shallow=False,
    )


class Repository:
    """A git repository in a folder, and what the doctor finds in it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def git(self, *words: str) -> str:
        """Runs git here, as nobody in particular."""
        who = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        run = subprocess.run(["git", *who, *words], cwd=self.root, capture_output=True, text=True, check=True)
        return run.stdout

    def shell(self, line: str) -> None:
        """Types a line into a shell, as nobody in particular."""
        names = {f"GIT_{who}_{what}": "n@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        subprocess.run(
            ["bash", "-c", line], cwd=self.root, env={**os.environ, **names}, capture_output=True, check=True
        )

    def write(self, path: str, text: str | bytes) -> None:
        """Puts a file, without git's knowledge."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(self, path: str, text: str | bytes) -> None:
        """Puts a file and commits it."""
        self.write(path, text)
        self.git("add", "--force", path)
        self.git("commit", "--quiet", "--message", "x")

    def remove(self, path: str) -> None:
        """Removes a file, and commits that."""
        self.git("rm", "-r", "--quiet", path)
        self.git("commit", "--quiet", "--message", "x")

    def add_line(self, path: str, line: str) -> None:
        """Commits a line more of a file."""
        self.commit(path, (self.root / path).read_text() + line + "\n")

    def found(
        self,
        environment: Mapping[str, str] | None = None,
        config_vars: Mapping[str, str] | None = None,
        size: str | None = None,
        *,
        is_open: bool = False,
    ) -> list[str]:
        """What the doctor says, each finding with its remedy."""
        asked = Asked(environment or {}, config_vars or {}, size, is_open)
        return [f"{what}\n{remedy}" for what, remedy in examine(self.root, asked).findings]

    def only(self, *texts: str, **asked: Mapping[str, str]) -> None:
        """Asserts that one thing is found, and that it says all of the texts."""
        found = self.found(**asked)  # type: ignore[arg-type]
        assert len(found) == 1, found
        assert not [text for text in texts if text not in found[0]], found


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    repository = Repository(tmp_path_factory.mktemp("doctor") / "good")
    repository.root.mkdir()
    for name in AS_THEY_ARE:
        shutil.copy(ROOT / name, repository.root)
    repository.write("server/__main__.py", "")
    put(repository.root / "models", "tickets/1/model.onnx", classifier().data)
    repository.git("init", "--quiet", "--initial-branch", "main")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "--message", "good")
    return repository.root


@pytest.fixture(scope="session")
def trials() -> dict[tuple[str, int | None], Tried]:
    """How the trial of the good checkout's model went, by settings and memory."""
    return {}


@pytest.fixture(autouse=True)
def tried_once(good: Path, trials: dict[tuple[str, int | None], Tried], monkeypatch: pytest.MonkeyPatch) -> None:
    """The good checkout's own model is tried once for all tests in which nothing else lies beside it."""

    def trial(folder: Path, settings: Settings, memory_bytes: int | None) -> Tried:
        if contents(folder) != contents(good / "models"):
            return try_models(folder, settings, memory_bytes)
        key = repr(settings), memory_bytes
        if key not in trials:
            trials[key] = try_models(folder, settings, memory_bytes)
        return trials[key]

    monkeypatch.setattr("server.doctor.examination.try_models", trial)


def contents(folder: Path) -> list[tuple[str, bool, bytes]]:
    """Every name in a folder, whether it is a link, and what it holds."""
    return sorted(
        (
            str(path.relative_to(folder)),
            path.is_symlink(),
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in (folder, *folder.rglob("*"))
    )


@pytest.fixture
def repository(good: Path, tmp_path: Path) -> Repository:
    return Repository(Path(shutil.copytree(good, tmp_path / "app")))
