"""Owns the exact names of statsmodels' that the result of a regression may use, by what they are. Data only."""

from __future__ import annotations

Names = dict[str, str]  # the names of each module

WRAPPERS: Names = {  # what a fit gives
    "statsmodels.base.elastic_net": "RegularizedResultsWrapper",
    "statsmodels.discrete.discrete_model": (
        "BinaryResultsWrapper L1BinaryResultsWrapper L1PoissonResultsWrapper PoissonResultsWrapper"
    ),
    "statsmodels.genmod.generalized_linear_model": "GLMResultsWrapper",
    "statsmodels.regression.linear_model": "RegressionResultsWrapper",
    "statsmodels.robust.robust_linear_model": "RLMResultsWrapper",
}
RESULTS: Names = {  # and what that wraps
    "statsmodels.base.elastic_net": "RegularizedResults",
    "statsmodels.discrete.discrete_model": "L1BinaryResults L1PoissonResults LogitResults PoissonResults ProbitResults",
    "statsmodels.genmod.generalized_linear_model": "GLMResults",
    "statsmodels.regression.linear_model": "OLSResults RegressionResults",
    "statsmodels.regression.quantile_regression": "QuantRegResults",
    "statsmodels.robust.robust_linear_model": "RLMResults",
}
MODELS: Names = {
    "statsmodels.discrete.discrete_model": "Logit Poisson Probit",
    "statsmodels.genmod.generalized_linear_model": "GLM",
    "statsmodels.regression.linear_model": "GLS OLS WLS",
    "statsmodels.regression.quantile_regression": "QuantReg",
    "statsmodels.robust.robust_linear_model": "RLM",
}
FAMILIES: Names = {
    "statsmodels.genmod.families.family": ("Binomial Gamma Gaussian InverseGaussian NegativeBinomial Poisson Tweedie"),
}
LINKS: Names = {
    "statsmodels.genmod.families.links": (
        "CLogLog Identity InversePower InverseSquared Log LogLog Logit Power Probit Sqrt"
    ),
}
TABLES: Names = {"statsmodels.base.data": "ModelData PandasData"}

# never imported, as in `allowlist.INERT`
INERT: Names = {
    # what a summary leaves in a result
    "scipy.stats._stats_py": "KurtosistestResult NormaltestResult SkewtestResult",
    "statsmodels.base.l1_slsqp": "fit_l1_slsqp",
    "statsmodels.genmod.families.varfuncs": "Binomial NegativeBinomial Power VarianceFunction",
    "statsmodels.robust.norms": ("AndrewWave Hampel HuberT LeastSquares RamsayE TrimmedMean TukeyBiweight"),
}
KINDS: dict[str, Names] = {
    "estimator": WRAPPERS,
    "statistics": RESULTS,
    "statistics model": MODELS,
    "statistics family": FAMILIES,
    "statistics link": LINKS,
    "statistics table": TABLES,
}
EARLIER = {  # until 0.14 links bore the names of functions
    "cloglog": "CLogLog", "identity": "Identity", "inverse_power": "InversePower",
    "inverse_squared": "InverseSquared", "log": "Log", "loglog": "LogLog", "logit": "Logit", "probit": "Probit",
    "sqrt": "Sqrt",
}  # fmt: skip
MOVED = {
    f"statsmodels.genmod.families.links.{old}": f"statsmodels.genmod.families.links.{new}"
    for old, new in EARLIER.items()
}
