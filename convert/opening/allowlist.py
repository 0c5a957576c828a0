"""Owns the exact names a model file may use, by what each is good for. Data only.

A pickle is a program that imports names and calls them, so a name alone says nothing: it stands here by what may be
done with it. An instance of `ESTIMATORS` and `PARTS` may be made empty and given attributes. `FUNCTIONS` and
`TYPES` may stand as values where a model keeps one. What `INERT` names is never imported: a stand-in that does nothing
takes its place, because no answer of a model depends on it. Only what `MAKERS` (making/makers.py) names is ever called.
"""

from __future__ import annotations

from convert.opening.names import libraries, sklearn, statistics

Names = dict[str, str]  # the names of each module


def full_names(names: Names) -> frozenset[str]:
    """The dotted names of a table."""
    return frozenset(f"{module}.{name}" for module, listed in names.items() for name in listed.split())


# by kind: convert/opening/places.py says where a model keeps one of each
PARTS: dict[str, Names] = {
    "bunch": {"sklearn.utils._bunch": "Bunch"},
    "columns": {"sklearn.compose._column_transformer": "_RemainderColsList make_column_selector"},
    "interval": {"sklearn._loss.link": "Interval"},
    "kernel": {
        "sklearn.gaussian_process.kernels": (
            "CompoundKernel ConstantKernel DotProduct ExpSineSquared Exponentiation Matern PairwiseKernel Product RBF "
            "RationalQuadratic Sum WhiteKernel"
        ),
    },
    "link": {"sklearn._loss.link": "HalfLogitLink IdentityLink LogLink LogitLink MultinomialLogit"},
    "loss": {
        "sklearn._loss.loss": (
            "AbsoluteError ExponentialLoss HalfBinomialLoss HalfBinomialLossArrayAPI HalfGammaLoss "
            "HalfMultinomialLoss HalfMultinomialLossArrayAPI HalfPoissonLoss HalfPoissonLossArrayAPI HalfSquaredError "
            "HalfTweedieLoss HalfTweedieLossIdentity HuberLoss PinballLoss"
        ),
    },
    **{kind: names for kind, names in statistics.KINDS.items() if kind != "estimator"},
    "cluster tree": {"sklearn.cluster._bisect_k_means": "_BisectingTree"},
    "curve scorer": {"sklearn.metrics._scorer": "_CurveScorer"},
}

# convert/opening/making/ fills these: compiled code reads them without looking
NATIVES: dict[str, Names] = {
    "booster": {"lightgbm.basic": "Booster", "xgboost.core": "Booster"},
    "catboost": {"catboost.core": "CatBoostClassifier CatBoostRegressor"},
    "predictor": {"sklearn.ensemble._hist_gradient_boosting.predictor": "TreePredictor"},
    "sparse": {
        "scipy.sparse._coo": "coo_array coo_matrix",
        "scipy.sparse._csc": "csc_array csc_matrix",
        "scipy.sparse._csr": "csr_array csr_matrix",
    },
    "spline": {"scipy.interpolate._bsplines": "BSpline _BSpline"},
    "frame": {"pandas": "DataFrame", "pandas.core.frame": "DataFrame"},
    "manager": {"pandas.core.internals.managers": "SingleBlockManager"},
    "series": {"pandas": "Series", "pandas.core.series": "Series"},
}

# what convert/opening/making/makers.py makes
CALLED: Names = {
    "_codecs": "encode",
    "builtins": "bytearray bytes complex frozenset getattr range set slice",
    "collections": "OrderedDict defaultdict",
    "functools": "partial",
    "numpy": "dtype",
    "numpy._core.multiarray": "_reconstruct scalar",
    "numpy._core.numeric": "_frombuffer",
    "numpy.core.multiarray": "_reconstruct scalar",
    "numpy.core.numeric": "_frombuffer",
    "pandas._libs.arrays": "__pyx_unpickle_NDArrayBacked",
    "pandas._libs.internals": "_unpickle_block",
    "pandas.core.indexes.base": "_new_Index",
    "pandas.core.internals.managers": "BlockManager",
    "sklearn.impute._iterative": "_ImputerTriplet",
    "sklearn.metrics._dist_metrics": "newObj",
    "sklearn.neighbors._ball_tree": "newObj",
    "sklearn.neighbors._kd_tree": "newObj",
    "sklearn.tree._tree": "Tree",
}

FUNCTIONS: Names = {
    "numpy": (
        "absolute arcsinh arctanh cbrt ceil cos exp exp2 expm1 floor log log10 log1p log2 max mean median min "
        "nan_to_num negative positive reciprocal rint sign sin sinh sqrt square sum tanh"
    ),
    "scipy.special._ufuncs": "expit logit",
    "sklearn.utils.validation": "check_array",
}

TYPES: Names = {
    "builtins": "bool bytearray bytes complex dict float frozenset int list object set str tuple",
    "collections": "OrderedDict",
    "pandas": "NA",
    "pandas._libs.missing": "NA",
    "numpy": (
        "bool bool_ character complexfloating datetime64 flexible float16 float32 float64 floating generic inexact "
        "int16 int32 int64 int8 integer ndarray number object_ signedinteger str_ timedelta64 uint16 uint32 uint64 "
        "uint8 unsignedinteger"
    ),
}

