"""Exports feature-engine's steps, which change some columns of a table by name and hand on the others.

Needs no other converter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from feature_engine import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # optional
    creation,
    discretisation,
    encoding,
    imputation,
    outliers,
    scaling,
    selection,
    transformation,
)

from convert.errors import Refused
from convert.exporters.encoders import indicators, looked_up
from convert.exporters.feature_engine_hints import position, shift_of, table_hints
from convert.exporters.functions import FUNCTIONS
from convert.exporters.numeric import raised
from convert.exporters.registry import TRANSFORMS, Exporter, Transform
from convert.graph.circle import cosine, sine
from convert.graph.columns import Columns, columns, replaced
from convert.graph.graph import Tensor
from server.artefact.metadata import MISSING_TEXT

__all__ = ["table_hints"]  # what the registry asks a family for

OneColumn = Callable[[Any, str, Tensor], Tensor]  # the step, the column's name, its numbers [rows, 1]


def _by_column(change: OneColumn) -> Transform:
    """A step that changes each of its columns by itself."""

    def export(e: Exporter, model: Any, x: Columns) -> Columns:
        named = {name: x.take([position(model, name)]).numbers() for name in model.variables_}
        return replaced(x, {position(model, name): change(model, name, column) for name, column in named.items()})

    return export


def imputer(e: Exporter, model: Any, x: Columns) -> Columns:
    """A missing value becomes that of its column."""
    return replaced(
        x, {position(model, n): _filled(x.take([position(model, n)]), v) for n, v in model.imputer_dict_.items()}
    )


def _filled(x: Columns, value: Any) -> Tensor:
    if not x.is_text():
        return x.numbers().is_nan().where(np.float64(value), x.numbers())
    return _is_missing(x).where(np.array(str(value), object), x.text())


def _is_missing(x: Columns) -> Tensor:
    return x.text().coded({MISSING_TEXT: 1}, 0).equals(1) if x.is_text() else x.numbers().is_nan()


def missing_indicator(e: Exporter, model: Any, x: Columns) -> Columns:
    """Behind the columns 1 where one has no value."""
    marks = [_is_missing(x.take([position(model, name)])).cast(np.float64) for name in model.variables_]
    return x.beside(columns(e.graph.concat(marks), len(marks))) if marks else x


def encoder(e: Exporter, model: Any, x: Columns) -> Columns:
    """A number for each category; what has none is missing, or the number of the unseen."""
    otherwise = model._unseen if getattr(model, "unseen", "ignore") == "encode" else np.nan
    return replaced(
        x,
        {
            position(model, name): _coded(x, position(model, name), codes, otherwise)
            for name, codes in model.encoder_dict_.items()
        },
    )


def _coded(x: Columns, at: int, codes: Mapping[Any, Any], otherwise: Any) -> Tensor:
    known = indicators(x, [(at, value) for value in codes])
    return looked_up(known, np.array(list(codes.values()), np.float64), otherwise)


def one_hot(e: Exporter, model: Any, x: Columns) -> Columns:
    """The other columns, and behind them 0 and 1 for each category."""
    wanted = [(position(model, name), value) for name in model.variables_ for value in model.encoder_dict_[name]]
    rest = x.take(at for at, name in enumerate(model.feature_names_in_) if name not in model.variables_)
    return rest.beside(columns(indicators(x, wanted).cast(np.float64), len(wanted)))


def rare_labels(e: Exporter, model: Any, x: Columns) -> Columns:
    """What is no frequent category becomes one other."""
    return replaced(x, {position(model, n): _frequent(model, x, n, kept) for n, kept in model.encoder_dict_.items()})


def _frequent(model: Any, x: Columns, name: Any, kept: list[Any]) -> Tensor:
    column = x.take([position(model, name)])
    if not column.is_text():
        raise Refused("rare labels of numbers are not exported", "make texts of them before fitting")
    known = column.text().coded({**dict.fromkeys(map(str, kept), 1), MISSING_TEXT: 1}, 0).equals(1)
    return known.where(column.text(), np.array(str(model.replace_with), object))


def _bin(model: Any, name: str, x: Tensor) -> Tensor:
    """pandas.cut: the number of the bin, which its upper edge belongs to; the lowest edge is inside, too."""
    if model.return_boundaries:
        raise Refused("bins as texts of their edges are not exported", "fit with return_boundaries=False")
    edges = np.asarray(model.binner_dict_[name], np.float64)
    inner = edges[1:-1].reshape(1, -1)
    at = (x > inner).cast(np.float64).reduce("ReduceSum") if inner.size else x * 0.0
    inside = (x >= float(edges[0])) & (x <= float(edges[-1]))
    return inside.where(at, np.float64(np.nan))


def tree_bins(e: Exporter, model: Any, x: Columns) -> Columns:
    """What a small tree says of each column."""
    if model.bin_output != "prediction":
        raise Refused("bins by the edges of a tree are not exported", "fit with bin_output='prediction'")
    new = {}
    for name in model.variables_:
        at = position(model, name)
        prediction = e.predict(model.binner_dict_[name], x.take([at]), str(name))
        said = prediction.need("value") if model.regression else prediction.need("probabilities").column(1)
        said = said.reshape(-1, 1)
        new[at] = said if model.precision is None else _rounded(said, int(model.precision))
    return replaced(x, new)


def _rounded(x: Tensor, digits: int) -> Tensor:
    power = float(10.0**digits)
    return (x * power).unary("Round") / power


def capped(e: Exporter, model: Any, x: Columns) -> Columns:
    """Numbers within the caps of their columns; and, where asked, marks of those that were not."""
    high, low = model.right_tail_caps_, model.left_tail_caps_
    new: dict[int, Tensor] = {}
    marks: list[Tensor] = []
    for name in model.variables_:
        at = position(model, name)
        number = x.take([at]).numbers()
        upper, lower = (
            e.graph.constant(np.float64(caps.get(name, end))) for caps, end in ((high, np.inf), (low, -np.inf))
        )
        new[at] = number.is_nan().where(np.float64(np.nan), e.graph.op("Max", e.graph.op("Min", number, upper), lower))
        marks += [(number < lower).cast(np.float64)] if model.__dict__.get("tail") in ("left", "both") else []
        marks += [(number > upper).cast(np.float64)] if model.__dict__.get("tail") in ("right", "both") else []
    table = replaced(x, new)
    wanted = getattr(model, "add_indicators", False)
    return table.beside(columns(e.graph.concat(marks), len(marks))) if wanted and marks else table


def cyclical(e: Exporter, model: Any, x: Columns) -> Columns:
    """The sine and the cosine of each column, behind the others."""
    added = []
    for name in model.variables_:
        turns = x.take([position(model, name)]).numbers() * float(2.0 * np.pi / model.max_values_[name])
        added += [sine(turns), cosine(turns)]
    gone = {position(model, name) for name in model.variables_} if model.drop_original else set()
    waves = columns(e.graph.concat(added), len(added))
    rest = [at for at in range(x.width) if at not in gone]
    return x.take(rest).beside(waves) if rest else waves


def selected(e: Exporter, model: Any, x: Columns) -> Columns:
    """The columns that are not dropped."""
    return x.take(at for at, name in enumerate(model.feature_names_in_) if name not in model.features_to_drop_)


def _logarithm(model: Any, name: str, x: Tensor) -> Tensor:
    shifted = x + shift_of(model, name) if hasattr(model, "C_") else x
    return FUNCTIONS[np.log if model.base == "e" else np.log10](shifted)


TRANSFORMS.update(
    dict.fromkeys(
        [getattr(imputation, f"{n}Imputer") for n in ("ArbitraryNumber", "Categorical", "EndTail", "MeanMedian")],
        imputer,
    )
    | dict.fromkeys(
        [getattr(encoding, f"{n}Encoder") for n in ("CountFrequency", "DecisionTree", "Mean", "Ordinal", "WoE")],
        encoder,
    )
    | dict.fromkeys(
        [
            getattr(discretisation, f"{n}Discretiser")
            for n in ("Arbitrary", "EqualFrequency", "EqualWidth", "GeometricWidth")
        ],
        _by_column(_bin),
    )
    | dict.fromkeys(
        [getattr(selection, f"Drop{n}Features") for n in ("", "Constant", "Correlated", "Duplicate")], selected
    )
    | {
        creation.CyclicalFeatures: cyclical,
        discretisation.DecisionTreeDiscretiser: tree_bins,
        encoding.OneHotEncoder: one_hot,
        encoding.RareLabelEncoder: rare_labels,
        imputation.AddMissingIndicator: missing_indicator,
        outliers.ArbitraryOutlierCapper: capped,
        outliers.Winsorizer: capped,
        scaling.MeanNormalizationScaler: _by_column(
            lambda m, name, x: (x - float(m.mean_[name])) / float(m.range_[name])
        ),
        transformation.BoxCoxTransformer: _by_column(lambda m, name, x: raised(x, [m.lambda_dict_[name]], "box-cox")),
        transformation.LogCpTransformer: _by_column(_logarithm),
        transformation.LogTransformer: _by_column(_logarithm),
        transformation.PowerTransformer: _by_column(lambda m, name, x: x ** float(m.exp)),
        transformation.ReciprocalTransformer: _by_column(lambda m, name, x: 1.0 / x),
        transformation.YeoJohnsonTransformer: _by_column(lambda m, n, x: raised(x, [m.lambda_dict_[n]], "yeo-johnson")),
    }
)
