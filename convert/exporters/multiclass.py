"""Exports one estimator per class or per target: one-vs-rest, one-vs-one, codes, several targets, chains."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import multiclass, multioutput

from convert.errors import Refused
from convert.exporters.parts.distances import squared
from convert.exporters.parts.shapes import column_of, expit, pair, total
from convert.exporters.registry import PREDICTIONS, Exporter, Prediction
from convert.graph.columns import Columns, columns
from convert.graph.graph import Tensor
from convert.inside import inside


def _binary_score(prediction: Prediction, estimator: Any) -> tuple[Tensor, float]:
    """What multi-class wrappers compare, [rows], and the value above which it means yes."""
    if prediction.value is not None:
        return prediction.value, 0.5
    if hasattr(estimator, "decision_function"):
        return prediction.need("scores"), 0.0
    return prediction.need("probabilities").column(1), 0.5


def one_vs_rest(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One yes-or-no estimator per class; the highest score wins, or each stands for itself (multi-label)."""
    predictions = e.predict_inside(model, x)
    scored = list(map(_binary_score, predictions, model.estimators_))
    with_probabilities = all(hasattr(member, "predict_proba") for member in model.estimators_)
    seconds = [_second(prediction) for prediction in predictions if with_probabilities]
    if model.multilabel_:
        return Prediction(
            targets=tuple(_yes_or_no(score, limit, i, seconds) for i, (score, limit) in enumerate(scored))
        )
    if len(scored) == 1:
        score, limit = scored[0]
        return _yes_or_no(score, limit, 0, seconds)
    scores = e.graph.concat([column_of(score) for score, _ in scored])
    p = e.graph.concat([column_of(second) for second in seconds]) if seconds else None
    if p is not None:
        p = p / p.reduce("ReduceSum") if getattr(model, "_shares_of_nothing", False) else _rows_to_one(p)
    decided = scores if all(hasattr(member, "decision_function") for member in model.estimators_) else None
    return Prediction(index=scores.argmax(), scores=decided, probabilities=p)


def _second(prediction: Prediction) -> Tensor:
    """The probability of yes, with all digits where it is tiny: of several such ones each gets its share."""
    p = prediction.need("probabilities").column(1)
    return p if prediction.log_odds is None else expit(prediction.log_odds)


def _yes_or_no(score: Tensor, limit: float, position: int, seconds: list[Tensor]) -> Prediction:
    index = (score > limit).cast(np.int64)
    return Prediction(index=index, scores=score, probabilities=pair(seconds[position]) if seconds else None)


def _rows_to_one(p: Tensor) -> Tensor:
    summed = p.reduce("ReduceSum")
    return p / summed.equals(0.0).where(np.float64(1.0), summed)


def one_vs_one(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One estimator per pair of classes: votes, and confidences squeezed below a vote to break ties."""
    classes = len(model.classes_)
    if model.pairwise_indices_ is not None:
        raise Refused("one-vs-one over a precomputed kernel", "fit on columns instead")
    votes: list[list[Tensor]] = [[] for _ in range(classes)]
    confidence: list[list[Tensor]] = [[] for _ in range(classes)]
    pairs = [(i, j) for i in range(classes) for j in range(i + 1, classes)]
    for (i, j), member, prediction in zip(pairs, model.estimators_, e.predict_inside(model, x), strict=True):
        score, limit = _binary_score(prediction, member)
        second = column_of(prediction.need("index").cast(np.float64))
        votes[i].append(1.0 - second)
        votes[j].append(second)
        confidence[i].append(-column_of(score))
        confidence[j].append(column_of(score))
    summed = e.graph.concat([total(part) for part in confidence])
    scores = e.graph.concat([total(part) for part in votes]) + summed / ((summed.unary("Abs") + 1.0) * 3.0)
    if classes > 2:
        return Prediction(index=scores.argmax(), scores=scores)
    return Prediction(index=(scores.column(1) > limit).cast(np.int64), scores=scores.column(1))


def output_code(e: Exporter, model: Any, x: Columns) -> Prediction:
    """The class whose code is nearest to the estimators' scores."""
    scored = map(_binary_score, e.predict_inside(model, x), model.estimators_)
    matrix = e.graph.concat([column_of(score) for score, _ in scored])
    near = squared(matrix, np.asarray(model.code_book_, np.float64))
    return Prediction(index=e.graph.op("ArgMin", near, dtype=np.int64, axis=1, keepdims=0))


def several_classes(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One classifier per target."""
    return Prediction(targets=tuple(e.predict_inside(model, x)))


def _values_beside(e: Exporter, predictions: list[Prediction]) -> Tensor:
    return e.graph.concat([column_of(prediction.need("value")) for prediction in predictions])


def several_values(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One regressor per target."""
    return Prediction(value=_values_beside(e, e.predict_inside(model, x)))


def _chained(e: Exporter, model: Any, x: Columns) -> list[Prediction]:
    """Each estimator sees the columns and the answers of those before it; the answers in the targets' own order."""
    method = getattr(model, "chain_method_", "predict")
    seen, predictions = columns(x.numbers(), x.width), []
    for part in inside(model):
        predictions.append(e.predict(part.estimator, seen, part.name))
        seen = seen.beside(columns(column_of(_passed_on(predictions[-1], method, part.estimator)), 1))
    return [predictions[list(model.order_).index(target)] for target in range(len(predictions))]


def _passed_on(prediction: Prediction, method: str, estimator: Any) -> Tensor:
    if prediction.value is not None:
        return prediction.value
    if method == "predict_proba":
        return prediction.need("probabilities").column(1)
    if method == "decision_function":
        return prediction.need("scores")
    classes = np.asarray(estimator.classes_, np.float64)
    index = prediction.need("index")
    return index.graph.op("Gather", index.graph.constant(classes), index, axis=0)


def classifier_chain(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One prediction per target."""
    return Prediction(targets=tuple(_chained(e, model, x)))


def regressor_chain(e: Exporter, model: Any, x: Columns) -> Prediction:
    """One value per target; of a classifier its label, a number."""
    estimators = [model.estimators_[list(model.order_).index(target)] for target in range(len(model.order_))]
    predictions = zip(_chained(e, model, x), estimators, strict=True)
    return Prediction(value=e.graph.concat([column_of(_passed_on(p, "predict", inner)) for p, inner in predictions]))


PREDICTIONS.update(
    {
        multiclass.OneVsRestClassifier: one_vs_rest,
        multiclass.OneVsOneClassifier: one_vs_one,
        multiclass.OutputCodeClassifier: output_code,
        multioutput.ClassifierChain: classifier_chain,
        multioutput.MultiOutputClassifier: several_classes,
        multioutput.MultiOutputRegressor: several_values,
        multioutput.RegressorChain: regressor_chain,
    }
)
