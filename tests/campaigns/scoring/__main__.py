"""Times the scoring of one table: `python -m score`, pandas with the pickle, MLflow's pyfunc; each in its own process.

The answers of all are compared. The figures are of whole processes: reading, scoring, writing.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet

ROOT = Path(__file__).parent.parent.parent.parent
PLACE = ROOT / "build" / "scoring"
CHUNK = 100_000
PANDAS = """
import joblib, sys, pandas
rows = pandas.read_parquet(sys.argv[1])
model = joblib.load(sys.argv[2])
names = list(model.feature_names_in_)
probabilities = model.predict_proba(rows[names])
best = model.classes_[probabilities.argmax(axis=1)]
out = rows[["id"]].assign(prediction=best, probability=probabilities.max(axis=1))
out.to_parquet(sys.argv[3])
"""
MLFLOW = """
import joblib, shutil, sys, mlflow, pandas
folder = sys.argv[3] + ".mlflow"
shutil.rmtree(folder, ignore_errors=True)
model = joblib.load(sys.argv[2])
names = list(model.feature_names_in_)
mlflow.sklearn.save_model(model, folder, pyfunc_predict_fn="predict_proba", serialization_format="cloudpickle")
rows = pandas.read_parquet(sys.argv[1])
probabilities = mlflow.pyfunc.load_model(folder).predict(rows[names])
best = model.classes_[probabilities.argmax(axis=1)]
out = rows[["id"]].assign(prediction=best, probability=probabilities.max(axis=1))
out.to_parquet(sys.argv[3])
"""


def make_table(rows: int, path: Path) -> None:
    """People of the churn example, a batch at a time."""
    random = np.random.default_rng(0)
    with parquet.ParquetWriter(path, _batch(random, 1, 0).schema) as writer:
        for start in range(0, rows, CHUNK):
            writer.write_batch(_batch(random, min(CHUNK, rows - start), start))


def _batch(random: np.random.Generator, rows: int, start: int) -> Any:
    cities = np.array(["Oslo", "Rome", None], object)
    columns = {
        "id": np.arange(start, start + rows),
        "tenure months": random.integers(0, 80, rows).astype(float),
        "monthly charge": random.normal(60, 20, rows),
        "support calls": random.integers(0, 9, rows).astype(float),
        "contract": random.choice(["month", "year", "two years"], rows),
        "payment": random.choice(["card", "cheque"], rows),
        "city": random.choice(cities, rows),
    }
    return pa.RecordBatch.from_pydict(columns)


def timed(command: list[str]) -> tuple[float, float]:
    """Seconds and the most memory in MB of a process, which must end well."""
    began = time.monotonic()
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"{command[:4]} ended with status {child.returncode}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def differing(one: Path, other: Path) -> int:
    """Rows whose prediction differs, or whose probability differs by more than 1e-9."""
    first, second = parquet.read_table(one), parquet.read_table(other)
    labels = np.array(first["prediction"].to_pylist()) != np.array(second["prediction"].to_pylist())
    close = np.isclose(first["probability"].to_numpy(), second["probability"].to_numpy(), rtol=1e-9, atol=1e-12)
    return int((labels | ~close).sum())


def main(rows: int) -> None:
    """Prints one line per way, and what differs."""
    PLACE.mkdir(parents=True, exist_ok=True)
    table, pickle = PLACE / f"rows-{rows}.parquet", ROOT / "build" / "churn.pkl"
    if not table.exists():
        make_table(rows, table)
    ours = PLACE / "dynonnx.parquet"
    score = [sys.executable, "-m", "score", str(table), str(ours), "--model", "churn", "--key", "id", "--replace"]
    ways = {"dynonnx": score}
    for name, code, needed in (("pandas + pickle", PANDAS, "pandas"), ("MLflow pyfunc", MLFLOW, "mlflow")):
        if importlib.util.find_spec(needed) is None:
            print(f"{name}: not measured, {needed} is not installed")
            continue
        ways[name] = [sys.executable, "-c", code, str(table), str(pickle), str(PLACE / f"{needed}.parquet")]
    print(f"{rows:,} rows of churn, whole processes on this machine")
    for name, command in ways.items():
        seconds, memory = timed(command)
        told = f"{name:16} {seconds:7.1f} s {rows / seconds:10,.0f} rows/s {memory:7,.0f} MB"
        if name != "dynonnx":
            told += f"   {differing(ours, Path(command[-1])):,} answers differ"
        print(told, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_000_000)
