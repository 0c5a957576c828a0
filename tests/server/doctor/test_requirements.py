"""What pip would not install of a list of requirements, and what no server starts with."""

from __future__ import annotations

import pytest

from server.doctor.requirements import find_in_requirements, pinned
from tests.conftest import ROOT
from tests.server.doctor.conftest import checkout_of

GOOD = (ROOT / "requirements.txt").read_text()
HASH = f"--hash=sha256:{'0' * 64}"
FROZEN = "\n".join(f"{name}=={version}" for name, version in pinned({"requirements.txt": GOOD}).items())


def found(text: str, *files: str) -> list[str]:
    return [
        f"{what}\n{remedy}" for what, remedy in find_in_requirements(checkout_of({"requirements.txt": text}, *files))
    ]


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
