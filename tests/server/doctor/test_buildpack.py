"""What the build reads otherwise than it looks: line ends of Windows, the version of Python."""

from __future__ import annotations

import pytest

from server.doctor.buildpack import python_of
from tests.server.doctor.conftest import Repository


@pytest.mark.parametrize("name", ["Procfile", ".slugignore", "bin/post_compile"])
def test_line_ends_of_windows(repository: Repository, name: str) -> None:
    file = repository.root / name
    text = file.read_text() if file.exists() else "#!/bin/sh\ntrue\n"
    repository.commit(name, text.replace("\n", "\r\n"))
    (told,) = repository.found()
    assert told.startswith(f"{name}: committed with the line ends of Windows")
    repository.shell(told.split("\n")[1])
    assert repository.found() == []
    assert file.read_text() == text


def test_line_ends_of_windows_that_the_build_takes_off(repository: Repository) -> None:
    for name in (".python-version", "requirements.txt", "app.json"):
        repository.commit(name, (repository.root / name).read_text().replace("\n", "\r\n"))
    assert repository.found() == []


def test_line_ends_that_git_makes_here_alone_are_nobodys_mistake(repository: Repository) -> None:
    repository.git("config", "core.autocrlf", "true")
    repository.shell("rm Procfile .slugignore && git checkout -- Procfile .slugignore")
    assert b"\r\n" in (repository.root / "Procfile").read_bytes()
    assert repository.found() == []


@pytest.mark.parametrize(
    ("text", "version"), [("3.13\n", "3.13"), ("# mine\r\n3.12.4\r\n", "3.12"), ("", None), ("python-3.13", None)]
)
def test_the_python_of_a_build(text: str, version: str | None) -> None:
    assert python_of({".python-version": text}) == version
