"""The steps by which a drawn graph grows: each adds a node or two of one kind. Knows nothing of what mixes rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np

from tests.support.models.mixing.graphs import ML, Drawn

Step = Callable[[Drawn, Random], object]
SHAPES = (
    [-1], [0, -1], [1, -1], [-1, 1], [-1, 2], [-1, 3], [3, -1], [2, -1], [0, 3], [0, 1, -1], [1, -1, 3], [-1, 1, 3],
    [0, 0, -1], [-1, 3, 2], [-1, 6], [1, 0, -1], [3, 3], [0], [1, 1, -1],
)  # fmt: skip


STRETCHES = ((0, 2**62), (1, 2**62), (0, -1), (0, 2), (0, 1), (-1, 2**62), (0, 0))  # of a slice
FAR = ((-100, -(2**62)), (100, -(2**62)), (4, 2**63 - 1))  # backwards, from or to beyond an end


def axis_of(chance: Random) -> int:
    """An axis that most tensors have."""
    return chance.choice([0, 0, 1, 1, -1, -2, 2])


def axes_of(graph: Drawn, chance: Random) -> str:
    """A constant of axes."""
    return graph.constant(np.array(chance.choice([[0], [1], [-1], [-2], [2], [0, 1], [1, 2], []]), np.int64))


def shape_of(graph: Drawn, chance: Random) -> str:
    """A shape: a constant, or made of that of a tensor."""
    whole = graph.add("Shape", [graph.tensor()]) if chance.random() < 0.5 else ""
    rows = graph.add("Gather", [whole, graph.constant([chance.choice([0, 0, 1, -1])])]) if whole else ""
    if not rows:
        return whole or graph.constant(chance.choice(SHAPES))
    parts = [rows, graph.constant(chance.choice([[-1], [1], [3], [2], [0], [1, -1], [3, -1]]))]
    if chance.random() < 0.3:
        other = graph.add("Shape", [graph.tensor()])
        parts[1] = graph.add("Gather", [other, graph.constant([chance.choice([0, 1, -1])])]) or parts[1]
    return graph.add("Concat", parts if chance.random() < 0.7 else parts[::-1], axis=0)


def reduce(graph: Drawn, chance: Random) -> None:
    """Along some axes or all, sums or others."""
    operator = chance.choice(["ReduceSum", "ReduceMax", "ReduceMean", "ReduceL2", "ReduceProd"])
    inputs = [graph.tensor()] + ([axes_of(graph, chance)] if chance.random() < 0.8 else [])
    graph.add(operator, inputs, keepdims=chance.choice([0, 1]), noop_with_empty_axes=chance.choice([0, 0, 1]))


def transpose(graph: Drawn, chance: Random) -> None:
    """In any order."""
    name = graph.tensor("fib")
    order = list(range(graph.seen[name].ndim))
    chance.shuffle(order)
    graph.add("Transpose", [name], perm=order or [0])


def gather(graph: Drawn, chance: Random) -> None:
    """From a tensor or a constant, by a tensor or a constant."""
    places = graph.constant(chance.choice([[0], [1, 0], [2], [0, 0, 1]]))
    graph.add("Gather", [graph.either(), chance.choice([places, graph.tensor("i")])], axis=axis_of(chance))


def slices(graph: Drawn, chance: Random) -> None:
    """A part, or all, of an axis."""
    start, end = chance.choice([*STRETCHES, *FAR])
    step = -1 if (start, end) in FAR else chance.choice([1, 1, 1, 2, -1])
    steps = [graph.constant([step])] if step != 1 or chance.random() < 0.4 else []
    bounds = [graph.constant([start]), graph.constant([end]), graph.constant([axis_of(chance)])]
    graph.add("Slice", [graph.tensor("fib"), *bounds, *steps])


def pad(graph: Drawn, chance: Random) -> None:
    """Around some axes."""
    name = graph.tensor()
    amounts = [chance.choice([0, 0, 0, 1, -1]) for _ in range(2 * graph.seen[name].ndim)]
    graph.add("Pad", [name, graph.constant(np.array(amounts, np.int64))], mode=chance.choice(["constant", "edge"]))


def einsum(graph: Drawn, chance: Random) -> None:
    """By letters."""
    equations = ["ij,kj->ik", "ij,ij->i", "ij,ij->ij", "ij,jk->ik", "ij->ji", "ij->i", "ij->j", "ij,ik->ijk"]
    equation = chance.choice(equations)
    graph.add("Einsum", [graph.either() for _ in range(equation.count(",") + 1)], equation=equation)


def normalise(graph: Drawn, chance: Random) -> None:
    """Layers, batches, images."""
    name = graph.tensor()
    kind = chance.choice(["layer", "batch", "instance", "variance", "lp", "lrn"])
    if kind == "layer":
        graph.add("LayerNormalization", [name, graph.dims()], axis=axis_of(chance))
    elif kind == "batch":
        graph.add("BatchNormalization", [name, *[graph.constant([1.0, 2.0, 3.0])] * 4])
    elif kind == "instance":
        graph.add("InstanceNormalization", [name, graph.constant([1.0, 2.0]), graph.constant([1.0, 2.0])])
    elif kind == "variance":
        graph.add("MeanVarianceNormalization", [name], axes=chance.choice([[0], [1], [0, 2], [-1]]))
    elif kind == "lp":
        graph.add("LpNormalization", [name], axis=axis_of(chance))
    else:
        graph.add("LRN", [name], size=3)


def layers(graph: Drawn, chance: Random) -> None:
    """Pools, convolutions, recurrences."""
    name = graph.tensor()
    kind = chance.choice(["pool", "max", "conv", "gru", "global", "dropout"])
    if kind == "pool":
        graph.add("AveragePool", [name], kernel_shape=[2])
    elif kind == "max":
        graph.add("MaxPool", [name], 2, kernel_shape=[2])
    elif kind == "conv":
        graph.add("Conv", [name, graph.constant(np.ones((2, 2, 2)))])
    elif kind == "gru":
        graph.add("GRU", [name, *(graph.constant(np.full((1, 6, size), 0.5)) for size in (3, 2))], 2, hidden_size=2)
    elif kind == "global":
        graph.add("GlobalMaxPool", [name])
    else:
        graph.add("Dropout", [name], 2)


def steps_of_estimators(graph: Drawn, chance: Random) -> None:
    """Steps before estimators."""
    name = graph.tensor()
    kind = chance.choice(["scaler", "normalizer", "extract", "columns", "hot", "impute", "labels"])
    if kind == "scaler":
        graph.add("Scaler", [name], domain=ML, offset=[1.0, 2.0, 3.0], scale=[1.0, 2.0, 3.0])
    elif kind == "normalizer":
        graph.add("Normalizer", [name], domain=ML, norm=chance.choice(["MAX", "L1", "L2"]))
    elif kind == "extract":
        places = graph.constant([[2, 0]]) if chance.random() < 0.5 else graph.tensor("i")
        graph.add("ArrayFeatureExtractor", [graph.either(), places], domain=ML)
    elif kind == "columns":
        graph.add("FeatureVectorizer", [name, graph.tensor()], domain=ML, inputdimensions=[3, 3])
    elif kind == "hot":
        graph.add("OneHotEncoder", [graph.tensor("i")], domain=ML, cats_int64s=[0, 1, 2], zeros=1)
    elif kind == "impute":
        graph.add("Imputer", [name], domain=ML, imputed_value_floats=[7.0], replaced_value_float=float("nan"))
    else:
        graph.add("LabelEncoder", [graph.tensor("i")], domain=ML, keys_int64s=[0, 1], values_int64s=[5, 6])


def linear(graph: Drawn, chance: Random) -> None:
    """Linear estimators, whose labels and scores need not be as many."""
    if chance.random() < 0.5:
        targets = chance.choice([1, 2])
        graph.add("LinearRegressor", [graph.tensor()], domain=ML, targets=targets, coefficients=[1.0] * 3 * targets)
        return
    scores, labels = chance.choice([(1, 2), (2, 2), (3, 3), (2, 4), (4, 2)])
    weights: dict[str, Any] = {"coefficients": [0.5] * 3 * scores, "intercepts": [0.0] * scores}
    weights["classlabels_ints"] = list(range(labels))
    graph.add("LinearClassifier", [graph.tensor()], 2, ML, **weights)


def tree(graph: Drawn, chance: Random) -> None:
    """One tree of one split."""
    shared: dict[str, Any] = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_values": [1.0, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
    }
    if chance.random() < 0.5:
        leaf: dict[str, Any] = {
            "target_treeids": [0, 0],
            "target_nodeids": [1, 2],
            "target_ids": [0, 0],
            "target_weights": [1.0, 2.0],
        }
        targets = chance.choice([1, 2, 3])
        graph.add("TreeEnsembleRegressor", [graph.tensor()], domain=ML, n_targets=targets, **leaf, **shared)
    else:
        leaf = {"class_treeids": [0, 0], "class_nodeids": [1, 2], "class_ids": [0, 1], "class_weights": [1.0, 2.0]}
        labels = list(range(chance.choice([2, 3, 4])))
        graph.add("TreeEnsembleClassifier", [graph.tensor()], 2, domain=ML, classlabels_int64s=labels, **leaf, **shared)


def odd(graph: Drawn, chance: Random) -> None:
    """What looks at places, or at values to decide on shapes."""
    operator = chance.choice(["EyeLike", "NonZero", "Size", "Trilu", "Compress", "DynamicQuantizeLinear", "Hardmax"])
    if operator == "Compress":
        graph.add(operator, [graph.tensor(), graph.tensor("b")], axis=axis_of(chance))
    elif operator == "Hardmax":
        graph.add(operator, [graph.tensor()], axis=axis_of(chance))
    else:
        graph.add(operator, [graph.tensor()], 3 if operator == "DynamicQuantizeLinear" else 1)


STEPS: Sequence[Step] = (
    lambda g, c: g.add(c.choice(["Neg", "Abs", "Relu", "Sign", "Identity", "Floor"]), [g.tensor()]),
    lambda g, c: g.add(c.choice(["Add", "Sub", "Mul", "Max", "Min"]), [g.either(), g.either()]),
    lambda g, c: g.add(c.choice(["Add", "Sub", "Mul", "Max", "Min"]), [g.tensor(), g.tensor()]),
    lambda g, c: g.add("Greater", [g.either(), g.either()]),
    lambda g, c: g.add("Where", [g.tensor("b"), g.either(), g.either()]),
    lambda g, c: g.add("Softmax", [g.tensor()], axis=axis_of(c)),
    lambda g, c: g.add(c.choice(["ArgMax", "ArgMin"]), [g.tensor()], axis=axis_of(c), keepdims=c.choice([0, 1])),
    lambda g, c: g.add("CumSum", [g.tensor(), g.constant(axis_of(c))]),
    lambda g, c: g.add("TopK", [g.tensor(), g.constant([c.choice([1, 2])])], 2, axis=axis_of(c)),
    lambda g, c: g.add("Concat", [g.either(), g.either()], axis=axis_of(c)),
    lambda g, c: g.add("Concat", [g.tensor(), g.tensor()], axis=axis_of(c)),
    lambda g, c: g.add("Reshape", [g.tensor("fib"), shape_of(g, c)]),
    lambda g, c: g.add("Reshape", [g.tensor("fib"), shape_of(g, c)]),
    lambda g, c: g.add("Flatten", [g.tensor()], axis=axis_of(c)),
    lambda g, c: g.add("Squeeze", [g.tensor(), *([axes_of(g, c)] if c.random() < 0.7 else [])]),
    lambda g, c: g.add("Unsqueeze", [g.tensor(), axes_of(g, c)]),
    lambda g, c: g.add("Expand", [g.either(), shape_of(g, c)]),
    lambda g, c: g.add("Tile", [g.either(), shape_of(g, c)]),
    lambda g, c: g.add("ConstantOfShape", [shape_of(g, c)]),
    lambda g, c: g.add("Split", [g.tensor()], 2, axis=axis_of(c), num_outputs=2),
    lambda g, c: g.add("GatherElements", [g.either(), g.tensor("i")], axis=axis_of(c)),
    lambda g, c: g.add("GatherND", [g.either(), g.tensor("i")], batch_dims=c.choice([0, 0, 1, 2])),
    lambda g, c: g.add("ScatterElements", [g.either(), g.tensor("i"), g.tensor()], axis=axis_of(c)),
    lambda g, c: g.add("OneHot", [g.tensor("i"), g.constant(3), g.constant([0.0, 1.0])], axis=axis_of(c)),
    lambda g, c: g.add("MatMul", [g.either(), g.either()]),
    lambda g, c: g.add("Gemm", [g.either(), g.either(), g.either()], transA=c.choice([0, 1]), transB=c.choice([0, 1])),
    lambda g, c: g.add("Scaler", [g.tensor()], domain=ML, offset=[0.0], scale=[1.0]),  # ONNX infers no shape of it
    reduce, transpose, transpose, gather, gather, slices, pad, einsum, normalise, layers, steps_of_estimators, linear,
    tree, odd,
)  # fmt: skip
