"""Owns wrk, which keeps every connection busy: its script, one run, its counters. Knows nothing of right answers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from signal import SIGINT

import orjson

from bench.errors import LoadFailed
from bench.load.cases import Case
from bench.machine.processes import Child, clean_environment, wait_until

MISSING = "wrk is not installed (Debian: apt install wrk): no closed loop, no peak rates"
ERRORS = ("connect", "read", "write", "status", "timeout")  # as wrk.lua names them
READY = b"READY"  # as wrk.lua writes it
COUNTED = b"0000000"  # twice in a body that is to be another each time it is asked
_START_S = 20.0  # for thousands of requests, on a busy machine
_LONGEST_S = 60  # wrk is told to end earlier


def executable() -> str | None:
    """Where wrk is, None where it is not installed."""
    return shutil.which("wrk")


def run(
    script: Path, url: str, connections: int, cores: frozenset[int], meanwhile: Callable[[], None]
) -> Mapping[str, int]:
    """What wrk counted (``wrk.lua``) while ``meanwhile`` ran, times in microseconds. Raises LoadFailed."""
    log, threads = script.with_suffix(".log"), max(1, min(len(cores), connections))
    log.unlink(missing_ok=True)
    command = [executable() or "wrk", f"-t{threads}", f"-c{connections}", f"-d{_LONGEST_S}s"]
    command += [f"--timeout={_LONGEST_S}s", "-s", str(script), url]
    with Child(command, log, clean_environment(), cores, grace_s=5.0) as wrk:
        # Until its requests are made it ignores the signal that ends it.
        wait_until(lambda: READY in log.read_bytes() or wrk.status() is not None, _START_S)
        meanwhile()
        wrk.signal(SIGINT)
        status = wrk.wait(10.0)
    for line in log.read_text("utf-8").splitlines():
        if status == 0 and line.startswith("RESULT "):
            counters: Mapping[str, int] = orjson.loads(line.removeprefix("RESULT "))
            return counters
    raise LoadFailed(f"wrk on {url} ended with status {status} and no result.", log.read_text("utf-8"))


def write_script(cases: Sequence[Case], file: Path, skew: float | None = None, *, unheard: bool = False) -> None:
    """A wrk script that goes round the cases, or draws them by Zipf's law.

    Its requests are made once. A Lua string is JSON's, or the number of each byte. ``skew``: of the law, 0 to ask all
    equally often. ``unheard``: every body has ``COUNTED`` twice, and numbers are put there so that none is asked again.
    """
    table = ",\n".join(f"  {{{', '.join(_words(case))}}}" for case in cases)
    template = Path(__file__).with_suffix(".lua").read_text("utf-8")
    drawn = "nil" if skew is None else f"{skew:g}"
    how = f"local skew = {drawn}\nlocal unheard = {str(unheard).lower()}\n"
    file.write_text(f"{how}local cases = {{\n{table}\n}}\n{template}", "utf-8")


def _words(case: Case) -> Iterator[str]:
    """Path, body and, if there are any, headers, as Lua has them."""
    yield json.dumps(case.path, ensure_ascii=False)
    is_text = not any(byte < ord(" ") or byte > 0x7E for byte in case.body)
    yield json.dumps(case.body.decode()) if is_text else '"' + "".join(f"\\{byte:03}" for byte in case.body) + '"'
    if case.headers:
        pairs = (f"[{json.dumps(name)}] = {json.dumps(value)}" for name, value in case.headers.items())
        yield f"{{{', '.join(pairs)}}}"
