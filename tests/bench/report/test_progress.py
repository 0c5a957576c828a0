"""What the commands do at a terminal: plain lines into a file, a bar on a terminal, one sentence for an error."""

from __future__ import annotations

import io
import signal

import pytest

from bench.errors import BenchError
from bench.report import progress as terminal
from bench.report.progress import Progress, bar, guarded


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_plain_lines() -> None:
    out = io.StringIO()
    say = Progress(out)
    say("steady", 5.0)
    say("steps")
    assert out.getvalue() == "    0 s  steady\n    0 s  steps\n"


def test_a_terminal_gets_a_bar_that_goes_when_the_step_is_over() -> None:
    out = Terminal()
    say = Progress(out)
    say("steady", 0.01)
    say("over")
    said = out.getvalue()
    assert "\u2591" in said
    assert said.endswith("    0 s  over\n")
    assert "\u2588" not in said.rpartition("\r")[2]


@pytest.mark.parametrize(("part", "full"), [(-1, 0), (0, 0), (0.5, 12), (1, 24), (3, 24)])
def test_a_bar_is_full_at_most(part: float, full: int) -> None:
    assert bar(part).count("\u2588") == full
    assert len(bar(part)) == 24


def test_an_error_is_a_sentence_and_an_interrupt_a_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> int:
        raise BenchError("no model")

    def interrupted() -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    ended: list[bool] = []
    monkeypatch.setattr(terminal, "end_all", lambda: ended.append(True))  # other tests have children in this process
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert guarded(fails) == 1
        assert guarded(interrupted) == 130
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)
    assert ended == [True, True]
    assert capsys.readouterr().err == "bench: no model\n"
