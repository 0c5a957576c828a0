"""The command line explains itself: each command says what it does, with an example that it can read."""

from __future__ import annotations

import shlex

import pytest

from bench.arguments import _GRAMMAR, parser

COMMANDS = list(_GRAMMAR["commands"])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_what_it_does_on_a_screen_of_eighty(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        parser().parse_args([name, "--help"])
    told = capsys.readouterr().out
    assert _GRAMMAR["commands"][name]["about"].splitlines()[0] in told
    assert max(map(len, told.splitlines())) <= 80
    assert "%(" not in told


@pytest.mark.parametrize("name", COMMANDS)
def test_the_examples_are_read(name: str) -> None:
    lines = [line for line in _GRAMMAR["commands"][name]["about"].splitlines() if f"python -m bench {name}" in line]
    assert lines
    for line in lines:
        words = shlex.split(line)
        parser().parse_args(words[words.index("bench") + 1 :])
