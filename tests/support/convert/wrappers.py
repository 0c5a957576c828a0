"""Classes and functions as people put them round models or before them; written as notebooks are, without types."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, LabelEncoder, OneHotEncoder, StandardScaler

NUMBERS, TEXTS = ["tenure", "monthly"], ["contract", "partner"]


def customers():
    """A table with texts, one column of which holds numbers as texts, and labels."""
    random = np.random.default_rng(0)
    rows = 120
    table = pd.DataFrame(
        {
            "contract": random.choice(["month", "year", "two years"], rows),
            "partner": random.choice(["yes", "no"], rows),
            "tenure": random.integers(0, 72, rows),
            "monthly": random.uniform(18, 118, rows).round(2),
        }
    )
    table["total"] = (table["tenure"] * table["monthly"]).round(2).astype(str).where(table["tenure"] > 0, " ")
    return table, (table["tenure"] * table["monthly"] + 2000 * random.normal(size=rows) > 2500).astype(int)


def prepared():
    """What many pipelines begin with."""
    return ColumnTransformer(
        [("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS), ("numbers", StandardScaler(), NUMBERS)]
    )


class Thresholded(BaseEstimator, ClassifierMixin):
    def __init__(self, pipeline, threshold=0.3):
        self.pipeline, self.threshold = pipeline, threshold

    def fit(self, x, y):
        self.pipeline.fit(x, y)
        self.classes_ = self.pipeline.classes_
        return self

    def predict_proba(self, x):
        return self.pipeline.predict_proba(x)

    def predict(self, x):
        return (self.predict_proba(x)[:, 1] >= self.threshold).astype(int)


class Labelled:
    """Inherits nothing, and answers labels of an encoder that it keeps."""

    def __init__(self, model, encoder, scaler):
        self.model, self.encoder, self.scaler = model, encoder, scaler

    def predict(self, x):
        return self.encoder.inverse_transform(self.model.predict(self.scaler.transform(x)))


class Mapped:
    def __init__(self, model, names):
        self.model, self.names = model, names

    def predict(self, x):
        return pd.Series(self.model.predict(x)).map(self.names).to_numpy()


class Averaged(BaseEstimator, RegressorMixin):
    """The mixin stands behind BaseEstimator, so that scikit-learn's tags do not say that it is a regressor."""

    def __init__(self, models):
        self.models = models

    def fit(self, x, y):
        for model in self.models:
            model.fit(x, y)
        return self

    def predict(self, x):
        return np.column_stack([model.predict(x) for model in self.models]).mean(axis=1)


class Untold:
    """Inherits nothing, and answers numbers that are no labels."""

    def __init__(self, model):
        self.model = model

    def predict(self, x):
        return self.model.predict(x) * 0.5 + 0.1


def thresholded():
    table, y = customers()
    return Thresholded(make_pipeline(prepared(), LogisticRegression())).fit(table, y)


def labelled():
    table, y = customers()
    encoder, scaler = LabelEncoder().fit(["stays", "goes"]), StandardScaler().fit(table[NUMBERS])
    return Labelled(LogisticRegression().fit(scaler.transform(table[NUMBERS]), y), encoder, scaler)


def mapped():
    table, y = customers()
    return Mapped(make_pipeline(prepared(), LogisticRegression()).fit(table, y), {0: "stays", 1: "goes"})


def averaged():
    table, _ = customers()
    models = [Ridge(), RandomForestRegressor(3, random_state=0)]
    return Averaged(models).fit(table[["tenure"]], table["monthly"])


def untold():
    table, _ = customers()
    return Untold(Ridge().fit(table[["tenure"]], table["monthly"]))


def coerced(x):
    x = x.copy()
    x["total"] = pd.to_numeric(x["total"], errors="coerce").fillna(0)
    return x[["tenure", "total"]]


def emptied(x):
    x = x.copy()
    x["total"] = x["total"].replace(" ", np.nan).astype(float).fillna(0)
    return x[["tenure", "total"]]


def cast(x):
    x = x.copy()
    x["tenure"] = x["tenure"].astype(float)
    return x[["tenure", "monthly"]]


def everywhere(x):
    x = x.replace({"yes": 1, "no": 0})
    x["partner"] = x["partner"].astype(int)
    return x


def compared(x):
    x = x.copy()
    x["same"] = (x["contract"] == x["partner"]).astype(int)
    return x[["same", "tenure"]]


def behind(function):
    """A model behind a function of the whole table."""
    table, y = customers()
    made = function(table)
    last = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore"), [name for name in made if made[name].dtype.kind == "O"]),
            ("numbers", StandardScaler(), [name for name in made if made[name].dtype.kind in "if"]),
        ]
    )
    return make_pipeline(FunctionTransformer(function), last, LogisticRegression()).fit(table, y)


class Chosen(BaseEstimator, TransformerMixin):
    def __init__(self, columns):
        self.columns = columns

    def fit(self, x, y=None):
        return self

    def transform(self, x):
        return x[self.columns]


class Encoded(BaseEstimator, TransformerMixin):
    """Keeps the encoders that it fits."""

    def fit(self, x, y=None):
        self.encoder_ = OneHotEncoder(sparse_output=False).fit(x[TEXTS])
        self.scaler_ = StandardScaler().fit(x[NUMBERS])
        return self

    def transform(self, x):
        return np.hstack([self.encoder_.transform(x[TEXTS]), self.scaler_.transform(x[NUMBERS])])


def united():
    table, y = customers()
    numbers = make_pipeline(Chosen(NUMBERS), StandardScaler())
    texts = make_pipeline(Chosen(TEXTS), OneHotEncoder(handle_unknown="ignore"))
    return make_pipeline(make_union(numbers, texts), LogisticRegression()).fit(table, y)


def encoded():
    table, y = customers()
    return make_pipeline(Encoded(), LogisticRegression()).fit(table, y)


MESSAGES = ["FREE money http://x.y now!", "hello <b>you</b>", "lunch at 12", "win a prize", "see you", "free lunch?"]
NO_LETTERS = re.compile(r"[^a-z\s]")


def cleaned(text):
    text = re.sub(r"http\S+|www\S+", "", text.lower())
    return NO_LETTERS.sub(" ", text).strip()


def of_texts():
    texts = MESSAGES * 5
    return make_pipeline(TfidfVectorizer(preprocessor=cleaned), LogisticRegression()).fit(
        texts, ["free" in text.lower() for text in texts]
    )


def searched(x):
    bare = x["text"].str.replace(NO_LETTERS, "", regex=True).str.len()
    found = x["text"].apply(lambda text: 1 if NO_LETTERS.search(text) else 0)
    return pd.DataFrame({"bare": bare, "found": found, "contained": x["text"].str.contains(NO_LETTERS).astype(int)})


def of_searches():
    table = pd.DataFrame({"text": MESSAGES * 5})
    labels = ["free" in text.lower() for text in table["text"]]
    return make_pipeline(FunctionTransformer(searched), LogisticRegression()).fit(table, labels)


def sized(x):
    x = x.copy()
    x["engine"] = x["engine"].apply(lambda value: float(value.split()[0]))
    return x


def of_engines():
    """A model whose code takes texts of one shape alone, and its rows."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {"engine": [f"{size} CC" for size in random.integers(800, 3000, 80)], "year": random.integers(1995, 2020, 80)}
    )
    return make_pipeline(FunctionTransformer(sized), Ridge()).fit(table, table["year"] * 1.0), table
