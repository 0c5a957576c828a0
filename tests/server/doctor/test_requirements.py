"""What pip would not install of a list of requirements, and what no server starts with."""

from __future__ import annotations

import pytest

from server.doctor.requirements import find_in_requirements, pinned, runs_on
from tests.conftest import ROOT
from tests.server.doctor.conftest import checkout_of

GOOD = (ROOT / "requirements.txt").read_text()
HASH = f"--hash=sha256:{'0' * 64}"
FROZEN = "\n".join(f"{name}=={version}" for name, version in pinned({"requirements.txt": GOOD}).items())


def found(text: str, *files: str, python: str | None = "3.13") -> list[str]:
    checkout = checkout_of({"requirements.txt": text}, *files)
    return [f"{what}\n{remedy}" for what, remedy in find_in_requirements(checkout, python)]


def test_what_make_lock_makes_is_good() -> None:
    assert found(GOOD) == []
    assert found(GOOD.replace("\n", "\r\n")) == []


@pytest.mark.parametrize(
    ("text", "says", "remedy"),
    [
        (FROZEN, "has no hashes", "make lock"),
        (f"{GOOD}\nnumpy==1.26.0 {HASH}\n", "has numpy twice (1.26.0, 2.4.6), and pip refuses that", "make lock"),
        (f"{GOOD}\n-e .\n", "has `-e .`, which has no hash", "make lock"),
        (f"{GOOD}\n-r requirements-mine.txt\n", "names requirements-mine.txt, which is not committed", "git add"),
        (f"{GOOD}\nhttps://host/x.whl\n", "but none for https://host/x.whl", "requirements.in"),
        ("numpy\n", "lacks fastapi, gunicorn", "make lock"),
        (f"--index-url https://me:word@pypi.my.org/simple\n{GOOD}", "has a password in it", "sed -i '/^--index-url/d'"),
        (f"--extra-index-url http://nexus:8081/simple\n{GOOD}", "where the build finds nothing", "sed -i"),
        (f"--find-links wheels/\n{GOOD}", "where the build finds nothing", "sed -i '/^--find-links/d'"),
        (f"--find-links http://[\n{GOOD}", "where the build finds nothing", "sed -i '/^--find-links/d'"),
    ],
)
def test_what_is_found(text: str, says: str, remedy: str) -> None:
    (told,) = found(text)
    assert says in told
    assert remedy in told.split("\n")[1]


def test_a_list_that_is_named_counts() -> None:
    texts = {"requirements.txt": f"{GOOD}\n-r requirements-signing.txt\n", "requirements-signing.txt": "pynacl==1.6.1"}
    assert found(texts["requirements.txt"], "requirements-signing.txt") == []
    assert pinned(texts)["pynacl"] == "1.6.1"


@pytest.mark.parametrize("address", ["https://pypi.org/simple", "https://me:${WORD}@pypi.my.org/simple"])
def test_an_index_that_a_build_can_ask(address: str) -> None:
    assert found(f"--extra-index-url {address}\n{GOOD}") == []


@pytest.mark.parametrize("condition", ["os_name ~= 'x'", "(" * 100_000, "lacks == 'x'", "python_version < 'x'"])
def test_a_condition_that_is_none_is_left_to_pip(condition: str) -> None:
    assert found(f"{GOOD}\nsix==1.17.0 ; {condition} {HASH}\n") == []


def test_packages_of_another_python() -> None:
    line = next(line for line in GOOD.splitlines() if line.startswith("uvloop=="))
    ours = GOOD.replace(line, line.replace(" \\", " ; python_version < '3.13' and sys_platform != 'win32' \\"))
    assert ours != GOOD
    (told,) = found(ours)
    assert told.startswith("requirements.txt has uvloop for other Pythons than 3.13")
    assert found(ours, python="3.12") == found(ours, python=None) == []


@pytest.mark.parametrize(
    ("wants", "python", "runs"),
    [(">=3.11", "3.13", True), (">=3.12", "3.11", False), ("<3.14,>=3.9", "3.14", False), ("", "3.11", True)],
)
def test_the_pythons_that_a_package_runs_on(wants: str, python: str, runs: bool) -> None:
    assert runs_on(wants, python) is runs


def test_a_list_of_very_many_packages_is_read_once() -> None:
    class Counted(str):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, str(other))

        __hash__ = str.__hash__

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.doctor.requirements.normal", Counted)
        found("\n".join(f"p{number}==1 {HASH}" for number in range(500)))
    assert Counted.compared < 20_000
