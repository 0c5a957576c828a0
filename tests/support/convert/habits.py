"""Owns more functions as people share them: dates, places, cleaned texts, bins, lookups. Knows nothing of converting.

They are pickled by value, as `notebooks` are.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel

SEASONS = {12: 0, 1: 0, 2: 0, 3: 1, 4: 1, 5: 1, 6: 2, 7: 2, 8: 2, 9: 3, 10: 3, 11: 3}
BASE = pd.Timestamp("2020-01-01")
CENTRE = (40.7128, -74.006)


def trips(rows: int = 300):
    """A table of rides: when, from where to where, with what; and whether the ride was dear."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "pickup": pd.Timestamp("2019-06-01") + pd.to_timedelta(random.integers(0, 900 * 86400, rows), unit="s"),
            "lat": 40.7 + random.normal(0, 0.1, rows).round(4),
            "lon": -74 + random.normal(0, 0.1, rows).round(4),
            "lat2": 40.7 + random.normal(0, 0.1, rows).round(4),
            "lon2": -74 + random.normal(0, 0.1, rows).round(4),
            "passengers": random.integers(1, 6, rows),
            "price": random.gamma(2, 10, rows).round(2),
            "payment": random.choice([" Cash", "card ", "CARD", "none"], rows),
            "zone": random.choice(["N-12", "S-3", "E-44", "W-5"], rows),
        }
    )
    table["dropoff"] = table["pickup"] + pd.to_timedelta(random.integers(60, 9000, rows), unit="s")
    hour = table["pickup"].dt.hour.to_numpy()
    y = ((hour > 12) ^ (table["price"].to_numpy() > 20)).astype(int)
    return table, np.where(random.random(rows) < 0.1, 1 - y, y)


def calendar_parts(df):
    out = pd.DataFrame()
    out["hour"] = df["pickup"].dt.hour
    out["weekday"] = df["pickup"].dt.dayofweek
    out["month"] = df["pickup"].dt.month
    out["weekend"] = (df["pickup"].dt.weekday >= 5).astype(int)
    return out


def parsed_dates(df):
    when = pd.to_datetime(df["pickup"])
    return pd.DataFrame({"year": when.dt.year, "day": when.dt.day, "quarter": when.dt.quarter, "price": df["price"]})


def month_circle(df):
    month = df["pickup"].dt.month
    return pd.DataFrame({"sin": np.sin(2 * np.pi * month / 12), "cos": np.cos(2 * np.pi * month / 12)})


def duration(df):
    minutes = (df["dropoff"] - df["pickup"]).dt.total_seconds() / 60
    return pd.DataFrame({"minutes": minutes, "price": df["price"] / (minutes + 1)})


def days_since(df):
    return pd.DataFrame({"days": (df["pickup"] - BASE).dt.days, "price": df["price"]})


def rush_hour(df):
    hour = df["pickup"].dt.hour
    rush = ((hour >= 7) & (hour <= 9)) | ((hour >= 16) & (hour <= 18))
    return df[["price"]].assign(rush=rush.astype(int), night=hour.isin([22, 23, 0, 1, 2, 3]))


def season(df):
    return pd.DataFrame({"season": df["pickup"].dt.month.map(SEASONS), "price": df["price"]})


def month_ends(df):
    when = df["pickup"].dt
    return pd.DataFrame(
        {"first": when.is_month_start, "last": when.is_month_end, "of": when.day_of_year, "n": when.days_in_month}
    )


def after_opening(df):
    return pd.DataFrame(
        {"late": (df["pickup"] > "2020-06-15").astype(int), "early": df["pickup"] < BASE, "price": df["price"]}
    )


def in_days(df):
    return pd.DataFrame(
        {"days": (df["pickup"] - BASE) / np.timedelta64(1, "D"), "week": df["pickup"].dt.isocalendar().week}
    )


def drops_dates(df):
    df = df.copy()
    df["hour"] = df["pickup"].dt.hour
    return df.drop(columns=["pickup", "dropoff", "payment", "zone"])


def haversine(df):
    lat, lon, lat2, lon2 = (np.radians(df[name]) for name in ("lat", "lon", "lat2", "lon2"))
    a = np.sin((lat2 - lat) / 2) ** 2 + np.cos(lat) * np.cos(lat2) * np.sin((lon2 - lon) / 2) ** 2
    return pd.DataFrame({"km": 2 * 6371 * np.arcsin(np.sqrt(a)), "price": df["price"]})


