"""Owns functions and classes as people write them in notebooks, over passengers. Knows nothing of converting.

They are pickled by value, as cloudpickle does it for what stands in a notebook.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_array, check_is_fitted

PORTS = {"S": 0, "C": 1, "Q": 2}
AGES = [0, 12, 18, 35, 60, 120]


def passengers(rows: int = 400) -> tuple[pd.DataFrame, Any]:
    """A table as of the Titanic, with the gaps it has, and who survived."""
    random = np.random.default_rng(0)
    sex = random.choice(["male", "female"], rows)
    cabin = np.where(random.random(rows) < 0.7, None, random.choice(["C85", "E46", "B28", "A6", "D33"], rows))
    titles = random.choice(["Mr", "Mrs", "Miss", "Master"], rows)
    table = pd.DataFrame(
        {
            "pclass": random.integers(1, 4, rows),
            "sex": sex,
            "age": np.where(random.random(rows) < 0.2, np.nan, np.round(random.gamma(4, 7, rows), 1)),
            "sibsp": random.integers(0, 4, rows),
            "parch": random.integers(0, 3, rows),
            "fare": np.round(random.gamma(2, 16, rows), 2),
            "embarked": random.choice(["S", "C", "Q"], rows),
            "cabin": cabin.astype(object),
            "name": [f"Smith, {title}. John" for title in titles],
        }
    )
    y = ((sex == "female") | (table["fare"].to_numpy() > 60)).astype(int)
    return table, np.where(random.random(rows) < 0.1, 1 - y, y)


# functions of arrays


def log_all(X):
    return np.log1p(np.abs(X))


def ratio(X):
    return np.c_[X, X[:, 0] / (X[:, 1] + 1)]


def interactions(X):
    return np.column_stack([X[:, 0] * X[:, 1], X[:, 2] ** 2, np.sqrt(np.abs(X[:, 3]))])


def stacked(X):
    return np.hstack([X, X[:, [0, 2]] - X[:, 1:3]])


def concatenated(X):
    return np.concatenate((X, np.exp(-np.abs(X[:, :1]))), axis=1)


def row_statistics(X):
    X = np.asarray(X)
    return np.column_stack([X.sum(axis=1), X.mean(axis=1), X.min(axis=1), X.max(axis=1), X.std(axis=1)])


def with_bias(X):
    return np.hstack([np.ones((X.shape[0], 1)), X])


def clipped(X):
    return np.clip(X, -1.0, 1.5)


def signs(X):
    return np.where(X > 0, 1, -1) * np.sqrt(np.abs(X))


def choices(X):
    size = np.select([X[:, 0] < 0, X[:, 0] < 1], [0, 1], default=2)
    return np.c_[X, size]


def normalised(X):
    return X / np.linalg.norm(X, axis=1).reshape(-1, 1)


def centred(X):
    return X - X.mean(axis=1, keepdims=True)


def by_column(X):
    out = np.empty((len(X), 2))
    out = X[:, :2].copy()
    out[:, 0] = np.log1p(np.abs(out[:, 0]))
    out[out > 2] = 2
    return out


def cyclical(X, period=24):
    angle = 2 * np.pi * X[:, 0] / period
    return np.c_[np.sin(angle), np.cos(angle), X[:, 1:]]


def binned(X):
    return np.c_[np.digitize(X[:, 0], [-1, 0, 1]), np.floor(X[:, 1] * 2), np.round(X[:, 2], 1)]


def without_missing(X):
    return np.nan_to_num(X, nan=-1.0)


def missing_flags(X):
    return np.c_[np.where(np.isnan(X), 0, X), np.isnan(X)]


def transposed(X):
    return np.array([X[:, 0], X[:, 1] // 0.5, X[:, 2] % 0.7]).T


def framed(X):
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    frame["e"] = frame["a"] * frame["b"]
    return frame.to_numpy()


def vectorised(X):
    return np.vectorize(lambda value: value * 2 if value > 0 else 0.0)(X[:, 0]).reshape(-1, 1)


# functions of frames


def family_size(df):
    df = df.copy()
    df["family"] = df["sibsp"] + df["parch"] + 1
    df["alone"] = (df["family"] == 1).astype(int)
    return df[["family", "alone", "fare"]]


def log_fare(df):
    return df.assign(fare=np.log1p(df["fare"]))[["fare", "pclass"]]


def map_sex(df):
    out = pd.DataFrame()
    out = df[["pclass", "fare"]].copy()
    out["sex"] = df["sex"].map({"male": 0, "female": 1})
    return out


def is_child(df):
    df = df.copy()
    df["child"] = np.where(df["age"] < 16, 1, 0)
    return df[["child", "fare"]]


def age_group(df):
    df = df.copy()
    df["group"] = pd.cut(df["age"].fillna(30), bins=AGES, labels=False, include_lowest=True)
    return df[["group", "fare"]].fillna(-1)


def age_labels(df):
    groups = pd.cut(df["age"].fillna(30), bins=[-1, 16, 40, 200], labels=["young", "middle", "old"])
    return pd.get_dummies(groups).astype(float)


def known_ports(df):
    port = df["embarked"].astype(pd.CategoricalDtype(["S", "C", "Q"]))
    return pd.concat([pd.get_dummies(port, prefix="port", dtype=int), df[["fare"]]], axis=1)


def port_codes(df):
    return df["embarked"].map(PORTS).fillna(-1).to_frame().join(df[["fare"]])


def fill_by_column(df):
    return df.fillna({"age": 29.7, "fare": 14.5})[["age", "fare"]]


def has_cabin(df):
    return pd.DataFrame({"cabin": df["cabin"].notna().astype(int), "fare": df["fare"]})


def deck(df):
    deck = df["cabin"].fillna("U").str[0]
    return pd.DataFrame({"good": deck.isin(["B", "D", "E"]), "unknown": deck == "U", "fare": df["fare"]})


def married(df):
    return pd.DataFrame({"married": df["name"].str.contains("Mrs", regex=False).astype(int), "fare": df["fare"]})


def name_length(df):
    return pd.DataFrame({"length": df["name"].str.len(), "fare": df["fare"]})


def clean_sex(df):
    sex = df["sex"].str.strip().str.lower()
    return pd.DataFrame({"woman": (sex == "female") * 1.0, "fare": df["fare"]})


def title(df):
    title = df["name"].str.extract(r" ([A-Za-z]+)\.", expand=False)
    rare = title.map({"Mr": 1, "Miss": 2, "Mrs": 3, "Master": 4}).fillna(0)
    return pd.DataFrame({"title": rare, "fare": df["fare"]})


def surname(df):
    return pd.DataFrame({"smith": df["name"].str.split(",").str[0].eq("Smith").astype(int), "fare": df["fare"]})


def fare_per_person(df):
    df = df.copy()
    df["each"] = df["fare"] / (df["sibsp"] + df["parch"] + 1)
    df.loc[df["each"] > 100, "each"] = 100
    return df.drop(columns=["sex", "embarked", "cabin", "name", "age"])


def between_and_isin(df):
    return pd.DataFrame({"grown": df["age"].between(18, 60), "first": df["pclass"].isin([1]), "fare": df["fare"]})


def apply_age(df):
    def group(age):
        if pd.isnull(age):
            return -1
        if age < 12:
            return 0
        return 1 if age < 60 else 2

    return pd.DataFrame({"group": df["age"].apply(group), "fare": df["fare"].apply(lambda fare: min(fare, 80.0))})


def apply_rows(df):
    def kind(row):
        if row["sex"] == "female" or row["age"] < 12:
            return 1
        return 0

    return pd.DataFrame({"first": df.apply(kind, axis=1), "fare": df["fare"]})


def renamed(df):
    df = df.rename(columns={"sibsp": "siblings", "parch": "parents"})
    df["relatives"] = df[["siblings", "parents"]].sum(axis=1)
    return df.loc[:, ["relatives", "fare", "pclass"]]


def frame_statistics(df):
    part = df[["age", "fare", "pclass"]]
    return pd.DataFrame(
        {"mean": part.mean(axis=1), "most": part.max(axis=1), "spread": part.std(axis=1), "n": part.isna().sum(axis=1)}
    )


def replaced(df):
    return df.replace({"sex": {"male": 0, "female": 1}, "embarked": {"S": 0, "C": 1, "Q": 2}})[
        ["sex", "embarked", "fare"]
    ]


def masked(df):
    fare = df["fare"].mask(df["fare"] > 50, 50).where(df["pclass"] > 1, 0)
    return pd.DataFrame({"fare": fare.clip(lower=5), "class": df["pclass"].astype(float).round()})


def loops(df):
    df = df[["age", "fare", "sibsp"]].copy()
    for name in df.columns:
        df[name + "_missing"] = df[name].isna().astype(int)
    for name in ["age", "fare"]:
        df[name] = df[name].fillna(0)
    return df


def square_root(df):
    df = df[["fare", "sibsp"]]
    return df.apply(np.sqrt).add_suffix("_root").join(df)


def text_sum(df):
    both = df["sex"] + "_" + df["embarked"]
    return pd.DataFrame({"pair": both.map({"male_S": 0, "female_C": 1}).fillna(2), "fare": df["fare"]})


# classes


class FamilySize(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        X = X.copy()
        X["family"] = X["sibsp"] + X["parch"] + 1
        return X


class MedianFiller(BaseEstimator, TransformerMixin):
    def __init__(self, columns=("age", "fare")):
        self.columns = columns

    def fit(self, X, y=None):
        self.medians_ = X[list(self.columns)].median()
        return self

    def transform(self, X):
        check_is_fitted(self, "medians_")
        X = X.copy()
        for column in self.columns:
            X[column] = X[column].fillna(self.medians_[column])
        return X


class ColumnSelector(BaseEstimator, TransformerMixin):
    def __init__(self, columns):
        self.columns = columns

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X[self.columns]

    def get_feature_names_out(self, input_features=None):
        return np.array(self.columns, object)


class DropColumns(BaseEstimator, TransformerMixin):
    def __init__(self, columns):
        self.columns = columns

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.drop(self.columns, axis=1)


class FrequencyEncoder(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.shares_ = X["embarked"].value_counts(normalize=True).to_dict()
        return self

    def transform(self, X):
        return X.assign(embarked=X["embarked"].map(self.shares_).fillna(0.0))[["embarked", "fare"]]


class Outliers(BaseEstimator, TransformerMixin):
    def __init__(self, factor=1.5):
        self.factor = factor

    def fit(self, X, y=None):
        low, high = np.nanpercentile(X, [25, 75], axis=0)
        self.low_, self.high_ = low - self.factor * (high - low), high + self.factor * (high - low)
        return self

    def transform(self, X):
        X = check_array(X, ensure_all_finite="allow-nan")
        return np.clip(X, self.low_, self.high_)


class CombinedAttributes(BaseEstimator, TransformerMixin):
    def __init__(self, add_product=True):
        self.add_product = add_product

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        per = X[:, 0] / (np.abs(X[:, 1]) + 1)
        if self.add_product:
            return np.c_[X, per, X[:, 2] * X[:, 3]]
        return np.c_[X, per]


class OwnScaler(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.scaler_ = StandardScaler().fit(X)
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X):
        return np.tanh(self.scaler_.transform(X))


class Standardise(TransformerMixin):
    """Without BaseEstimator, as old notebooks have it."""

    def fit(self, X, y=None):
        self.mean, self.std = X.mean(), X.std()
        return self

    def transform(self, X):
        if isinstance(X, pd.DataFrame):
            return (X - self.mean) / self.std
        raise TypeError("a DataFrame")


class Threshold(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.n_features_in_ = X.shape[1]
        self.cut_ = float(np.median(X[:, 0]))
        return self

    def predict(self, X):
        return (X[:, 0] > self.cut_).astype(int)

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-(X[:, 0] - self.cut_)))
        return np.column_stack([1 - p, p])


class Line(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.coef_ = np.linalg.lstsq(X, y, rcond=None)[0]
        return self

    def predict(self, X):
        return X @ self.coef_


def with_math(df):
    return pd.DataFrame({"root": df["fare"].apply(lambda fare: math.sqrt(fare)), "class": df["pclass"]})


def is_woman(df):
    return (df == "female").astype(int)


def lengths(series):
    return series.str.len().to_frame()


def title_by_split(df):
    titles = df["name"].apply(lambda name: name.split(",")[1].split(".")[0].strip())
    return pd.DataFrame({"title": titles.map({"Mr": 0, "Miss": 1}).fillna(2), "fare": df.fare})


def stages(df):
    conditions = [df["age"] < 13, df["age"] < 20, df["age"] < 60]
    stage = pd.Series(np.select(conditions, ["child", "teen", "adult"], default="senior"))
    return pd.DataFrame({"stage": stage.map({"child": 0, "teen": 1, "adult": 2, "senior": 3}), "fare": df.fare})


def in_place(df):
    df = df.copy()
    df["age*class"] = df.age.fillna(0) * df.pclass
    df.drop(["name", "sex", "cabin", "embarked"], axis=1, inplace=True)
    df.fillna(0, inplace=True)
    return df


def located(df):
    df = df.copy()
    df.loc[df["age"].isnull(), "age"] = 28
    df.loc[(df["sex"] == "male") & (df["age"] > 18), "man"] = 1
    df["man"] = df["man"].fillna(0)
    return df[["age", "man"]]


def by_class(df):
    return df[["fare"]].assign(age=df["age"].fillna(df["pclass"].map({1: 40, 2: 30, 3: 25})))


def several_columns(df):
    columns = ["age", "fare"]
    df = df.copy()
    df[columns] = np.log1p(df[columns].fillna(0))
    return df[columns]


def buckets(df):
    def bucket(fare):
        if fare <= 10:
            return "low"
        return "mid" if fare <= 30 else "high"

    return df[["pclass"]].assign(fare=df["fare"].map(bucket).map({"low": 0, "mid": 1, "high": 2}))


class Passengers(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.ages_ = X.groupby("pclass")["age"].median().to_dict()
        return self

    def transform(self, X):
        X = X.copy()
        X["title"] = X["name"].str.extract(r" ([A-Za-z]+)\.", expand=False)
        X["title"] = X["title"].replace(["Master", "Miss"], "Young")
        X["deck"] = X["cabin"].fillna("U").str[0]
        X["age"] = X["age"].fillna(X["pclass"].map(self.ages_))
        X["family"] = X.sibsp + X.parch + 1
        return X.drop(columns=["name", "cabin", "sibsp", "parch"])


class Wrapped(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        self.classes_ = np.unique(y)
        self.model_ = LogisticRegression().fit(X, y)
        return self

    def predict_proba(self, X):
        p = np.clip(self.model_.predict_proba(X)[:, 1] * 1.1, 0, 1)
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.4).astype(int)]
