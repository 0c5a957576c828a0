"""Owns peak rates: wrk, where it is installed, keeps every connection busy. Knows nothing of right answers.

A closed loop, so its latencies are not kept; only the status of answers is checked: the open-loop turns say how right.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from bench.errors import LoadFailed
from bench.load.cases import Case
from bench.machine.cores import Cores
from bench.machine.processes import Child, clean_environment

_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_FAULTS = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")


def found() -> str | None:
    """Where wrk is, None where it is not installed."""
    return shutil.which("wrk")


def peak(url: str, cases: list[Case], folder: Path, cores: Cores, seconds: int = 4, connections: int = 32) -> float:
    """Requests per second that ``connections`` busy connections get. Raises LoadFailed on any error among them."""
    script = folder / "wrk.lua"
    script.write_text(script_of(cases), "utf-8")
    log = folder / "wrk.log"
    log.unlink(missing_ok=True)
    threads = max(1, min(len(cores.generator), connections))
    command = [found() or "wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    with Child(command, log, clean_environment(), cores.generator, grace_s=5.0) as wrk:
        status = wrk.wait(seconds + 20.0)
    said = log.read_text("utf-8")
    rate, faults = _RATE.search(said), _FAULTS.search(said)
    if status != 0 or rate is None or faults is not None:
        raise LoadFailed(f"wrk on {url} met errors.", said)
    return float(rate.group(1))


def script_of(cases: Sequence[Case]) -> str:
    """A wrk script that goes round the cases, its requests made once."""
    bodies = ",\n".join(f"  {{{_lua(case.path)}, {_lua(case.body.decode())}}}" for case in cases)
    return f"""local cases = {{
{bodies}
}}
local requests, turn = {{}}, 0
init = function()
  for i, case in ipairs(cases) do
    requests[i] = wrk.format("POST", case[1], {{["Content-Type"] = "application/json"}}, case[2])
  end
end
request = function()
  turn = turn % #requests + 1
  return requests[turn]
end
"""


def _lua(text: str) -> str:
    """A Lua string literal: JSON's, but for characters beyond ASCII, which stay as they are."""
    return json.dumps(text, ensure_ascii=False)
