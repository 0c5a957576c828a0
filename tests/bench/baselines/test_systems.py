"""Systems: served only once they answer rightly; what does not is named with the end of its log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.baselines.systems import Running, System, known, serving
from bench.errors import BenchError, ServerFailed
from bench.load.cases import Case
from bench.machine.processes import clean_environment

NOWHERE: frozenset[int] = frozenset()


def test_a_server_that_ends_is_named_with_its_log(cases: list[Case], tmp_path: Path) -> None:
    broken = System("broken", (sys.executable, "-c", "raise SystemExit('no model, no service')"))
    with (
        pytest.raises(ServerFailed, match=r"broken ended with status 1 before it served\.(.|\n)*no model, no service"),
        serving(broken, cases[0], tmp_path, NOWHERE),
    ):
        pytest.fail("it never served")


def test_a_wrong_golden_answer_ends_the_start(standin: Callable[..., Running]) -> None:
    with pytest.raises(ServerFailed, match="wrong answer: probability"):
        standin("--wrong")


def test_an_error_as_golden_answer_ends_the_start(standin: Callable[..., Running]) -> None:
    with pytest.raises(ServerFailed, match="http 500 overloaded"):
        standin("--status", "500")


def test_the_port_reaches_command_and_environment(cases: list[Case], cases_file: Path, tmp_path: Path) -> None:
    standin = str(Path(__file__).resolve().parents[2] / "support" / "bench" / "standin.py")
    shell = 'exec "$0" "$1" "$2" --port "$PORT"'
    system = System("by-env", ("sh", "-c", shell, sys.executable, standin, str(cases_file)), {"PORT": "{port}"})
    with serving(system, cases[0], tmp_path, NOWHERE) as running:
        assert 0 < running.start_s < 30
        assert running.child is not None
        assert running.child.status() is None


def test_missing_files_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match=r"iris\.pkl is missing; `make models`"):
        known("iris", tmp_path, tmp_path)


def test_settings_of_this_shell_do_not_reach_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DYNONNX_MAX_ROWS", "WEB_CONCURRENCY", "PORT", "GUNICORN_CMD_ARGS"):
        monkeypatch.setenv(name, "7")
    assert not {name for name in clean_environment() if name.startswith(("DYNONNX_", "WEB_", "PORT", "GUNICORN"))}
