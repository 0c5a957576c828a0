"""Owns the one tree operator of a graph: a sum over trees, float32 or float64. Knows nothing of whose trees they are.

ONNX Runtime's regressor operator takes both; its classifier operator has tie and link rules of its own, so votes, links
and labels are plain nodes behind this one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import numpy_helper

from convert.graph.graph import ML, Array, Tensor


@dataclass(frozen=True, slots=True)
class Leaves:
    """Which nodes are leaves [nodes], and what each node adds to each target [nodes, targets]."""

    at: Array
    values: Array


@dataclass(slots=True)
class Forest:
    """Trees under construction; a row goes left where ``x[feature] <= threshold``."""

    _attributes: dict[str, list[Any]] = field(default_factory=dict)
    _targets: int = 0
    _trees: int = 0
    _missing: bool = False

    def add(
        self, *, features: Array, thresholds: Array, left: Array, right: Array, missing_left: Array, leaves: Leaves
    ) -> None:
        """One tree of ``nodes`` nodes, the first its root; all arrays [nodes]."""
        count, leaf = len(left), leaves.at
        targets = leaves.values.shape[1]
        self._extend("nodes_treeids", np.full(count, self._trees))
        self._extend("nodes_nodeids", np.arange(count))
        self._extend("nodes_featureids", np.where(leaf, 0, features))
        self._extend("nodes_modes", np.where(leaf, "LEAF", "BRANCH_LEQ"))
        self._extend("nodes_values", np.where(leaf, thresholds.dtype.type(0), thresholds))
        self._extend("nodes_truenodeids", np.where(leaf, 0, left))
        self._extend("nodes_falsenodeids", np.where(leaf, 0, right))
        self._extend("nodes_missing_value_tracks_true", np.where(leaf, 0, missing_left))
        where = np.repeat(np.flatnonzero(leaf), targets)
        self._extend("target_nodeids", where)
        self._extend("target_treeids", np.full(len(where), self._trees))
        self._extend("target_ids", np.tile(np.arange(targets), int(leaf.sum())))
        self._extend("target_weights", leaves.values[leaf].ravel())
        self._targets, self._trees = targets, self._trees + 1

    def add_sklearn(self, nodes: Any, thresholds: Array, values: Array, features: Array | None = None) -> None:
        """A fitted ``sklearn.tree._tree.Tree``, with thresholds to compare with and what its leaves add.

        ``features`` are the columns that the tree was given, where it was not given all.
        """
        self.add(
            features=nodes.feature if features is None else features[nodes.feature],
            thresholds=thresholds,
            left=nodes.children_left,
            right=nodes.children_right,
            missing_left=nodes.missing_go_to_left,
            leaves=Leaves(nodes.children_left < 0, values),
        )

    def _extend(self, name: str, values: Array) -> None:
        self._attributes.setdefault(name, []).append(np.asarray(values))

    def emit(self, x: Tensor) -> Tensor:
        """The operator on ``x`` [rows, columns], float32 or float64: [rows, targets], float32."""
        joined = {name: np.concatenate(parts) for name, parts in self._attributes.items()}
        if not joined["nodes_missing_value_tracks_true"].any():
            del joined["nodes_missing_value_tracks_true"]
        attributes: dict[str, Any] = {name: values.tolist() for name, values in joined.items()}
        if x.dtype == np.float64:
            for name in ("nodes_values", "target_weights"):
                del attributes[name]
                attributes[f"{name}_as_tensor"] = numpy_helper.from_array(joined[name].astype(np.float64))
        return x.graph.op(
            "TreeEnsembleRegressor",
            x,
            dtype=np.float32,
            domain=ML,
            n_targets=self._targets,
            aggregate_function="SUM",
            post_transform="NONE",
            **attributes,
        )
