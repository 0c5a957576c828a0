"""Owns the errors that end a measurement. Knows nothing of what was measured.

BenchError            a sentence for the person at the terminal, exit status 1
 +- ServerFailed      a server did not start, answered its golden request wrongly, or died; carries its log's tail
 +- LoadFailed        Locust ended without leaving samples; carries its log's tail
"""


class BenchError(Exception):
    """Something a person must know and can act on; its text is the whole message."""


class _WithLog(BenchError):
    def __init__(self, sentence: str, log_tail: str) -> None:
        shown = "\n".join(f"    {line}" for line in log_tail.splitlines()) or "    (its log is empty)"
        super().__init__(f"{sentence}\n  The end of its log:\n{shown}")


class ServerFailed(_WithLog):
    """A server under test is not there, or not what it should be."""


class LoadFailed(_WithLog):
    """The load generator ended without a measurement."""
