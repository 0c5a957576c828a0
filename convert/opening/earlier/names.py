"""Owns where names stood in earlier versions of scikit-learn. Data only."""

from __future__ import annotations

from convert.opening.allowlist import FUNCTIONS, SEARCH, Names, full_names
from convert.opening.names import statistics

DISTANCES = "sklearn.metrics._dist_metrics"
MOVED = {
    **{f"{DISTANCES}.{name.removesuffix('64')}": f"{DISTANCES}.{name}"  # until 1.2
       for name in SEARCH[DISTANCES].split() if name.endswith("64")},
    **{f"numpy.{core}._multiarray_umath.{name}": f"numpy.{name}"  # until 2.0
       for name in FUNCTIONS["numpy"].split() for core in ("core", "_core")},
    "sklearn.utils.Bunch": "sklearn.utils._bunch.Bunch",  # until 1.1
    **statistics.MOVED,
}  # fmt: skip

CYTHON_LOSSES = (
    "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss CyHalfPoissonLoss "
    "CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss CyLossFunction CyPinballLoss"
)
_LOSSES = f"{CYTHON_LOSSES} {' '.join(f'__pyx_unpickle_{name}' for name in CYTHON_LOSSES.split())}"

# never imported, as in `allowlist.INERT`
INERT: Names = {
    "_loss": _LOSSES,  # 1.5 to 1.8
    "sklearn._loss._loss": _LOSSES,
    "sklearn._loss.glm_distribution": (  # 1.0
        "DistributionBoundary GammaDistribution InverseGaussianDistribution NormalDistribution PoissonDistribution "
        "TweedieDistribution"
    ),
    "sklearn.linear_model._glm.link": "IdentityLink LogLink LogitLink",  # 1.0
    "sklearn.linear_model._sgd_fast": "Classification Huber Log LossFunction Regression SquaredLoss",  # until 1.5
    "sklearn.metrics._scorer": "_PredictScorer _ProbaScorer _ThresholdScorer _passthrough_scorer",  # until 1.3
}

# The losses that gradient boosting kept before it shared those of ``sklearn._loss``, and which of these each is.
LOSSES: dict[str, str] = {
    **{f"sklearn.ensemble._gb_losses.{old}": new for old, new in {  # until 1.3
        "BinomialDeviance": "HalfBinomialLoss",
        "ExponentialLoss": "ExponentialLoss",
        "HuberLossFunction": "HuberLoss",
        "LeastAbsoluteError": "AbsoluteError",
        "LeastSquaresError": "HalfSquaredError",
        "MultinomialDeviance": "HalfMultinomialLoss",
        "QuantileLossFunction": "PinballLoss",
    }.items()},
    **{f"sklearn.ensemble._hist_gradient_boosting.loss.{old}": new for old, new in {  # 1.0
        "BinaryCrossEntropy": "HalfBinomialLoss",
        "CategoricalCrossEntropy": "HalfMultinomialLoss",
        "LeastAbsoluteDeviation": "AbsoluteError",
        "LeastSquares": "HalfSquaredError",
        "Poisson": "HalfPoissonLoss",
    }.items()},
}  # fmt: skip

COMPUTED = {"xgboost.sklearn": frozenset(("classes_",))}  # by module: what estimators kept until 2.0, and compute since

REMAINDER = "sklearn.compose._column_transformer._RemainderColsList"  # 1.5 to 1.8

INERT_NAMES = full_names(INERT)
