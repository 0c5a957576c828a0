"""Owns steps as people write them for competitions, over passengers and rides. Knows nothing of converting.

They are pickled by value, as `notebooks` are.
"""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
from scipy.special import boxcox1p
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler

NOBLE = {"Master", "Lady", "Sir"}
DECKS = {"A": 1, "B": 2, "C": 3}
NIGHT = [22, 23, 0, 1, 2, 3, 4]


def title_group(df):
    df = df.copy()
    title = df["name"].str.extract(r" ([A-Za-z]+)\.", expand=False)
    df["group"] = title.apply(lambda word: 2 if word in NOBLE else {"Mr": 0, "Mrs": 1}.get(word, 3))
    return df[["group", "fare"]]


def deck_number(df):
    return pd.DataFrame({"deck": df["cabin"].apply(lambda v: DECKS.get(str(v)[0], 0)), "fare": df["fare"]})


def fare_per_head(df):
    people = df["sibsp"] + df["parch"]
    each = np.divide(df["fare"], people, out=np.zeros(len(df)), where=people > 0)
    return df[["fare"]].assign(each=each, log=np.log1p(each))


def cheap_and_dear(df):
    df = df[["fare", "pclass"]].copy()
    df["level"] = "mid"
    df.loc[df["fare"] < 10, "level"] = "low"
    df.loc[df["fare"] >= 40, "level"] = "high"
    df["level"] = df["level"].map({"low": 0, "mid": 1, "high": 2})
    return df


def fare_bins(df):
    fare = pd.cut(df["fare"], bins=[-1, 8, 15, 31, 1000], labels=[0, 1, 2, 3]).astype(int)
    return pd.DataFrame({"fare": fare, "age": pd.cut(df["age"], [0, 16, 32, 48, 64, 100], labels=False).fillna(-1)})


def crossed(df):
    return df.assign(
        age_class=lambda d: d["age"].fillna(28) * d["pclass"],
        fare_class=lambda d: d["fare"] / d["pclass"],
        relatives=lambda d: d[["sibsp", "parch"]].sum(axis=1),
        alone=lambda d: (d["relatives"] == 0).astype("int8"),
    )[["age_class", "fare_class", "relatives", "alone"]]


def evaluated(df):
    df = df[["fare", "sibsp", "parch", "pclass"]].copy()
    df.eval("family = sibsp + parch + 1", inplace=True)
    df = df.eval("each = fare / family").eval("dear = (each > 20) & (pclass < 3)")
    return df.drop(columns=["sibsp"])


def in_lines(df):
    return df[["fare", "sibsp", "parch"]].eval(
        """
        family = sibsp + parch
        each = fare / (family + 1)
        """
    )


def person(row):
    if pd.notna(row["age"]) and row["age"] < 16:
        return "child"
    return row["sex"]


def persons(df):
    who = df.apply(person, axis=1)
    return pd.DataFrame({"woman": (who == "female").astype(int), "child": (who == "child").astype(int)})


def spread_of_rows(df):
    part = df[["lat", "lat2", "price"]]
    return pd.DataFrame(
        {
            "range": part.max(axis=1) - part.min(axis=1),
            "middle": part.median(axis=1),
            "rank": part.rank(axis=1)["price"],
        }
    )


def row_functions(df):
    part = df[["lat", "lat2", "price"]]
    return pd.DataFrame(
        {"range": part.apply(lambda row: row.max() - row.min(), axis=1), "mean": part.apply(np.mean, axis=1)}
    )


def totals(df):
    return df[["lat", "lon", "price"]].cumsum(axis=1).add_prefix("total_")


def smoothed(df):
    return df[["lat", "lat2", "price", "passengers"]].T.rolling(2, min_periods=1).mean().T


def shares(df):
    part = df[["price", "passengers"]]
    return part.div(part.sum(axis=1), axis=0).fillna(0)


def hours(df):
    when = pd.to_datetime(df["pickup"])
    angle = 2 * np.pi * (when.dt.hour + when.dt.minute / 60) / 24
    return pd.DataFrame(
        {"night": when.dt.hour.isin(NIGHT).astype(int), "late": (angle > 3).astype(int), "weekend": when.dt.weekday > 4}
    )


def by_moment(df):
    return pd.DataFrame(
        {
            "month": df["pickup"].apply(lambda when: when.month),
            "weekend": df["pickup"].map(lambda when: 1 if when.weekday() >= 5 else 0),
            "price": df["price"],
        }
    )


def cleaned_payment(df):
    kind = df["payment"].str.strip().str.lower().replace({"none": np.nan}).fillna("unknown")
    return pd.DataFrame({"card": kind.eq("card"), "unknown": kind.isin({"unknown"}), "price": df["price"]})


