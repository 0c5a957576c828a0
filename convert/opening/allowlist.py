"""Owns the exact names a model file may use, by what each is good for. Data only.

A pickle is a program that imports names and calls them, so a name alone says nothing: it stands here by what may be
done with it. An instance of `ESTIMATORS` and `PARTS` may be made empty and given attributes. `FUNCTIONS` and
`TYPES` may stand as values where a model keeps one. What `INERT` names is never imported: a stand-in that does nothing
takes its place, because no answer of a model depends on it. Only what `MAKERS` (making/makers.py) names is ever called.
"""

from __future__ import annotations

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

ESTIMATORS: Names = {
    "category_encoders.backward_difference": "BackwardDifferenceEncoder",
    "category_encoders.basen": "BaseNEncoder",
    "category_encoders.binary": "BinaryEncoder",
    "category_encoders.cat_boost": "CatBoostEncoder",
    "category_encoders.count": "CountEncoder",
    "category_encoders.gray": "GrayEncoder",
    "category_encoders.helmert": "HelmertEncoder",
    "category_encoders.james_stein": "JamesSteinEncoder",
    "category_encoders.leave_one_out": "LeaveOneOutEncoder",
    "category_encoders.m_estimate": "MEstimateEncoder",
    "category_encoders.one_hot": "OneHotEncoder",
    "category_encoders.ordinal": "OrdinalEncoder",
    "category_encoders.polynomial": "PolynomialEncoder",
    "category_encoders.sum_coding": "SumEncoder",
    "category_encoders.target_encoder": "TargetEncoder",
    "category_encoders.woe": "WOEEncoder",
    "feature_engine.creation.cyclical_features": "CyclicalFeatures",
    "feature_engine.discretisation.arbitrary": "ArbitraryDiscretiser",
    "feature_engine.discretisation.decision_tree": "DecisionTreeDiscretiser",
    "feature_engine.discretisation.equal_frequency": "EqualFrequencyDiscretiser",
    "feature_engine.discretisation.equal_width": "EqualWidthDiscretiser",
    "feature_engine.discretisation.geometric_width": "GeometricWidthDiscretiser",
    "feature_engine.encoding.count_frequency": "CountFrequencyEncoder",
    "feature_engine.encoding.decision_tree": "DecisionTreeEncoder",
    "feature_engine.encoding.mean_encoding": "MeanEncoder",
    "feature_engine.encoding.one_hot": "OneHotEncoder",
    "feature_engine.encoding.ordinal": "OrdinalEncoder",
    "feature_engine.encoding.rare_label": "RareLabelEncoder",
    "feature_engine.encoding.woe": "WoEEncoder",
    "feature_engine.imputation.arbitrary_number": "ArbitraryNumberImputer",
    "feature_engine.imputation.categorical": "CategoricalImputer",
    "feature_engine.imputation.end_tail": "EndTailImputer",
    "feature_engine.imputation.mean_median": "MeanMedianImputer",
    "feature_engine.imputation.missing_indicator": "AddMissingIndicator",
    "feature_engine.outliers.artbitrary": "ArbitraryOutlierCapper",
    "feature_engine.outliers.winsorizer": "Winsorizer",
    "feature_engine.scaling.mean_normalization": "MeanNormalizationScaler",
    "feature_engine.selection.drop_constant_features": "DropConstantFeatures",
    "feature_engine.selection.drop_correlated_features": "DropCorrelatedFeatures",
    "feature_engine.selection.drop_duplicate_features": "DropDuplicateFeatures",
    "feature_engine.selection.drop_features": "DropFeatures",
    "feature_engine.transformation.boxcox": "BoxCoxTransformer",
    "feature_engine.transformation.log": "LogCpTransformer LogTransformer",
    "feature_engine.transformation.power": "PowerTransformer",
    "feature_engine.transformation.reciprocal": "ReciprocalTransformer",
    "feature_engine.transformation.yeojohnson": "YeoJohnsonTransformer",
    "imblearn.combine._smote_enn": "SMOTEENN",
    "imblearn.combine._smote_tomek": "SMOTETomek",
    "imblearn.ensemble._bagging": "BalancedBaggingClassifier",
    "imblearn.ensemble._easy_ensemble": "EasyEnsembleClassifier",
    "imblearn.ensemble._forest": "BalancedRandomForestClassifier",
    "imblearn.ensemble._weight_boosting": "RUSBoostClassifier",
    "imblearn.over_sampling._adasyn": "ADASYN",
    "imblearn.over_sampling._random_over_sampler": "RandomOverSampler",
    "imblearn.over_sampling._smote.base": "SMOTE SMOTEN SMOTENC",
    "imblearn.over_sampling._smote.cluster": "KMeansSMOTE",
    "imblearn.over_sampling._smote.filter": "BorderlineSMOTE SVMSMOTE",
    "imblearn.pipeline": "Pipeline",
    "imblearn.under_sampling._prototype_generation._cluster_centroids": "ClusterCentroids",
    "imblearn.under_sampling._prototype_selection._condensed_nearest_neighbour": "CondensedNearestNeighbour",
    "imblearn.under_sampling._prototype_selection._edited_nearest_neighbours": (
        "AllKNN EditedNearestNeighbours RepeatedEditedNearestNeighbours"
    ),
    "imblearn.under_sampling._prototype_selection._instance_hardness_threshold": "InstanceHardnessThreshold",
    "imblearn.under_sampling._prototype_selection._nearmiss": "NearMiss",
    "imblearn.under_sampling._prototype_selection._neighbourhood_cleaning_rule": "NeighbourhoodCleaningRule",
    "imblearn.under_sampling._prototype_selection._one_sided_selection": "OneSidedSelection",
    "imblearn.under_sampling._prototype_selection._random_under_sampler": "RandomUnderSampler",
    "imblearn.under_sampling._prototype_selection._tomek_links": "TomekLinks",
    "lightgbm.sklearn": "LGBMClassifier LGBMRanker LGBMRegressor",
    "sklearn.calibration": "CalibratedClassifierCV _CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
    "sklearn.cluster._affinity_propagation": "AffinityPropagation",
    "sklearn.cluster._agglomerative": "AgglomerativeClustering FeatureAgglomeration",
    "sklearn.cluster._bicluster": "SpectralBiclustering SpectralCoclustering",
    "sklearn.cluster._birch": "Birch",
    "sklearn.cluster._bisect_k_means": "BisectingKMeans",
    "sklearn.cluster._dbscan": "DBSCAN",
    "sklearn.cluster._hdbscan.hdbscan": "HDBSCAN",
    "sklearn.cluster._kmeans": "KMeans MiniBatchKMeans",
    "sklearn.cluster._mean_shift": "MeanShift",
    "sklearn.cluster._optics": "OPTICS",
    "sklearn.cluster._spectral": "SpectralClustering",
    "sklearn.compose._column_transformer": "ColumnTransformer",
    "sklearn.compose._target": "TransformedTargetRegressor",
    "sklearn.covariance._elliptic_envelope": "EllipticEnvelope",
    "sklearn.covariance._empirical_covariance": "EmpiricalCovariance",
    "sklearn.covariance._graph_lasso": "GraphicalLasso GraphicalLassoCV",
    "sklearn.covariance._robust_covariance": "MinCovDet",
    "sklearn.covariance._shrunk_covariance": "LedoitWolf OAS ShrunkCovariance",
    "sklearn.cross_decomposition._pls": "CCA PLSCanonical PLSRegression PLSSVD",
    "sklearn.decomposition._dict_learning": "DictionaryLearning MiniBatchDictionaryLearning SparseCoder",
    "sklearn.decomposition._factor_analysis": "FactorAnalysis",
    "sklearn.decomposition._fastica": "FastICA",
    "sklearn.decomposition._incremental_pca": "IncrementalPCA",
    "sklearn.decomposition._kernel_pca": "KernelPCA",
    "sklearn.decomposition._lda": "LatentDirichletAllocation",
    "sklearn.decomposition._nmf": "MiniBatchNMF NMF",
    "sklearn.decomposition._pca": "PCA",
    "sklearn.decomposition._sparse_pca": "MiniBatchSparsePCA SparsePCA",
    "sklearn.decomposition._truncated_svd": "TruncatedSVD",
    "sklearn.discriminant_analysis": "LinearDiscriminantAnalysis QuadraticDiscriminantAnalysis",
    "sklearn.dummy": "DummyClassifier DummyRegressor",
    "sklearn.ensemble._bagging": "BaggingClassifier BaggingRegressor",
    "sklearn.ensemble._forest": (
        "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier RandomForestRegressor RandomTreesEmbedding"
    ),
    "sklearn.ensemble._gb": "GradientBoostingClassifier GradientBoostingRegressor",
    "sklearn.ensemble._hist_gradient_boosting.binning": "_BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": (
        "HistGradientBoostingClassifier HistGradientBoostingRegressor"
    ),
    "sklearn.ensemble._iforest": "IsolationForest",
    "sklearn.ensemble._stacking": "StackingClassifier StackingRegressor",
    "sklearn.ensemble._voting": "VotingClassifier VotingRegressor",
    "sklearn.ensemble._weight_boosting": "AdaBoostClassifier AdaBoostRegressor",
    "sklearn.feature_extraction._dict_vectorizer": "DictVectorizer",
    "sklearn.feature_extraction._hash": "FeatureHasher",
    "sklearn.feature_extraction.image": "PatchExtractor",
    "sklearn.feature_extraction.text": "CountVectorizer HashingVectorizer TfidfTransformer TfidfVectorizer",
    "sklearn.feature_selection._from_model": "SelectFromModel",
    "sklearn.feature_selection._rfe": "RFE RFECV",
    "sklearn.feature_selection._sequential": "SequentialFeatureSelector",
    "sklearn.feature_selection._univariate_selection": (
        "GenericUnivariateSelect SelectFdr SelectFpr SelectFwe SelectKBest SelectPercentile"
    ),
    "sklearn.feature_selection._variance_threshold": "VarianceThreshold",
    "sklearn.frozen._frozen": "FrozenEstimator",
    "sklearn.gaussian_process._gpc": "GaussianProcessClassifier _BinaryGaussianProcessClassifierLaplace",
    "sklearn.gaussian_process._gpr": "GaussianProcessRegressor",
    "sklearn.impute._base": "MissingIndicator SimpleImputer",
    "sklearn.impute._iterative": "IterativeImputer",
    "sklearn.impute._knn": "KNNImputer",
    "sklearn.isotonic": "IsotonicRegression",
    "sklearn.kernel_approximation": "AdditiveChi2Sampler Nystroem PolynomialCountSketch RBFSampler SkewedChi2Sampler",
    "sklearn.kernel_ridge": "KernelRidge",
    "sklearn.linear_model._base": "LinearRegression",
    "sklearn.linear_model._bayes": "ARDRegression BayesianRidge",
    "sklearn.linear_model._coordinate_descent": (
        "ElasticNet ElasticNetCV Lasso LassoCV MultiTaskElasticNet MultiTaskElasticNetCV MultiTaskLasso "
        "MultiTaskLassoCV"
    ),
    "sklearn.linear_model._glm.glm": "GammaRegressor PoissonRegressor TweedieRegressor",
    "sklearn.linear_model._huber": "HuberRegressor",
    "sklearn.linear_model._least_angle": "Lars LarsCV LassoLars LassoLarsCV LassoLarsIC",
    "sklearn.linear_model._logistic": "LogisticRegression LogisticRegressionCV",
    "sklearn.linear_model._omp": "OrthogonalMatchingPursuit OrthogonalMatchingPursuitCV",
    "sklearn.linear_model._passive_aggressive": "PassiveAggressiveClassifier PassiveAggressiveRegressor",
    "sklearn.linear_model._perceptron": "Perceptron",
    "sklearn.linear_model._quantile": "QuantileRegressor",
    "sklearn.linear_model._ransac": "RANSACRegressor",
    "sklearn.linear_model._ridge": "Ridge RidgeCV RidgeClassifier RidgeClassifierCV",
    "sklearn.linear_model._stochastic_gradient": "SGDClassifier SGDOneClassSVM SGDRegressor",
    "sklearn.linear_model._theil_sen": "TheilSenRegressor",
    "sklearn.manifold._classical_mds": "ClassicalMDS",
    "sklearn.manifold._isomap": "Isomap",
    "sklearn.manifold._locally_linear": "LocallyLinearEmbedding",
    "sklearn.manifold._mds": "MDS",
    "sklearn.manifold._spectral_embedding": "SpectralEmbedding",
    "sklearn.manifold._t_sne": "TSNE",
    "sklearn.mixture._bayesian_mixture": "BayesianGaussianMixture",
    "sklearn.mixture._gaussian_mixture": "GaussianMixture",
    "sklearn.model_selection._classification_threshold": "FixedThresholdClassifier TunedThresholdClassifierCV",
    "sklearn.model_selection._search": "GridSearchCV RandomizedSearchCV",
    "sklearn.model_selection._search_successive_halving": "HalvingGridSearchCV HalvingRandomSearchCV",
    "sklearn.multiclass": "OneVsOneClassifier OneVsRestClassifier OutputCodeClassifier _ConstantPredictor",
    "sklearn.multioutput": "ClassifierChain MultiOutputClassifier MultiOutputRegressor RegressorChain",
    "sklearn.naive_bayes": "BernoulliNB CategoricalNB ComplementNB GaussianNB MultinomialNB",
    "sklearn.neighbors._classification": "KNeighborsClassifier RadiusNeighborsClassifier",
    "sklearn.neighbors._graph": "KNeighborsTransformer RadiusNeighborsTransformer",
    "sklearn.neighbors._kde": "KernelDensity",
    "sklearn.neighbors._lof": "LocalOutlierFactor",
    "sklearn.neighbors._nca": "NeighborhoodComponentsAnalysis",
    "sklearn.neighbors._nearest_centroid": "NearestCentroid",
    "sklearn.neighbors._regression": "KNeighborsRegressor RadiusNeighborsRegressor",
    "sklearn.neighbors._unsupervised": "NearestNeighbors",
    "sklearn.neural_network._multilayer_perceptron": "MLPClassifier MLPRegressor",
    "sklearn.neural_network._rbm": "BernoulliRBM",
    "sklearn.pipeline": "FeatureUnion Pipeline",
    "sklearn.preprocessing._data": (
        "Binarizer KernelCenterer MaxAbsScaler MinMaxScaler Normalizer PowerTransformer QuantileTransformer "
        "RobustScaler StandardScaler"
    ),
    "sklearn.preprocessing._discretization": "KBinsDiscretizer",
    "sklearn.preprocessing._encoders": "OneHotEncoder OrdinalEncoder",
    "sklearn.preprocessing._function_transformer": "FunctionTransformer",
    "sklearn.preprocessing._label": "LabelBinarizer LabelEncoder MultiLabelBinarizer",
    "sklearn.preprocessing._polynomial": "PolynomialFeatures SplineTransformer",
    "sklearn.preprocessing._target_encoder": "TargetEncoder",
    "sklearn.random_projection": "GaussianRandomProjection SparseRandomProjection",
    "sklearn.semi_supervised._label_propagation": "LabelPropagation LabelSpreading",
    "sklearn.semi_supervised._self_training": "SelfTrainingClassifier",
    "sklearn.svm._classes": "LinearSVC LinearSVR NuSVC NuSVR OneClassSVM SVC SVR",
    "sklearn.tree._classes": "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor",
    "xgboost.sklearn": "XGBClassifier XGBRFClassifier XGBRFRegressor XGBRanker XGBRegressor",
}