INERT: Names = {
    "numpy.ma": "MaskedArray",
    "numpy.ma.core": "MaskedArray _mareconstruct",
    "numpy.random._mt19937": "MT19937",
    "numpy.random._pcg64": "PCG64",
    "numpy.random._pickle": "__bit_generator_ctor __generator_ctor __randomstate_ctor",
    "numpy.random.bit_generator": "SeedSequence SeedlessSeedSequence __pyx_unpickle_SeedSequence",
    "scipy._lib.array_api_compat.numpy._aliases": "asarray",  # what a BSpline of scipy 1.17 holds
    # what a randomised search drew from: the model that it found needs none of it
    "numpy": "vectorize",
    "numpy.lib._function_base_impl": "vectorize",
    "scipy.stats._continuous_distns": (
        "beta_gen betaprime_gen cauchy_gen chi2_gen dgamma_gen expon_gen exponnorm_gen exponpow_gen f_gen gamma_gen "
        "gengamma_gen genpareto_gen halfcauchy_gen halfnorm_gen invgamma_gen invgauss_gen laplace_gen levy_gen "
        "loggamma_gen logistic_gen loglaplace_gen lognorm_gen loguniform_gen lomax_gen maxwell_gen norm_gen pareto_gen "
        "powerlaw_gen powernorm_gen rayleigh_gen reciprocal_gen skewnorm_gen t_gen trapezoid_gen trapz_gen triang_gen "
        "truncexpon_gen truncnorm_gen truncpareto_gen uniform_gen vonmises_gen wald_gen weibull_max_gen weibull_min_gen"
    ),
    "scipy.stats._discrete_distns": (
        "bernoulli_gen betabinom_gen binom_gen boltzmann_gen dlaplace_gen geom_gen hypergeom_gen logser_gen nbinom_gen "
        "planck_gen poisson_gen randint_gen skellam_gen zipf_gen zipfian_gen"
    ),
    "scipy.stats._distn_infrastructure": (
        "rv_continuous rv_continuous_frozen rv_discrete rv_discrete_frozen rv_frozen rv_sample"
    ),
    "scipy.stats.distributions": "rv_frozen",
    # columns of a table by name: a list of the names takes their place
    "pandas": "Index RangeIndex StringDtype",
    "pandas.core.indexes.base": "Index",
    "pandas.core.indexes.range": "RangeIndex",
    "pandas.core.arrays.string_": "StringArray StringDtype",
    "pandas.arrays": "StringArray",
    "sklearn._loss._loss": (
        "CyAbsoluteError CyExponentialLoss CyHalfBinomialLoss CyHalfGammaLoss CyHalfMultinomialLoss "
        "CyHalfPoissonLoss CyHalfSquaredError CyHalfTweedieLoss CyHalfTweedieLossIdentity CyHuberLoss "
        "CyLossFunction CyPinballLoss __pyx_unpickle_CyHalfMultinomialLoss"
    ),
    "sklearn.cluster._birch": "_CFNode _CFSubcluster",
    "sklearn.cluster._kmeans": "_kmeans_single_elkan _kmeans_single_lloyd",
    "sklearn.feature_selection._mutual_info": "mutual_info_classif mutual_info_regression",
    "sklearn.feature_selection._univariate_selection": "chi2 f_classif f_regression r_regression",
    "sklearn.linear_model._sgd_fast": "EpsilonInsensitive Hinge ModifiedHuber SquaredEpsilonInsensitive SquaredHinge",
    "sklearn.metrics._classification": (
        "accuracy_score balanced_accuracy_score brier_score_loss f1_score fbeta_score jaccard_score log_loss "
        "matthews_corrcoef precision_score recall_score"
    ),
    "sklearn.metrics._ranking": "average_precision_score roc_auc_score",
    "sklearn.metrics._regression": (
        "explained_variance_score max_error mean_absolute_error mean_absolute_percentage_error "
        "mean_squared_error median_absolute_error r2_score root_mean_squared_error"
    ),
    "sklearn.model_selection._split": (
        "BaseCrossValidator BaseShuffleSplit GroupKFold GroupShuffleSplit GroupsConsumerMixin KFold "
        "LeaveOneGroupOut LeaveOneOut LeavePGroupsOut LeavePOut PredefinedSplit RepeatedKFold "
        "RepeatedStratifiedKFold ShuffleSplit StratifiedGroupKFold StratifiedKFold StratifiedShuffleSplit "
        "TimeSeriesSplit"
    ),
    "sklearn.neural_network._stochastic_optimizers": "AdamOptimizer SGDOptimizer",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "sklearn.metrics._scorer": "_PassthroughScorer _Scorer",
    **statistics.INERT,
}

# of these only their names are used: search trees and their distances are built again
SEARCH: Names = {
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
    "sklearn.metrics._dist_metrics": (
        "BrayCurtisDistance32 BrayCurtisDistance64 CanberraDistance32 CanberraDistance64 ChebyshevDistance32 "
        "ChebyshevDistance64 DiceDistance32 DiceDistance64 DistanceMetric32 DistanceMetric64 "
        "EuclideanDistance32 EuclideanDistance64 HammingDistance32 HammingDistance64 HaversineDistance32 "
        "HaversineDistance64 JaccardDistance32 JaccardDistance64 KulsinskiDistance32 KulsinskiDistance64 "
        "MahalanobisDistance32 MahalanobisDistance64 ManhattanDistance32 ManhattanDistance64 MatchingDistance32 "
        "MatchingDistance64 MinkowskiDistance32 MinkowskiDistance64 RogersTanimotoDistance32 "
        "RogersTanimotoDistance64 RussellRaoDistance32 RussellRaoDistance64 SEuclideanDistance32 "
        "SEuclideanDistance64 SokalMichenerDistance32 SokalMichenerDistance64 SokalSneathDistance32 "
        "SokalSneathDistance64"
    ),
}

ESTIMATORS: Names = {**libraries.ESTIMATORS, **sklearn.ESTIMATORS, **statistics.WRAPPERS}
