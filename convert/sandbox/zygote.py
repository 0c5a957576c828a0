"""Owns the process that children are forked from: its start, what is asked of it, its end. Knows nothing of jobs.

It is started with nothing of its parent's but one channel, and imports what children need while the parent goes on.
"""

from __future__ import annotations

import array
import contextlib
import functools
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import orjson

from convert.sandbox import limits

MODULE = "convert.forking"
LENGTH, NUMBER = struct.Struct("<I"), struct.Struct("<i")
MOST_DESCRIPTORS = 8
END = "end"
LAST_WORDS_BYTES = 2000  # of what it prints when it dies, say because a package is missing


@dataclass(frozen=True, slots=True)
class Fork:
    """A child to fork: the module whose ``main`` it calls with words, its descriptors, and their numbers there."""

    module: str
    words: tuple[str, ...]
    descriptors: tuple[int, ...]
    places: tuple[int, ...]


class Gone(Exception):
    """The process is not there any more; the message is what it said last."""


class Zygote:
    """One such process. `fork` and `reap` by turns: it has one child at a time."""

    def __init__(self, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
        self._process = process
        self._channel = channel

    @property
    def is_there(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def fork(self, asked: Fork) -> int:
        """The number of a new child, which is its own until it is reaped. Raises Gone."""
        text = orjson.dumps([asked.module, asked.words, asked.places])
        try:
            socket.send_fds(self._channel, [LENGTH.pack(len(text)) + text], asked.descriptors)
        except OSError as error:
            raise self._gone() from error
        return self._replied()

    def reap(self) -> int:
        """Ends the child, and answers its status. Raises Gone."""
        self._ask_nothing_more()
        return self._replied()

    def _ask_nothing_more(self) -> None:
        text = orjson.dumps(END)
        with contextlib.suppress(OSError):
            self._channel.sendall(LENGTH.pack(len(text)) + text)

    def _replied(self) -> int:
        try:
            reply = self._channel.recv(NUMBER.size, socket.MSG_WAITALL)
        except OSError as error:
            raise self._gone() from error
        if len(reply) < NUMBER.size:
            raise self._gone()
        return int(NUMBER.unpack(reply)[0])

    def _gone(self) -> Gone:
        self._process.kill()
        assert self._process.stderr is not None  # noqa: S101  it is a pipe: this tells mypy
        with contextlib.suppress(ValueError):  # it was ended from elsewhere, and the pipe is closed
            return Gone(self._process.stderr.read()[-LAST_WORDS_BYTES:].decode(errors="replace"))
        return Gone()


@contextlib.contextmanager
def zygote(modules: Sequence[str]) -> Iterator[Zygote]:
    """One that imports these modules first; it and its child are gone after the block."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="dynonnx-") as home, ours:
        with theirs:
            process = subprocess.Popen(  # noqa: S603  our own interpreter and module
                [sys.executable, "-m", MODULE, str(theirs.fileno()), *modules],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=home,
                env=_environment(home),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # no signal and no terminal of ours
            )
        with process:
            try:
                yield Zygote(process, ours)
            finally:
                ours.close()  # it ends its child, and itself
                process.kill()


def _environment(home: str) -> dict[str, str]:
    """As a child's, but what it imports may be kept compiled: it opens nothing of anybody's."""
    return {name: value for name, value in limits.environment(root(), home).items() if name != limits.UNCOMPILED}


_AT_HAND: ContextVar[Zygote | None] = ContextVar("zygote", default=None)


@contextlib.contextmanager
def at_hand(modules: Sequence[str]) -> Iterator[Zygote]:
    """The one of a block around this; else one of its own, which this block keeps for all within it."""
    there = _AT_HAND.get()
    if there is not None and there.is_there:
        yield there
        return
    with zygote(modules) as made, use(made):
        yield made


@contextlib.contextmanager
def use(one: Zygote) -> Iterator[None]:
    """Within the block, in this thread, it is the one `at_hand`."""
    token = _AT_HAND.set(one)
    try:
        yield
    finally:
        _AT_HAND.reset(token)


def receive(channel: socket.socket) -> Fork | str | None:
    """On the other side: what is asked, END, or None when nobody is there any more."""
    head, descriptors = _received(channel, LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    asked = orjson.loads(channel.recv(LENGTH.unpack(head)[0], socket.MSG_WAITALL))
    if asked == END:
        return END
    module, words, places = asked
    return Fork(module, tuple(words), descriptors, tuple(places))


def _received(channel: socket.socket, size: int) -> tuple[bytes, tuple[int, ...]]:
    content, descriptors, _, _ = socket.recv_fds(channel, size, MOST_DESCRIPTORS)
    return content, tuple(array.array("i", descriptors))


def reply(channel: socket.socket, number: int) -> None:
    """On the other side: a child's number, or its status."""
    with contextlib.suppress(OSError):  # nobody is there any more; that is seen where the next one is awaited
        channel.sendall(NUMBER.pack(number))


@functools.cache
def root() -> str:
    """The folder that our own packages are in."""
    return str(Path(__file__).resolve().parents[2])