def manhattan(df):
    far = (df["lat"] - df["lat2"]).abs() + (df["lon"] - df["lon2"]).abs()
    centre = np.hypot(df["lat"] - CENTRE[0], df["lon"] - CENTRE[1])
    return pd.DataFrame({"far": far, "centre": centre})


def bearing(df):
    lat, lat2 = np.radians(df["lat"]), np.radians(df["lat2"])
    dlon = np.radians(df["lon2"] - df["lon"])
    y = np.sin(dlon) * np.cos(lat2)
    x = np.cos(lat) * np.sin(lat2) - np.sin(lat) * np.cos(lat2) * np.cos(dlon)
    return pd.DataFrame({"bearing": np.degrees(np.arctan2(y, x)), "price": df["price"]})


def payment_kind(df):
    kind = df["payment"].str.strip().str.lower()
    return pd.DataFrame(
        {"cash": (kind == "cash").astype(int), "card": kind.eq("card").astype(int), "price": df["price"]}
    )


def zone_side(df):
    side = df["zone"].str[0]
    return (
        pd.get_dummies(side, prefix="side")
        .reindex(columns=["side_N", "side_S", "side_E", "side_W"], fill_value=0)
        .astype(float)
    )


def zone_number(df):
    return pd.DataFrame({"number": df["zone"].str.split("-").str[1].astype(int), "price": df["price"]})


def zone_dummies(df):
    return (
        pd.get_dummies(df[["zone", "price"]], columns=["zone"])
        .reindex(columns=["price", "zone_N-12", "zone_S-3"], fill_value=0)
        .astype(float)
    )


def zone_as_category(df):
    return pd.get_dummies(pd.Categorical(df["zone"], categories=["N-12", "S-3", "E-44", "W-5"])).astype(float)


def price_bins(df):
    labels = ["low", "mid", "high"]
    price = pd.cut(df["price"], bins=[-np.inf, 10, 30, np.inf], labels=labels)
    return pd.DataFrame({"price": price.map({"low": 0, "mid": 1, "high": 2}).astype(float), "n": df["passengers"]})


def price_levels(df):
    return pd.DataFrame({"level": np.searchsorted([5, 10, 20, 40], df["price"]), "n": df["passengers"]})


def nested_where(df):
    level = np.where(df["price"] < 10, "low", np.where(df["price"] < 30, "mid", "high"))
    return pd.DataFrame({"low": (level == "low") * 1.0, "mid": (level == "mid") * 1.0, "n": df["passengers"]})


def selected(df):
    level = np.select([df["price"].lt(10), df["price"].between(10, 30)], ["low", "mid"], default="high")
    return pd.Series(level).map({"low": 0, "mid": 1, "high": 2}).to_frame("level").assign(price=df["price"])


def ratios(df):
    df = df[["price", "passengers", "lat"]].copy()
    df["each"] = df["price"].div(df["passengers"].replace(0, np.nan)).fillna(0)
    df["each"] = df["each"].replace([np.inf, -np.inf], 0)
    return df


def logs(df):
    return df[["price", "passengers"]].apply(lambda column: np.log1p(column))


def applied_map(df):
    return df[["price", "passengers"]].map(lambda value: value**0.5 if value > 0 else 0.0)


def powers(df):
    df = df[["price", "passengers"]]
    return pd.concat([df, df**2, df.pow(3).add_suffix("_cubed")], axis=1)


def products(df):
    return (
        df[["price", "passengers"]].prod(axis=1).to_frame("product").join(df.eval("price / passengers").rename("each"))
    )


def counted_missing(df):
    return df[["price", "lat"]].assign(missing=df.isnull().sum(axis=1), any=df[["price", "lat"]].isna().any(axis=1))


def lambda_rows(df):
    far = df.apply(lambda row: abs(row["lat"] - row["lat2"]) + abs(row["lon"] - row["lon2"]), axis=1)
    return pd.DataFrame({"far": far, "price": df["price"]})


def columns_by_type(df):
    return df.select_dtypes(include="number").fillna(-1)


def titles(df):
    title = df["name"].apply(lambda name: name.split(", ")[1].split(".")[0])
    return pd.DataFrame({"mr": (title == "Mr").astype(int), "fare": df["fare"]})


def titles_by_search(df):
    def title(name):
        found = re.search(r" ([A-Za-z]+)\.", name)
        return found.group(1) if found else ""

    return pd.DataFrame(
        {"title": df["name"].apply(title).map({"Mr": 1, "Miss": 2, "Mrs": 3}).fillna(0), "fare": df["fare"]}
    )


