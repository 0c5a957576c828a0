"""Every block of docs/tutorial.md does what it says, word for word, in a clone, beside a stand-in for `heroku`."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.integration.clone import ENVIRONMENT, make_clone, shell
from tests.support.integration.running import poll

WAIT_SECONDS = 60
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEROKU = """#!/bin/sh
case "$1" in
create) git init -q --bare "$THERE/app.git" && git remote add heroku "$THERE/app.git" ;;
config:set) echo "${2#DYNONNX_API_KEYS=}" > "$THERE/key" ;;
config:get) cat "$THERE/key" ;;
*) exit 1 ;;
esac
"""


class Reader:
    """A person who follows the tutorial in a clone: one port for what serves here, one for what was deployed."""

    def __init__(self, clone: Path, there: Path) -> None:
        self.clone, self.there = clone, there
        self.here, self.app = free_port(), free_port()
        (there / "heroku").write_text(HEROKU)
        (there / "heroku").chmod(0o755)
        self.environment = {"PORT": str(self.here), "THERE": str(there), "PATH": f"{there}:{ENVIRONMENT['PATH']}"}
        self.environment["DYNONNX_HOST"] = "127.0.0.1"
        self.blocks = iter(BLOCK.findall((ROOT / "docs" / "tutorial.md").read_text()))

    def local(self, text: str) -> str:
        """With the addresses that hold here."""
        return text.replace("localhost:8000", f"localhost:{self.here}").replace(
            "https://YOUR-APP.herokuapp.com", f"http://localhost:{self.app}"
        )

    def saves(self, name: str) -> None:
        """The next block is a file."""
        kind, text = next(self.blocks)
        assert kind == "python"
        (self.clone / name).write_text(self.local(text))

    def types(self) -> str:
        """The next block is typed into a shell; what it prints."""
        kind, text = next(self.blocks)
        assert kind == "sh", text
        return shell(self.clone, f"set -e\n{self.local(text)}", self.environment)

    def sees(self, printed: str) -> None:
        """The next block is among what was printed; of a JSON answer all but the number of the request."""
        kind, text = next(self.blocks)
        if kind != "json":
            assert text in printed
            return
        answer = json.loads(printed)
        answer.pop("request_id", None)
        assert answer == json.loads(text)

    @contextmanager
    def serving(self, folder: Path, line: str, port: int, keys: str = "") -> Iterator[None]:
        """While a server runs that a line starts."""
        environment = {**ENVIRONMENT, **self.environment, "PORT": str(port), "DYNONNX_API_KEYS": keys}
        with (
            (self.there / f"{port}.log").open("w+") as log,
            subprocess.Popen(
                ["bash", "-c", f"exec {line}"], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
            ) as server,
        ):
            try:
                poll(lambda: " serves wine " in (self.there / f"{port}.log").read_text(), "it serves")
                yield
            finally:
                server.terminate()
                server.wait(WAIT_SECONDS)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "there").mkdir()
    return Reader(make_clone(tmp_path), tmp_path / "there")


def test_every_block_works_word_for_word(reader: Reader) -> None:
    reader.saves("train.py")
    reader.sees(reader.types())
    reader.sees(reader.types())
    assert next(reader.blocks) == ("sh", "make serve\n")
    with reader.serving(reader.clone, "make serve", reader.here):
        reader.sees(reader.types())
        assert len(json.loads(reader.types())["predictions"]) == 54
        reader.sees(reader.types())
        reader.saves("ask.py")
        reader.sees(reader.types())
        train = reader.clone / "train.py"
        train.write_text(train.read_text().replace("n_estimators=100", "n_estimators=300"))
        reader.types()
        asked = f"curl -s localhost:{reader.here}/models/wine"
        poll(lambda: '"versions":["2","1"]' in shell(reader.clone, asked), "the new version serves")
    shell(reader.clone, next(reader.blocks)[1].partition("\n")[0])
    reader.sees(shell(reader.clone, "make doctor", reader.environment))
    reader.types()
    shell(reader.there, "git clone -q -b main app.git dyno && ln -s ../../clone/.venv dyno/.venv")
    procfile = (reader.there / "dyno" / "Procfile").read_text()
    web = re.search("^web: python (.*)$", procfile, re.MULTILINE)
    assert web is not None
    key = (reader.there / "key").read_text().strip()
    with reader.serving(reader.there / "dyno", f".venv/bin/python {web[1]}", reader.app, key):
        reader.sees(reader.types())
    assert next(reader.blocks, None) is None