def zones(df):
    zone = df["zone"]
    return pd.DataFrame(
        {"north": zone.str.startswith("N"), "tens": zone.str[-2:].isin(["12", "44"]), "n": zone.str.len()}
    )


def zone_pairs(df):
    pair = df["zone"].str.cat(df["payment"].str.strip(), sep="/")
    return pd.DataFrame({"known": pair.isin(["N-12/Cash", "S-3/card"]), "price": df["price"]})


def zone_kinds(df):
    codes = pd.Categorical(df["zone"], categories=["N-12", "S-3", "E-44"]).codes
    return np.column_stack([codes, df["price"]])


def distances(df):
    def haversine(row):
        lat, lon, lat2, lon2 = (math.radians(row[name]) for name in ("lat", "lon", "lat2", "lon2"))
        a = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
        return 12742 * math.asin(math.sqrt(a))

    return pd.DataFrame({"km": df.apply(haversine, axis=1), "price": df["price"]})


def normal_price(df):
    return pd.DataFrame({"price": boxcox1p(df["price"].clip(lower=0), 0.15), "n": df["passengers"].clip(1, 4)})


def words(df):
    name = df["name"].apply(lambda text: re.sub(r"[^A-Za-z ]", "", text).lower())
    return pd.DataFrame({"mr": name == "smith mr john", "n": df["name"].apply(lambda text: len(text.split()))})


def capitals(df):
    return pd.DataFrame(
        {"digits": df["zone"].str.replace(r"\D", "", regex=True).str.len(), "first": df["zone"].str.get(0) == "N"}
    )


def filled_array(X):
    X = np.asarray(X, dtype=float)
    out = np.zeros((X.shape[0], 3))
    out[:, 0] = X[:, 0]
    positive = X[:, 1] > 0
    out[positive, 1] = np.log(X[positive, 1])
    out[:, 2] = np.where(X[:, 2] > 0, 1, 0)
    return out


def polynomials(X):
    pairs = [X[:, i] * X[:, j] for i in range(X.shape[1]) for j in range(i, X.shape[1])]
    return np.column_stack([X, *pairs])


def order_statistics(X):
    return np.c_[np.median(X, axis=1), np.percentile(X, 75, axis=1), np.sort(X, axis=1), np.argmin(X, axis=1)]


class TargetMeans(BaseEstimator, TransformerMixin):
    def __init__(self, columns=("embarked", "sex"), smoothing=10):
        self.columns, self.smoothing = columns, smoothing

    def fit(self, X, y):
        y = pd.Series(np.asarray(y), index=X.index)
        self.prior_, self.maps_ = float(y.mean()), {}
        for column in self.columns:
            found = y.groupby(X[column]).agg(["mean", "count"])
            weight = found["count"] / (found["count"] + self.smoothing)
            self.maps_[column] = (weight * found["mean"] + (1 - weight) * self.prior_).to_dict()
        return self

    def transform(self, X):
        X = X[[*self.columns, "fare"]].copy()
        for column in self.columns:
            X[column] = X[column].apply(lambda v: self.maps_[column].get(v, self.prior_))
        return X


class GroupFill(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.medians_ = X.groupby(["sex", "pclass"])["age"].median().to_dict()
        self.overall_ = X["age"].median()
        return self

    def fill(self, row):
        if pd.isna(row["age"]):
            return self.medians_.get((row["sex"], row["pclass"]), self.overall_)
        return row["age"]

    def transform(self, X):
        return X[["fare"]].assign(age=X.apply(self.fill, axis=1))


class Merged(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.stats_ = X.groupby("embarked")["fare"].agg(["mean", "max"]).reset_index()
        return self

    def transform(self, X):
        X = X.merge(self.stats_, on="embarked", how="left")
        return X[["fare", "mean", "max"]].fillna(0)


class Rare(BaseEstimator, TransformerMixin):
    def __init__(self, columns=None, most=2):
        self.columns, self.most = columns, most

    def fit(self, X, y=None):
        self.kept_ = {name: set(X[name].value_counts().index[: self.most]) for name in self.columns or ["zone"]}
        return self

    def transform(self, X):
        X = X.copy()
        for name, kept in self.kept_.items():
            X[name] = X[name].apply(lambda v: v if v in kept else "other").map({"N-12": 1, "other": 0}).fillna(2)
        return X[["zone", "price"]]


class Capped(BaseEstimator, TransformerMixin):
    def __init__(self, low=0.01, high=0.99):
        self.low, self.high = low, high

    def fit(self, X, y=None):
        X = pd.DataFrame(X)
        self.low_, self.high_ = X.quantile(self.low), X.quantile(self.high)
        self.scaler_ = StandardScaler().fit(X)
        return self

    def transform(self, X):
        X = pd.DataFrame(X)
        return self.scaler_.transform(X.clip(self.low_, self.high_, axis=1))
