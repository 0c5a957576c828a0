"""No answer reaches another client: over many requests, and with a mutant that the test must catch."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.conftest import Report
from tests.support.integration.crosstalk import ask_many, write_models
from tests.support.integration.running import running

SETTINGS = {"WEB_CONCURRENCY": "1", "DYNONNX_MAX_BATCH_ROWS": "64"}

# The server, but of every batch with several entries the first two get each other's answer.
MUTANT = """
import sys
from server.batching import batch
from server.batching import answers

deliver = batch.deliver

def swapped(batch, outputs):
    first, *others = batch.entries
    if others and first.rows == others[0].rows:
        rows = first.rows
        order = [*range(rows, 2 * rows), *range(rows), *range(2 * rows, len(outputs[0]))]
        outputs = [output[order] for output in outputs]
    deliver(batch, outputs)

answers.deliver = swapped
from server.__main__ import main
sys.argv[1:] = []
sys.exit(main())
"""


def campaign(requests: int, folder: Path, report: Report) -> None:
    write_models(folder / "models")
    with running({**SETTINGS, "DYNONNX_MODELS": str(folder / "models")}, folder / "server.log") as server:
        tally = ask_many(server.port, requests)
        metrics = server.ask("GET", "/metrics").body.decode()
    assert tally.wrong == []
    assert tally.requests >= requests
    assert tally.vanished > requests * 0.03
    assert tally.refused > requests * 0.01
    rows, runs = (_summed(metrics, name) for name in ("nv_inference_count", "nv_inference_exec_count"))
    assert rows / runs > 6, "the requests were hardly batched: nothing was put to the test"
    report(f"cross-talk: 0 of {tally.requests:,} requests, {rows / runs:.0f} rows a batch")


def _summed(metrics: str, name: str) -> float:
    return sum(float(line.rsplit(" ", 1)[1]) for line in metrics.splitlines() if line.startswith(name + "{"))


def test_no_answer_reaches_another_client(tmp_path: Path, report: Report) -> None:
    campaign(50_000, tmp_path, report)


@pytest.mark.slow
def test_no_answer_of_a_million_reaches_another_client(tmp_path: Path, report: Report) -> None:
    campaign(1_000_000, tmp_path, report)


def test_a_server_that_swaps_two_answers_is_caught(tmp_path: Path) -> None:
    write_models(tmp_path / "models")
    launcher = tmp_path / "mutant.py"
    launcher.write_text(MUTANT)
    settings = {**SETTINGS, "DYNONNX_MODELS": str(tmp_path / "models")}
    with running(settings, tmp_path / "server.log", (sys.executable, str(launcher))) as server:
        tally = ask_many(server.port, 1000)
    assert any(" got 200 " in wrong for wrong in tally.wrong), "two answers were swapped in every batch, unnoticed"
