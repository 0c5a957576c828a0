"""The log of a process: who writes below warning, what is held or dropped is told, and no reader is waited for."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import orjson
import pytest

from server.logs import handler as logs
from server.logs import log
from server.logs.formats import JsonFormatter, TextFormatter
from server.logs.handler import LineHandler
from server.logs.repeats import MOST
from tests.support.server.pipe import Pipe


@pytest.fixture
def kept_root(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Puts the loggers back as they were; leaves the descriptors of this process alone."""
    monkeypatch.setattr(logs, "stop_waiting_for_reader", lambda descriptor: None)
    root = logging.getLogger()
    before = (root.handlers[:], root.level, log.level)
    yield
    root.handlers[:], root.level = before[0], before[1]
    log.setLevel(before[2])


class Rig:
    """A handler over a pipe, with time moved by hand."""

    def __init__(self, out: Pipe) -> None:
        self.time = 100.0
        self.losses: list[str] = []
        self.out = out
        self.handler = LineHandler(out.writer, lambda: self.time)
        self.handler.setFormatter(TextFormatter())
        self.handler.count_loss = self.losses.append

    def say(self, message: str, *arguments: object, line: int = 1, **extra: object) -> None:
        """Logs from one place of the code."""
        record = logging.LogRecord("dynonnx", logging.INFO, __file__, line, message, arguments, None)
        vars(record).update(extra)
        self.handler.handle(record)

    def read(self) -> list[str]:
        """The messages written since."""
        return [line.split(" ", 2)[2] for line in self.out.read().decode().splitlines()]


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig(Pipe())
    yield made
    made.out.close()


def test_a_flood_of_one_place_is_ten_lines_and_a_number(rig: Rig) -> None:
    for number in range(5000):
        rig.say("failed on %d", number)
    rig.say("another place", line=2)
    assert rig.read() == [f"failed on {number}" for number in range(MOST)] + ["another place"]
    assert rig.losses == ["repeated"] * (5000 - MOST)
    rig.time += 1.0
    rig.handler.tick()
    assert rig.read() == ["and 4990 more like this: failed on %d"]
    rig.say("failed on %d", 6000)
    assert rig.read() == ["failed on 6000"]


def test_models_do_not_silence_each_other(rig: Rig) -> None:
    for number in range(30):
        rig.say("refused", model=f"m{number}")
    assert len(rig.read()) == 30


def test_lines_that_a_stalled_reader_cost_are_counted_and_told_once_it_reads(rig: Rig) -> None:
    rig.out.fill()
    for place in range(2000):
        rig.say("x" * 100, line=place)
    lost = len(rig.losses)
    assert set(rig.losses) == {"unwritable"}
    assert 0 < lost < 2000
    rig.out.read()
    rig.handler.tick()
    rig.out.read()
    rig.handler.tick()
    assert f"{lost} log lines were dropped: standard output took none" in rig.read()
    rig.handler.tick()
    assert rig.read() == []


def test_where_nothing_can_be_written_only_lines_are_counted_not_the_tries_to_tell(rig: Rig) -> None:
    rig.out.close_reader()
    rig.say("gone")
    for _ in range(50):
        rig.handler.tick()
    assert rig.losses == ["unwritable"]


def test_a_child_writes_nothing_of_its_parents(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.out.fill()
    rig.say("the parent's")
    for _ in range(MOST + 5):
        rig.say("many", line=2)
    monkeypatch.setattr("server.logs.handler.os.getpid", os.getppid)
    rig.time += 1.0
    rig.handler.tick()
    rig.out.read()
    rig.handler.flush()
    rig.handler.tick()
    assert rig.read() == []


def test_a_call_that_cannot_be_formatted_fails_nobody(rig: Rig) -> None:
    rig.say("%d", "no number")
    assert "has no text" in rig.out.read().decode()


def test_the_end_of_the_process_writes_what_waits(rig: Rig) -> None:
    rig.out.fill()
    rig.say("last words")
    rig.out.read()
    rig.handler.flush()
    assert rig.read() == ["last words"]


@pytest.mark.usefixtures("kept_root")
def test_configure_lets_our_level_and_others_warnings_through(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    log.debug("ours, too fine")
    log.info("ours")
    logging.getLogger("uvicorn").info("theirs, chatter")
    logging.getLogger("uvicorn").warning("theirs")
    lines = [orjson.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [line["message"] for line in lines] == ["ours", "theirs"]


@pytest.mark.usefixtures("kept_root")
def test_configure_twice_does_not_write_twice() -> None:
    logs.configure("info", "json")
    assert isinstance(logs.configure("warning", "text").formatter, TextFormatter)
    (handler,) = logging.getLogger().handlers
    assert handler is logs.present()
    assert not log.isEnabledFor(logging.INFO)
    assert not isinstance(handler.formatter, JsonFormatter)


@pytest.mark.usefixtures("kept_root")
def test_losses_are_counted_where_they_are_asked_for() -> None:
    logs.count_losses(lambda loss: None)  # nothing is configured: nothing happens
    logs.tick()
    losses: list[str] = []
    handler = logs.configure("info", "text")
    logs.count_losses(losses.append)
    handler.count_loss("repeated")
    assert losses == ["repeated"]