def titles_extracted(df):
    title = df["name"].str.extract(r" ([A-Za-z]+)\.")[0].replace({"Mlle": "Miss", "Mme": "Mrs"})
    return pd.DataFrame({"title": title.map({"Mr": 1, "Miss": 2, "Mrs": 3}).fillna(0), "fare": df["fare"]})


def cabin_letter(df):
    letter = df["cabin"].fillna("Unknown").map(lambda cabin: cabin[0])
    return pd.DataFrame({"deck": letter.map({"A": 1, "B": 2, "C": 3, "U": 0}).fillna(4), "fare": df["fare"]})


def cabin_known(df):
    known = df["cabin"].apply(lambda cabin: 0 if isinstance(cabin, float) or cabin is None else 1)
    return pd.DataFrame({"known": known, "fare": df["fare"]})


def cleaned(df):
    name = df["name"].str.lower().str.replace(".", "", regex=False).str.replace("[^a-z ]", "", regex=True)
    return pd.DataFrame(
        {"mr": (name == "smith mr john").astype(int), "words": name.str.count(" ") + 1, "fare": df["fare"]}
    )


def name_words(df):
    return pd.DataFrame(
        {
            "words": df["name"].str.split().str.len(),
            "digits": df["cabin"].fillna("").str.count("[0-9]"),
            "fare": df["fare"],
        }
    )


def ports_and_sex(df):
    return pd.DataFrame(
        {
            "port": df["embarked"].map({"S": 0, "C": 1, "Q": 2}).astype(int),
            "man": df["sex"].eq("male"),
            "pclass": df["pclass"].astype("int8"),
        }
    )


def flags(df):
    df = df.copy()
    df["rich"] = 0
    df.loc[df["fare"] > 50, "rich"] = 1
    df["big"] = ((df["sibsp"] + df["parch"]) > 3).map({True: 1, False: 0})
    return df[["rich", "big", "fare"]]


class GroupMeans(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.means_ = X.groupby("zone")["price"].mean()
        self.overall_ = X["price"].mean()
        return self

    def transform(self, X):
        X = X[["zone", "price"]].copy()
        X["zone"] = X["zone"].map(self.means_).fillna(self.overall_)
        X["relative"] = X["price"] / X["zone"]
        return X


class Winsorizer(BaseEstimator, TransformerMixin):
    def __init__(self, low=0.05, high=0.95):
        self.low, self.high = low, high

    def fit(self, X, y=None):
        self.columns_ = X.select_dtypes("number").columns.tolist()
        self.limits_ = {name: X[name].quantile([self.low, self.high]).tolist() for name in self.columns_}
        return self

    def transform(self, X):
        X = X[self.columns_].copy()
        for name, (low, high) in self.limits_.items():
            X[name] = X[name].clip(low, high)
        return X


class RareLabels(BaseEstimator, TransformerMixin):
    def __init__(self, share=0.24):
        self.share = share

    def fit(self, X, y=None):
        shares = X["zone"].value_counts(normalize=True)
        self.frequent_ = shares[shares >= self.share].index.tolist()
        return self

    def transform(self, X):
        zone = X["zone"].where(X["zone"].isin(self.frequent_), "other")
        return pd.DataFrame({"other": (zone == "other").astype(int), "price": X["price"]})


class FittedDummies(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.columns_ = pd.get_dummies(X[["zone", "passengers"]]).columns
        return self

    def transform(self, X):
        return pd.get_dummies(X[["zone", "passengers"]]).reindex(columns=self.columns_, fill_value=0).astype(float)


class ClusterSimilarity(BaseEstimator, TransformerMixin):
    def __init__(self, n_clusters=5, gamma=1.0):
        self.n_clusters, self.gamma = n_clusters, gamma

    def fit(self, X, y=None, sample_weight=None):
        self.kmeans_ = KMeans(self.n_clusters, n_init=10, random_state=0)
        self.kmeans_.fit(X, sample_weight=sample_weight)
        return self

    def transform(self, X):
        return rbf_kernel(X, self.kmeans_.cluster_centers_, gamma=self.gamma)

    def get_feature_names_out(self, names=None):
        return [f"Cluster {i} similarity" for i in range(self.n_clusters)]


class Likeness(BaseEstimator, TransformerMixin):
    def fit(self, X, y=None):
        self.prototypes_ = np.asarray(X)[:5]
        return self

    def transform(self, X):
        return cosine_similarity(X, self.prototypes_)
