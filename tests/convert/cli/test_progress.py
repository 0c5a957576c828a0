"""Progress: a line that is redrawn on a terminal, lines elsewhere."""

from __future__ import annotations

import io

from convert.cli.progress import ERASE, WIDTH, Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_has_one_line_that_grows_and_goes() -> None:
    stream = Terminal()
    progress = Progress(stream)
    for share in (0.0, 0.5, 1.0):
        progress.tell("comparing", share)
    progress.done()
    lines = stream.getvalue().split(ERASE)
    assert [line.count("█") for line in lines] == [0, 0, WIDTH // 2, WIDTH, 0]
    assert lines[-1] == ""


def test_elsewhere_a_step_is_one_line() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    for text, share in (("opening", 0.0), ("comparing", 0.4), ("comparing", 0.9)):
        progress.tell(text, share)
    progress.done()
    assert stream.getvalue() == "opening ...\ncomparing ...\n"


def test_a_step_steers_no_terminal_and_is_no_longer_than_a_line() -> None:
    stream = io.StringIO()
    Progress(stream).tell("\x1b[2J\nequal: " + "x" * 10_000, 0.0)
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue()) < 300
