"""Tables scored by a Ray cluster: as on one machine to the last byte, every row once when a node is killed midway."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")
pytest.importorskip("ray", reason="Ray is not installed: make test-scale")

import pyarrow.csv as arrow_csv  # noqa: E402
import pyarrow.parquet as parquet  # noqa: E402

from score import job as jobs  # noqa: E402
from score.engines import cluster as on_ray  # noqa: E402
from score.errors import Refused  # noqa: E402
from score.job import run  # noqa: E402
from score.state import STATE  # noqa: E402
from score.wanted import Job  # noqa: E402
from tests.score.tables import MODELS, example, rows_like_golden  # noqa: E402
from tests.score.test_scorer import batch_of  # noqa: E402
from tests.support.ray.cluster import Nodes, cluster  # noqa: E402

ROWS, REPEATS, PART_ROWS = 2000, 60, 5000
FILES = 3  # as many as there are nodes
BAD = (17, 1999)  # of each repeat, rows that are refused


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with cluster() as nodes:
        nodes.add()
        nodes.add()
        yield nodes


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120,000 rows of each kind: a file of Parquet, whose parts are tasks; of CSV as many files as nodes."""
    rows = rows_like_golden(example("churn"), ROWS)
    for number in BAD:
        rows[number - 1]["monthly charge"] = float("inf")
    whole = pa.Table.from_batches([batch_of(example("churn"), rows)] * REPEATS)
    folder = tmp_path_factory.mktemp("in")
    (folder / "parquet").mkdir()
    parquet.write_table(whole, folder / "parquet" / "t.parquet", row_group_size=3000)
    (folder / "csv").mkdir()
    for number in range(FILES):
        arrow_csv.write_csv(
            whole.slice(number * len(whole) // FILES, len(whole) // FILES), folder / "csv" / f"t{number}.csv"
        )
    return folder


def job_of(place: Path, out: Path) -> Job:
    return Job(str(place), out, MODELS, "churn", None, ("id",), True, PART_ROWS, 1, False, "ray")


@pytest.fixture(autouse=True)
def no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial forks, which a process must not that is connected to Ray; the command tries before it connects."""
    monkeypatch.setattr(jobs, "open_model", lambda *_: example("churn"))


def quiet(*_: Any) -> None:
    pass


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_node_is_killed_midway_and_every_row_is_answered_once(
    nodes: Nodes, table: Path, tmp_path: Path, kind: str
) -> None:
    local = run(replace(job_of(table / kind, tmp_path / "local"), engine="local"), quiet)
    doomed, told = nodes.add(), [0.0]

    def tell(_: str, share: float, rows: int, refused: int) -> None:
        if len(told) == 1:
            nodes.kill(doomed)
        told.append(share)

    summary = run(job_of(table / kind, tmp_path / "ray"), tell)
    assert summary == local
    assert summary.rows + summary.refused == ROWS * REPEATS
    assert told == sorted(told)
    assert len(told) == 1 + ROWS * REPEATS // PART_ROWS
    assert files_of(tmp_path / "ray") == files_of(tmp_path / "local")


def test_an_interrupted_scoring_goes_on_whoever_began_it(nodes: Nodes, table: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        """What an interruption looks like from within."""

    def interrupt(_: str, share: float, rows: int, refused: int) -> None:
        if share > 0.3:
            raise Killed

    job, out = job_of(table / "parquet", tmp_path / "out"), tmp_path / "out"
    with pytest.raises(Killed):
        run(replace(job, engine="local"), interrupt)
    first = run(replace(job, engine="local", out=tmp_path / "whole"), quiet)
    summary = run(job, quiet)
    assert summary.resumed > 0
    assert (summary.rows, summary.refused) == (first.rows, first.refused)
    assert files_of(out) == files_of(tmp_path / "whole")
    assert (out / STATE).exists()


def test_what_a_task_refuses_ends_the_command_with_its_reason(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    monkeypatch.setattr(on_ray, "_libraries", lambda: ("onnxruntime 0.1",))
    with pytest.raises(Refused, match=r"a node has .*onnxruntime 1\..*, not .*onnxruntime 0\.1"):
        run(job_of(table / "parquet", tmp_path / "out"), quiet)
    with pytest.raises(Refused, match="writes parts: name a folder"):
        run(job_of(table / "parquet", tmp_path / "out.parquet"), quiet)
