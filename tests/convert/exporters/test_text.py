"""Text: the tokens Python finds are the tokens ONNX Runtime finds."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import NMF, TruncatedSVD
from sklearn.feature_extraction import text
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.tree import DecisionTreeClassifier

from convert.errors import Refused
from convert.export import export
from convert.exporters import text as exporter
from convert.job import Converted
from convert.original.original import open_original
from convert.original.schema import describe
from server.artefact.mixing.analysis import find_mixing
from server.artefact.runtime import Runtime
from tests.campaigns.coverage.data import documents

Agrees = Callable[..., Converted]
DOCUMENTS, LABELS = documents()


@pytest.mark.parametrize(
    "vectorizer",
    [
        text.CountVectorizer(),
        text.TfidfVectorizer(sublinear_tf=True, norm="l1"),
        text.TfidfVectorizer(ngram_range=(1, 3), stop_words="english"),
        text.CountVectorizer(binary=True, lowercase=False, ngram_range=(2, 2)),
        text.TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", norm=None, use_idf=False),  # noqa: S106
        FeatureUnion([("a", text.CountVectorizer()), ("b", text.TfidfVectorizer(min_df=3))]),
    ],
)
def test_documents(agrees: Agrees, vectorizer: Any) -> None:
    done = agrees(make_pipeline(vectorizer, LogisticRegression()).fit(DOCUMENTS, LABELS))
    assert [(feature.name, feature.dtype) for feature in done.artefact.features] == [("text", "string")]


@pytest.mark.parametrize(
    ("vectorizer", "said"),
    [
        (text.CountVectorizer(strip_accents="unicode", stop_words="english", ngram_range=(1, 2)), "stop words"),
        (text.CountVectorizer(token_pattern=r"(?<=x)\w+|y"), "token_pattern"),  # noqa: S106
    ],
)
def test_what_is_refused_is_named(converted: Agrees, vectorizer: Any, said: str) -> None:
    model = make_pipeline(vectorizer, LogisticRegression()).fit([*DOCUMENTS, "xy y xyz"], [*LABELS, True])
    with pytest.raises(Refused, match="Vectorizer") as refusal:
        converted(model)
    assert said in str(refusal.value)


ODD = [
    "½ ﬁn² straße İstanbul Ǆ ﷺ ㎏",  # characters that fold to several
    "cafe\u0301 x\u0307y \u0301 \u00a8",  # accents that stand alone
    "가나다 日本語 a\U000e0fffb \ue000x",  # letters without accents, and no characters at all
    "  a\t\tb\u3000\u00a0c\n",
    "a",
    "",
]


READ = [
    ("char", (1, 1)),
    ("char", (2, 4)),
    ("char_wb", (1, 3)),
    ("char_wb", (5, 5)),
    ("word", (1, 1)),
    ("word", (1, 2)),
]


@pytest.mark.parametrize(
    ("analyzer", "sizes", "fold"),
    [(*read, fold) for read in READ for fold in (None, "unicode", "ascii") if (read[0], fold) != ("word", None)],
)
def test_every_character_folds_as_in_python(analyzer: str, sizes: tuple[int, int], fold: str | None) -> None:
    chance = np.random.default_rng(0)
    folding = [c for c in map(chr, range(1, 0xD800)) if unicodedata.normalize("NFKD", c.lower()) != c and c != "Σ"]
    letters = np.array([*"".join(ODD), *"aaeebd    ", *chance.choice(folding, 200)], object)
    texts = np.array([*ODD, *("".join(chance.choice(letters, chance.integers(1, 30))) for _ in range(300))], object)
    model = text.CountVectorizer(analyzer=analyzer, ngram_range=sizes, strip_accents=fold).fit([*ODD, *DOCUMENTS])
    original = open_original(model)
    expected = original.ask({"text": texts})
    graph = export(original, describe(original), expected).model
    given = Runtime(graph.SerializeToString()).run(["transformed"], {"text": texts.reshape(-1, 1)})[0]
    np.testing.assert_array_equal(given, expected["transformed"])


def test_terms_that_are_never_made_count_nothing(agrees: Agrees) -> None:
    given = ["a", " a ", "ab", "zz", "x y"]
    for analyzer, sizes in (("char", (2, 2)), ("char_wb", (4, 4)), ("word", (1, 1))):
        agrees(text.CountVectorizer(vocabulary=given, analyzer=analyzer, ngram_range=sizes).fit(DOCUMENTS))


def test_words_that_no_token_is_count_nothing() -> None:
    model = text.CountVectorizer(vocabulary=["12", "ab", "ab 12", "b"], token_pattern=r"\b[a-z]{2,}\b")  # noqa: S106
    texts = np.array(["12 ab b", "ab 12", "b"], object)
    got, _ = answered(model.fit(texts), texts)
    assert got["transformed"].tolist() == model.transform(texts).toarray().tolist()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.bool_, np.int16, np.float32])
@pytest.mark.parametrize("many", [1, 2048])
def test_counts_are_held_as_in_their_dtype(monkeypatch: pytest.MonkeyPatch, dtype: Any, many: int) -> None:
    monkeypatch.setattr(exporter, "MANY", many)
    texts = np.array(["ab " * 127 + "cd", "ab " * 128 + "cd cd", "ab " * 300, "ab " * 33_000, ""], object)
    model = make_pipeline(text.CountVectorizer(dtype=dtype), Ridge()).fit(texts, np.arange(5.0))
    model[-1].coef_, model[-1].intercept_ = np.array([1.0, 1000.0]), 0.0
    got, _ = answered(model, texts)
    np.testing.assert_allclose(got["value"], model.predict(texts), rtol=1e-6)


def test_greek_final_sigma_is_refused(converted: Agrees) -> None:
    model = make_pipeline(text.CountVectorizer(), LogisticRegression()).fit(["ΟΔΟΣ μία", "δύο"], [0, 1])
    with pytest.raises(Refused, match="sigma"):
        converted(model)


@pytest.mark.slow
def test_texts_that_str_split_takes_apart(agrees: Agrees) -> None:
    vectorizer = text.TfidfVectorizer(tokenizer=str.split, token_pattern=None, ngram_range=(1, 2))
    agrees(make_pipeline(vectorizer, LogisticRegression()).fit(DOCUMENTS, LABELS))


TFIDF = text.TfidfVectorizer
FEW = [
    pytest.param(TFIDF(), LogisticRegression(), id="tfidf"),
    pytest.param(TFIDF(sublinear_tf=True, ngram_range=(1, 3)), SGDClassifier(loss="log_loss"), id="sublinear-3"),
    pytest.param(TFIDF(norm="l1", stop_words="english", ngram_range=(2, 2)), Ridge(), id="l1-stops-2"),
    pytest.param(TFIDF(norm=None, use_idf=False, binary=True), TruncatedSVD(3), id="plain-svd"),
    pytest.param(text.CountVectorizer(ngram_range=(1, 2)), MultinomialNB(), id="counts-bayes"),
    pytest.param(TFIDF(norm="l2", token_pattern=r"\b[a-z]{2,}\b"), NMF(3, tol=1e-9, max_iter=5000), id="pattern-nmf"),  # noqa: S106
    pytest.param(FeatureUnion([("a", TFIDF()), ("b", TFIDF(analyzer="char"))]), Ridge(), id="union"),
    pytest.param(make_pipeline(text.CountVectorizer(), text.TfidfTransformer()), Ridge(), id="in-two-steps"),
    pytest.param(make_pipeline(TFIDF(), MaxAbsScaler()), LogisticRegression(), id="scaled"),
]


def answered(model: Any, texts: Any) -> tuple[dict[str, Any], bytes]:
    """The answers of the file to texts, and the file."""
    original = open_original(model)
    expected = original.ask({"text": texts})
    graph = export(original, describe(original), expected).model
    got = Runtime(graph.SerializeToString()).run(list(expected), {"text": texts.reshape(-1, 1)})
    return dict(zip(expected, got, strict=True)), graph.SerializeToString()


@pytest.mark.parametrize(("vectorizer", "last"), FEW)
def test_what_occurs_in_a_text_answers_as_its_whole_row_does(
    monkeypatch: pytest.MonkeyPatch, vectorizer: Any, last: Any
) -> None:
    model = make_pipeline(vectorizer, last).fit(DOCUMENTS, LABELS)
    texts = np.array([*ODD, *DOCUMENTS[:60], " ".join(DOCUMENTS[:20]), "good " * 300], object)
    slow, whole = answered(model, texts)
    monkeypatch.setattr(exporter, "MANY", 1)
    fast, few = answered(model, texts)
    original = open_original(model).ask({"text": texts})
    assert b"TfIdfVectorizer" in whole
    assert b"Einsum" in few
    assert (b"TfIdfVectorizer" in few) is (vectorizer.__class__ is FeatureUnion)
    for name, values in original.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(fast[name], values, rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(fast[name], slow[name], rtol=1e-9, atol=1e-10)
        else:
            assert fast[name].tolist() == values.tolist()
    assert find_mixing(few) is None or find_mixing(whole) is not None


def test_who_needs_whole_rows_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporter, "MANY", 1)
    model = make_pipeline(TFIDF(), DecisionTreeClassifier(random_state=0)).fit(DOCUMENTS, LABELS)
    texts = np.array(DOCUMENTS, object)
    got, graph = answered(model, texts)
    assert b"TopK" not in graph
    assert got["label"].tolist() == model.predict(texts).tolist()
