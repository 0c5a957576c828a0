"""The command as a person runs it: its words, its exit status, a kill midway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pa = pytest.importorskip("pyarrow", reason="scoring needs pyarrow: make test-scale")
parquet = pytest.importorskip("pyarrow.parquet", reason="scoring needs pyarrow: make test-scale")

from score.options import parse  # noqa: E402
from tests.score.tables import MODELS, ROOT, example, rows_like_golden  # noqa: E402
from tests.score.test_scorer import batch_of  # noqa: E402


def call(*words: object, code: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "score"]
    return subprocess.run([*command, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    batch = batch_of(example("churn"), rows_like_golden(example("churn"), 2000))
    parquet.write_table(pa.Table.from_batches([batch] * 100), tmp_path / "in.parquet", row_group_size=10_000)
    return tmp_path / "in.parquet"


def test_a_table_is_scored_and_told(table: Path, tmp_path: Path) -> None:
    run = call(table, tmp_path / "out.csv", "--models", MODELS, "--model", "churn", "--key", "id")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines()[0] == "churn 1: 200,000 rows answered, 0 refused"
    assert (tmp_path / "out.csv").read_text().startswith('"id","prediction","probability"\n0,')


def test_refused_rows_change_the_exit_status(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sepal length (cm),x\n5.1,1\n")
    run = call(tmp_path / "in.csv", tmp_path / "out.csv", "--models", MODELS, "--model", "iris")
    assert run.returncode == 1
    assert run.stderr.startswith(f"refused: {tmp_path / 'in.csv'}: the table lacks 'sepal width (cm)'")
    names = "sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)"
    (tmp_path / "in.csv").write_text(names + "\n5.1,3.5,1.4,0.2\n5.1,3.5,1.4,wide\n")
    run = call(tmp_path / "in.csv", tmp_path / "out.csv", "--models", MODELS, "--model", "iris")
    assert run.returncode == 3
    assert 'expected a number, got ""wide""' in (tmp_path / "out.refused.csv").read_text()


def test_wrong_words_are_told() -> None:
    assert call("in.csv", "out.txt").returncode == 2
    assert "OUT ends in .parquet or .csv" in call("in.csv", "out.txt").stderr
    assert "--part-rows" in call("in.csv", "out", "--part-rows", "0").stderr
    assert "required: IN, OUT" in call().stderr
    assert "Exit status" in call("--help").stdout
    assert parse(["a.csv", "b", "--key", "x", "--key", "x"]).keys == ("x",)
    assert parse(["a.csv", "b"]).engine == "local"
    assert "invalid choice: 'spark'" in call("in.csv", "out", "--engine", "spark").stderr


def test_without_ray_it_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("sepal length (cm),sepal width (cm),petal length (cm),petal width (cm)\n1,1,1,1\n")
    code = "import sys; sys.modules['ray'] = None; from score.__main__ import main; sys.exit(main(sys.argv[1:]))"
    words = (tmp_path / "in.csv", tmp_path / "out", "--models", MODELS, "--model", "iris", "--engine", "ray")
    run = call(*words, code=code)
    assert run.returncode == 1
    assert "requirements-ray.txt" in run.stderr
    assert not (tmp_path / "out").exists()


def test_a_killed_command_goes_on_where_it_was(table: Path, tmp_path: Path) -> None:
    """The kill comes when the second part begins; whatever it left, every row is answered once."""
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "score",
        str(table),
        str(out),
        "--models",
        str(MODELS),
        "--model",
        "churn",
        "--key",
        "id",
        "--part-rows",
        "20000",
    ]
    killer = (
        "import os, signal; from score import sink; put = sink.Part.finish\n"
        "def finish(part):\n"
        "    put(part)\n"
        "    if part._path.name.endswith('00001.parquet'): os.kill(os.getpid(), signal.SIGKILL)\n"
        "sink.Part.finish = finish; import runpy; runpy.run_module('score', run_name='__main__')\n"
    )
    killed = subprocess.run([sys.executable, "-c", killer, *command[3:]], cwd=ROOT, capture_output=True, timeout=100)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(list(out.glob("*.parquet"))) == 2
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, env=os.environ)
    assert run.returncode == 0, run.stderr
    assert "20,000 of them in an earlier run" in run.stdout
    ids = [value for file in sorted(out.glob("*.parquet")) for value in parquet.read_table(file)["id"].to_pylist()]
    assert ids == list(range(2000)) * 100


@pytest.mark.slow
def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    batch = batch_of(example("churn"), rows_like_golden(example("churn"), 20_000))
    most = []
    for times in (10, 200):
        with parquet.ParquetWriter(tmp_path / "in.parquet", batch.schema) as writer:
            for _ in range(times):
                writer.write_batch(batch)
        command = [sys.executable, "-m", "score", str(tmp_path / "in.parquet"), str(tmp_path / "out.parquet")]
        child = subprocess.Popen(
            [*command, "--models", str(MODELS), "--model", "churn", "--replace"], cwd=ROOT, stdout=subprocess.DEVNULL
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0
        most.append(usage.ru_maxrss // 1024)
    assert most[1] < most[0] + 40, most
