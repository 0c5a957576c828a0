"""In a small dyno the largest legal bodies, as many as come, end no process for want of memory."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.integration.conftest import Report, Start
from tests.support.integration.running import Running
from tests.support.integration.unharmed import unharmed
from tests.support.integration.wire import Wire, request
from tests.support.load.ceiling import Ceiling, memory_ceiling
from tests.support.models.endless_models import filling

MIB = 1 << 20
DYNO_BYTES = 512 * MIB
MOST_BYTES = 400 * MIB  # so that what else a dyno runs has room
BODY_BYTES = 16 * MIB - 4096  # nearly the largest that is let in
CLIENTS = 40
ROW = b"[5.1,3.5,1.4,0.2]"


def largest_bodies() -> list[bytes]:
    """Requests with as many bytes as are let in: rows, one long text, unpacked tensors."""
    few_rows = b'{"features":[' + b",".join([ROW] * 10_000) + b"]}"
    padded = few_rows[:-1] + b" " * (BODY_BYTES - len(few_rows)) + b"}"
    text = b'{"features":["' + b"x" * (BODY_BYTES - 40) + b'"]}'
    many_rows = b'{"features":[' + b",".join([ROW] * (BODY_BYTES // (len(ROW) + 1))) + b"]}"
    return [request("/predict", body) for body in (padded, text, many_rows)]


async def flood(server: Running, bodies: list[bytes], rounds: int) -> Counter[int]:
    """Sends them over many connections at a time; gives how often which status came, 0 for a closed connection."""
    statuses: Counter[int] = Counter()

    async def client(number: int) -> None:
        for turn in range(rounds):
            with contextlib.suppress(TimeoutError):
                wire = await Wire.open(server.port)
                try:
                    statuses[(await wire.ask(bodies[(number + turn) % len(bodies)])).status] += 1
                except ConnectionError:
                    statuses[0] += 1
                await wire.close()

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return statuses


@pytest.mark.fault(39)
@pytest.mark.slow
def test_the_largest_bodies_at_full_load_fit_into_a_small_dyno(start: Start, report: Report) -> None:
    with memory_ceiling(DYNO_BYTES) as ceiling:
        server = start(*ceiling.command(sys.executable, "-m", "server"), WEB_CONCURRENCY="1")
        idle = ceiling.rss
        with unharmed(server):
            statuses = asyncio.run(flood(server, largest_bodies(), 5))
            report(
                f"{CLIENTS} clients with 16 MB bodies in 512 MB: peak {ceiling.peak / MIB:.0f} MB with files, "
                f"idle {idle / MIB:.0f} MB, {ceiling.oom_kills} killed; answers {dict(statuses)}"
            )
            assert ceiling.oom_kills == 0
            assert ceiling.peak <= MOST_BYTES
        assert statuses[200] > 0, "nothing was served: the test shows nothing"
        assert server.stop() == 0


@pytest.mark.fault(50)
@pytest.mark.slow
def test_no_run_takes_the_memory_of_a_small_dyno(start: Start, tmp_path: Path) -> None:
    """Of a file whose trial was small: a client's number says how much it holds."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "full.onnx").write_bytes(filling().data)
    with memory_ceiling(DYNO_BYTES) as ceiling:
        command = ceiling.server(sys.executable)
        server = start(*command, WEB_CONCURRENCY="1", DYNONNX_MODELS=str(tmp_path / "models"))
        with unharmed(server, golden=b'{"features":[[3]]}'):
            for megabytes in (100, 300, 450, 500, 1000, 8000):
                body = b'{"features":[[%d]]}' % (megabytes * MIB // 4)
                answer = server.ask("POST", "/predict", body)
                assert answer.status in (200, 500)
                assert ceiling.oom_kills == 0
            assert answer.json()["code"] == "model_error"
        assert server.stop() == 0


@pytest.mark.fault(39)
@pytest.mark.slow
def test_the_ceiling_is_real() -> None:
    """The control: what takes more than the ceiling is killed."""
    with memory_ceiling(64 * MIB) as ceiling:
        killed = run(ceiling, "held = bytearray(256 << 20); held[::4096] = bytes(65536)")
        assert killed != 0
        assert ceiling.oom_kills >= 1


def run(ceiling: Ceiling, code: str) -> int:
    """The status of a program within the ceiling."""
    return subprocess.run(ceiling.command(sys.executable, "-c", code), check=False).returncode
