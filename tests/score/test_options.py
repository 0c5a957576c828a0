"""The command line of score/ is read, and explains itself, where nothing to score with is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from score.errors import UsageError
from score.options import parse
from tests.support.integration.running import ROOT

BARE = (
    "import sys; sys.modules |= dict.fromkeys(('pyarrow', 'tqdm')); "
    "from score.__main__ import main; sys.exit(main(sys.argv[1:]))"
)


def bare(*words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as where neither pyarrow nor tqdm is installed."""
    command = [sys.executable, "-c", BARE, *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_needs_nothing_installed() -> None:
    run = bare("--help")
    assert (run.returncode, run.stderr) == (0, "")
    for option in ("--models", "--model ", "--key", "--probabilities", "--part-rows", "--engine", "--replace"):
        assert option in run.stdout
    assert "requirements-scale.txt" in run.stdout


def test_a_wrong_command_line_is_told_before_what_is_to_be_installed() -> None:
    run = bare("in.csv")
    assert (run.returncode, run.stdout) == (2, "")
    assert "required: OUT" in run.stderr
    assert "pyarrow" not in run.stderr


def test_only_a_run_says_what_to_install() -> None:
    run = bare("in.csv", "out.csv")
    assert (run.returncode, run.stdout) == (1, "")
    assert "requirements-scale.txt" in run.stderr


@pytest.mark.parametrize("words", [["in.csv", "out.txt"], ["in.csv", "out", "--threads", "0"]])
def test_what_cannot_be_meant_is_refused(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(words)
