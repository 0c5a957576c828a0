"""What files take of memory: no more than is reckoned, whatever they hold."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

from convert.exporters.parts.forest import Forest, Leaves
from convert.graph.graph import Graph
from server.artefact.footprint import MIB, ONCE_BYTES, Footprint, footprint_of, footprint_of_all
from server.artefact.onnxfile import read_onnxfile

DEPTH = 10  # of each tree
MEASURE = """
import json, sys
from pathlib import Path
from server.artefact.runtime import Runtime

def bytes_of(line):
    return next(int(row.split()[1]) for row in Path("/proc/self/status").read_text().splitlines() if line in row) << 10

found, kept = [], [Runtime(Path(sys.argv[1]))]
for path in sys.argv[2:]:
    Path("/proc/self/clear_refs").write_text("5")  # the highest so far is what there is now
    before = bytes_of("VmRSS")
    kept.append(Runtime(Path(path)))
    found.append((bytes_of("VmRSS") - before, bytes_of("VmHWM") - before))
print(json.dumps(found))
"""


def forest(trees: int, targets: int, *, equal: bool = False) -> ModelProto:
    """Full trees; with several targets each leaf adds to all of them. ``equal``: a few weights only."""
    random = np.random.default_rng(0)
    graph, made, nodes = Graph(), Forest(), (2 << DEPTH) - 1
    below = 2 * np.arange(nodes)
    leaf = np.arange(nodes) >= nodes // 2
    for _ in range(trees):
        weights = random.normal(size=(nodes, targets))
        made.add(
            features=random.integers(0, 20, nodes),
            thresholds=random.normal(size=nodes),
            left=below + 1,
            right=below + 2,
            missing_left=np.zeros(nodes, np.bool_),
            leaves=Leaves(leaf, np.round(weights) if equal else weights),
        )
    return graph.finish({"y": made.emit(graph.input("X", np.float32, 20))}, {"y": (targets,)})


def in_one_node(monkeypatch: pytest.MonkeyPatch, trees: int) -> ModelProto:
    """As other exporters may write it, with leaves that are equal, so that the file is small for its trees."""
    with monkeypatch.context() as patch:
        patch.setattr("convert.exporters.parts.forest.PART_NODES", 1 << 30)
        return forest(trees, 1, equal=True)


def layer() -> ModelProto:
    graph = Graph()
    weights = np.random.default_rng(0).normal(size=(600, 600))
    return graph.finish({"y": graph.input("X", np.float64, 600) @ weights}, {"y": (600,)})


def words() -> ModelProto:
    graph = Graph()
    codes = {f"word{number}": number for number in range(40_000)}
    return graph.finish({"y": graph.input("X", np.dtype(object), 1).coded(codes, -1)}, {"y": (1,)})


def test_files_take_no_more_than_is_reckoned_and_some_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = {
        "smallest": layer(),
        "one target": forest(60, 1),
        "many trees": forest(160, 1),
        "three": forest(20, 3),
        "one node": in_one_node(monkeypatch, 50),
        "dense": layer(),
        "texts": words(),
    }
    paths = [tmp_path / f"{name}.onnx" for name in models]
    for path, model in zip(paths, models.values(), strict=True):
        path.write_bytes(model.SerializeToString())
    run = subprocess.run([sys.executable, "-c", MEASURE, *paths], capture_output=True, text=True, check=False)
    if "PermissionError" in run.stderr or "FileNotFoundError" in run.stderr:
        pytest.skip("this kernel does not tell how much memory a process took at most")
    assert run.returncode == 0, run.stderr
    for path, (served, opening) in zip(paths[1:], json.loads(run.stdout), strict=True):
        data = path.read_bytes()
        file = read_onnxfile(data)
        reckoned = footprint_of(len(data), file.operators, file.largest_node)
        assert served <= reckoned.served + ONCE_BYTES, path.stem
        assert opening <= reckoned.opening, path.stem
        least = 0.5 if path.stem == "many trees" else 0.125
        assert opening > reckoned.opening * least or path.stem == "dense", path.stem


def test_the_dearest_kind_of_a_file_counts() -> None:
    layers, trees = {("", "Gemm")}, {("", "Gemm"), ("ai.onnx.ml", "TreeEnsembleRegressor")}
    assert footprint_of(MIB, layers, MIB) == (2 * MIB, 4 * MIB + ONCE_BYTES)
    assert footprint_of(MIB, trees, MIB) == (8 * MIB, 18 * MIB + ONCE_BYTES)


def test_trees_take_the_more_the_larger_their_largest_node() -> None:
    trees = {("", "Gemm"), ("ai.onnx.ml", "TreeEnsemble")}
    assert footprint_of(4 * MIB, trees, 4 * MIB) == (32 * MIB, 140 * MIB + ONCE_BYTES)
    assert footprint_of(4 * MIB, trees, MIB) == (32 * MIB, 65 * MIB + ONCE_BYTES)


def test_of_several_files_one_is_opened_at_a_time() -> None:
    assert footprint_of_all([Footprint(1, 10), Footprint(2, 4)]) == (3, 12)
    assert footprint_of_all([]) == (0, 0)
