"""Exports clusters: the nearest of some centres, and how far they are. Knows no neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import cluster

from convert.exporters.neighbors import size_of
from convert.exporters.parts.distances import squared
from convert.exporters.parts.ties import mark_nearest
from convert.exporters.registry import PREDICTIONS, TRANSFORMS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Array, Tensor


def nearest(tensor: Tensor, points: Array, labels: Array | None = None) -> Tensor:
    """[rows] the position of the nearest of ``points`` by the distances ``tensor``, the first on a tie.

    ``labels`` [points]: what the answer takes of a point; None if its position.
    """
    mark_nearest(tensor, size_of(points), labels)
    return tensor.graph.op("ArgMin", tensor, dtype=np.int64, axis=1, keepdims=0)


def centres(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The nearest of the cluster centres."""
    centres = model.cluster_centers_
    points = np.asarray(centres.toarray() if hasattr(centres, "toarray") else centres, np.float64)  # fitted on sparse
    return Prediction(label=nearest(squared(x.numbers(), points), points))


def centre_distances(e: Exporter, model: Any, x: Columns) -> Columns:
    """The distance from each cluster centre."""
    points = model.subcluster_centers_ if isinstance(model, cluster.Birch) else model.cluster_centers_
    return columns(squared(x.numbers(), np.asarray(points, np.float64)).unary("Sqrt"), len(points))


def birch(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The cluster of the nearest subcluster."""
    points = model.subcluster_centers_
    at = nearest(squared(x.numbers(), points), points, model.subcluster_labels_)
    labels = e.graph.constant(np.asarray(model.subcluster_labels_, np.int64))
    return Prediction(label=e.graph.op("Gather", labels, at, axis=0))


def bisecting(e: Exporter, model: Any, x: Columns) -> Prediction:
    """Down the tree of halved clusters, to the nearer of two centres at each step."""
    matrix, mean = x.numbers(), getattr(model, "_X_mean", 0.0)

    def descend(node: Any) -> Tensor:
        if node.left is None:
            return e.graph.constant(np.array([node.label], np.int64))
        halves = np.vstack((node.left.center, node.right.center)) + mean
        return nearest(squared(matrix, halves), halves).equals(0).where(descend(node.left), descend(node.right))

    return Prediction(label=descend(model._bisecting_tree))


TRANSFORMS.update(
    dict.fromkeys((cluster.Birch, cluster.BisectingKMeans, cluster.KMeans, cluster.MiniBatchKMeans), centre_distances)
)
PREDICTIONS.update(
    dict.fromkeys((cluster.AffinityPropagation, cluster.KMeans, cluster.MeanShift, cluster.MiniBatchKMeans), centres)
    | {cluster.Birch: birch, cluster.BisectingKMeans: bisecting}
)
