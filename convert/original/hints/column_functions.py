"""Owns what functions of one column each give away: where its values lie, at which numbers they change, the way back.

Knows nothing of other estimators.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import preprocessing

from convert.exporters.parts.affine import shift_and_scale
from convert.graph.graph import Array
from convert.original.hints.column_hints import ColumnView, Views, note_points


def scaler(model: Any, views: Views) -> Views:
    """What is shifted and scaled."""
    shift, scale = shift_and_scale(model)
    shift = np.zeros(len(views)) if shift is None else shift
    scale = np.ones(len(views)) if scale is None else scale
    return _affine(views, shift, scale, shift, scale / 2 if isinstance(model, preprocessing.MaxAbsScaler) else scale)


def min_max(model: Any, views: Views) -> Views:
    """What is put between two numbers."""
    middle = (model.data_min_ + model.data_max_) / 2
    return _affine(views, -model.min_ / model.scale_, 1 / model.scale_, middle, model.data_range_ / 4)


def _affine(views: Views, shift: Array, scale: Array, centre: Array, spread: Array) -> Views:
    """``(x - shift) / scale``: the column's usual range is known, and the inverse."""
    passed: Views = []
    for column, view in enumerate(views):
        if view is None:
            passed.append(None)
            continue
        s, k = float(shift[column]), float(scale[column])
        view.hint.centre = float(view.inverse(np.array([centre[column]]))[0])
        view.hint.spread = abs(float(view.inverse(np.array([centre[column] + spread[column]]))[0]) - view.hint.centre)
        inverse = lambda x, s=s, k=k, outer=view.inverse: outer(x * k + s)  # noqa: E731
        passed.append(ColumnView(view.hint, inverse))
    return passed


def bins(model: Any, views: Views) -> Views:
    """The edges of bins; which bin it is leads no way back."""
    return _at(views, model.bin_edges_)


def quantiles(model: Any, views: Views) -> Views:
    """The values between which ranks are interpolated."""
    return _at(views, model.quantiles_.T)


def splines(model: Any, views: Views) -> Views:
    """The knots inside the range, and its ends."""
    degree = model.degree
    return _at(views, [spline.t[degree : len(spline.t) - degree] for spline in model.bsplines_])


def binary(model: Any, views: Views) -> Views:
    """The number above which it is 1."""
    return _at(views, [[float(model.threshold)]] * len(views))


def _at(views: Views, points: Any) -> Views:
    for view, own in zip(views, points, strict=True):
        if view:
            note_points(view, np.asarray(own, np.float64))
    return [None] * len(views)
