"""Owns the command `python -m server fetch`: its time limit, its messages, its exit status."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from time import monotonic
from types import FrameType

from server.fetching.address import SETTING, read_addresses
from server.fetching.download import FetchFailed, Limits
from server.fetching.fetch import fetch_all
from server.logs import handler, log
from server.settings import BadSetting, read_settings

GOOD, BAD, USAGE = 0, 1, 2
GRACE_SECONDS = 2  # from the limit that ends between two pieces to the one that ends whatever is waited for
DESCRIPTION = f"""\
Fetches the models of {SETTING} into the models folder, each by its SHA-256; what is there already is
not fetched again.

A server does the same before it starts. Run it in the build of an image, a slug or an init container, and the server
finds them there."""


def main(words: Sequence[str]) -> int:
    """Runs `fetch`; returns the exit status: 0 all is there, 1 something could not be fetched, 2 a bad setting."""
    parser = argparse.ArgumentParser(
        prog="python -m server fetch", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args(words[1:])
    try:
        settings = read_settings(os.environ)
        addresses = read_addresses(settings.models_from)
    except BadSetting as error:
        print(error, file=sys.stderr)
        return USAGE
    handler.configure(settings.log_level, settings.log_format)
    for number in (signal.SIGTERM, signal.SIGINT):  # also as the first process of a container, which has no defaults
        signal.signal(number, _leave)
    if not addresses:
        log.info("%s is not set: there is nothing to fetch", SETTING)
    limits = Limits(settings.fetch_bytes, monotonic() + settings.fetch_seconds)
    signal.signal(signal.SIGALRM, _end)
    signal.alarm(settings.fetch_seconds + GRACE_SECONDS)  # also where a name is looked up, or a header comes by drops
    try:
        fetch_all(addresses, settings.models, limits, os.environ)
    except FetchFailed as error:
        print(f"{SETTING}: {error}", file=sys.stderr)
        return BAD
    return GOOD


def _leave(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _end(number: int, frame: FrameType | None) -> None:
    raise FetchFailed("was not there in time: set DYNONNX_FETCH_SECONDS, or put it nearer")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
