"""The process that children are forked from: it has imported what they need and has opened nothing.

`sandbox.zygote` starts it and asks. A child goes behind its walls itself. docs/decisions.md: "Children are forked from
a process that has opened nothing".
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import os
import signal
import socket
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import NoReturn

from convert.sandbox.zygote import Fork, receive, reply
from server.confinement.walls import traceable, untraceable


def main() -> None:
    """``argv[1]`` is the descriptor of the channel, the rest are modules to import before the first child."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    gc.disable()  # what is imported stays: looking through it, again and again, is a tenth of the importing
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.freeze()
    gc.enable()
    with untraceable(), contextlib.closing(channel):
        for asked in _requests(channel):
            with _child(channel, asked) as child:
                reply(channel, child)
                receive(channel)  # the end of it, in whatever words, or of the parent
            reply(channel, os.waitstatus_to_exitcode(_reaped(child)))


def _requests(channel: socket.socket) -> Iterator[Fork]:
    while isinstance(asked := receive(channel), Fork):
        yield asked


@contextlib.contextmanager
def _child(channel: socket.socket, asked: Fork) -> Iterator[int]:
    """A child's number; it is dead after the block, and waits to be reaped, so that its number is no other's."""
    child = os.fork()
    if child == 0:
        _become(channel, asked)
    for descriptor in asked.descriptors:
        os.close(descriptor)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)


def _reaped(child: int) -> int:
    return os.waitpid(child, 0)[1]


def _become(channel: socket.socket, asked: Fork) -> NoReturn:
    """Does in a forked child what a process of its own would do that is started with these words."""
    status = 1
    try:
        traceable()  # the walls take it back; until then it may look at itself, as any process
        os.setsid()  # no signal and no terminal of the parent's
        channel.close()
        _place(asked.descriptors, asked.places)
        sys.dont_write_bytecode = True
        importlib.import_module(asked.module).main(asked.words)
        status = 0
    except BaseException:  # noqa: BLE001  the parent reads what was printed, as of any process that dies
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _place(descriptors: Sequence[int], places: Sequence[int]) -> None:
    """Moves each descriptor to its place; those that stand there meanwhile are moved away first."""
    free = max((*places, *descriptors)) + 1
    away = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, free) for descriptor in descriptors]
    for descriptor in descriptors:
        os.close(descriptor)
    for descriptor, place in zip(away, places, strict=True):
        os.dup2(descriptor, place, inheritable=False)
        os.close(descriptor)


if __name__ == "__main__":
    main()
