"""Owns ``.str`` and ``.cat`` of the stand-in of a Series. Knows no nodes but those of `texts`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from convert.graph.columns import columns
from convert.tracing.recorder import elements
from convert.tracing.recorder.recorder import quietly
from convert.tracing.recorder.refusals import VECTORISED, only, refuse
from convert.tracing.recorder.texts import pieces, texts
from convert.tracing.recorder.texts.samples import CASED, matching

if TYPE_CHECKING:
    from convert.tracing.standins.series.series import Series

WAYS_OUT = "lower, upper, strip, len, contains, startswith, endswith, isin and map of a dict are recorded"


class TextAccessor:
    """``series.str``."""

    def __init__(self, series: Series) -> None:
        self._series = series

    def _concrete(self, name: str, *args: Any, **keywords: Any) -> Any:
        with quietly():
            return getattr(self._series.concrete.str, name)(*args, **keywords)

    def _sample(self, given: Iterable[str]) -> None:
        """Notes texts by which what is done now shows."""
        self._series.recorder.sample(self._series.tensor, given)

    def lower(self) -> Any:
        """In small letters."""
        self._sample(CASED)
        return self._series.filter(self._concrete("lower"), lambda x: texts.case(x, "LOWER"))

    def upper(self) -> Any:
        """In capitals."""
        self._sample(CASED)
        return self._series.filter(self._concrete("upper"), lambda x: texts.case(x, "UPPER"))

    def strip(self, to_strip: Any = None) -> Any:
        """Without spaces, or certain characters, at both ends."""
        return self._stripped("strip", to_strip, True, True)

    def lstrip(self, to_strip: Any = None) -> Any:
        """Without spaces before."""
        return self._stripped("lstrip", to_strip, True, False)

    def rstrip(self, to_strip: Any = None) -> Any:
        """Without spaces behind."""
        return self._stripped("rstrip", to_strip, False, True)

    def _stripped(self, name: str, to_strip: Any, left: bool, right: bool) -> Any:
        if to_strip is not None and (not isinstance(to_strip, str) or not to_strip):
            raise refuse(f"Series.str.{name} of {to_strip!r} is not recorded", WAYS_OUT)
        if to_strip:
            self._sample((to_strip, f"{to_strip}x {to_strip[::-1]}", f"x{to_strip[0]}", f"{to_strip[-1]}x"))
        return self._series.filter(self._concrete(name, to_strip), lambda x: texts.strip(x, left, right, to_strip))

    def cat(self, others: Any = None, sep: Any = None, na_rep: Any = None, **keywords: Any) -> Any:
        """Another column's texts behind these; missing where one of them is."""
        only({"na_rep": na_rep, **{name: value for name, value in keywords.items() if name != "join"}})
        if not hasattr(others, "recorder") or others.concrete.ndim != 1:
            raise refuse("Series.str.cat with others than one column is not recorded", "a + '_' + b")
        return (self._series + sep if sep else self._series) + others

    def len(self) -> Any:
        """How many characters."""
        return self._series.made(self._concrete("len"), texts.length)

    def replace(
        self, pat: Any, repl: Any = None, n: int = -1, case: Any = None, flags: int = 0, regex: bool = False
    ) -> Any:
        """Pieces replaced by a constant text."""
        only({"n": n if n != -1 else 0, "case": None if case in (None, True) else "False", "flags": flags})
        if isinstance(pat, re.Pattern):
            only({"flags": int(pat.flags & ~re.UNICODE)})
            pat, regex = pat.pattern, True
        if not isinstance(pat, str) or not isinstance(repl, str):
            raise refuse("Series.str.replace of several texts, or by a function, is not recorded", "one text at a time")
        concrete = self._concrete("replace", pat, repl, regex=regex)
        self._sample(matching(pat, not regex))
        return self._series.filter(concrete, lambda x: texts.replaced(x, pat, repl, regex))

    def count(self, pat: str, flags: int = 0) -> Any:
        """How many pieces a pattern matches."""
        only({"flags": flags})
        concrete = self._concrete("count", pat).astype(float)
        self._sample(matching(pat))
        return self._series.made(concrete, lambda x: texts.count(x, pat))

    def contains(self, pat: Any, case: bool = True, flags: int = 0, na: Any = None, regex: bool = True) -> Any:
        """Where a pattern is found."""
        if isinstance(pat, re.Pattern):
            pat, flags = pat.pattern, pat.flags & ~re.UNICODE
        ignore = not case or flags == re.IGNORECASE
        if flags not in (0, re.IGNORECASE):
            raise refuse("Series.str.contains with flags is not recorded", "case=False alone is")
        given = {} if na is None else {"na": na}
        concrete = self._concrete("contains", pat, case=case, flags=flags, regex=regex, **given)
        self._sample(matching(pat, not regex))
        return self._found(concrete, lambda x: texts.contains(x, pat, regex, ignore), na)

    def startswith(self, pat: Any, na: Any = None) -> Any:
        """Where a text begins so."""
        begins = "|".join(map(texts.literal, pat if isinstance(pat, tuple) else (pat,)))
        self._sample(list(pat) if isinstance(pat, tuple) else [pat])
        concrete = self._concrete("startswith", pat, **({} if na is None else {"na": na}))
        return self._found(concrete, lambda x: texts.matches(x, f"(?:{begins}){texts.ANYTHING}", whole=True), na)

    def endswith(self, pat: Any, na: Any = None) -> Any:
        """Where a text ends so."""
        ends = "|".join(map(texts.literal, pat if isinstance(pat, tuple) else (pat,)))
        self._sample(list(pat) if isinstance(pat, tuple) else [pat])
        concrete = self._concrete("endswith", pat, **({} if na is None else {"na": na}))
        return self._found(concrete, lambda x: texts.matches(x, f"{texts.ANYTHING}(?:{ends})", whole=True), na)

    def match(self, pat: str, case: bool = True, na: Any = None) -> Any:
        """Where a text begins with what a pattern matches."""
        return self.contains(f"^(?:{pat})", case=case, na=na)

    def _found(self, concrete: Any, make: Any, na: Any) -> Any:
        if na is True:
            return self._series.made(concrete, lambda x: make(x) | elements.missing(x))
        return self._series.made(concrete, make)

    def __getitem__(self, key: Any) -> Any:
        with quietly():
            concrete = self._series.concrete.str[key]
        made = self._series.made(concrete, lambda x: pieces.piece(x, key))
        self._series.recorder.take(made.tensor, self._series.tensor, lambda text: text)
        return made

    def get(self, key: int) -> Any:
        """One character."""
        return self[key]

    def slice(self, start: Any = None, stop: Any = None, step: Any = None) -> Any:
        """The first characters."""
        return self[np.s_[start:stop:step]]

    def split(
        self, pat: Any = None, n: int = -1, expand: bool = False, regex: bool | None = None, **others: Any
    ) -> Any:
        """Taken apart; of the pieces one is recorded. A separator of several characters is an expression, unless
        ``regex`` says otherwise."""
        only(others)
        if isinstance(pat, re.Pattern):
            only({"flags": int(pat.flags & ~re.UNICODE)})
            pat, regex = pat.pattern, True
        if pat is not None and len(pat) == 1:
            only({"regex": regex})
        return Pieces(self._series, pat, n, regex is not False)

    def extract(self, pat: str, flags: int = 0, expand: bool = True) -> Any:
        """What the group of a simple expression matches: a class of characters between fixed texts."""
        series = self._series
        with quietly():
            concrete = series.concrete.str.extract(pat, flags=flags, expand=expand)
        if flags or (concrete.ndim == 2 and concrete.shape[1] != 1):
            raise refuse("Series.str.extract of several groups is not recorded", WAYS_OUT)
        self._sample(matching(pat))
        made = series.like(concrete, columns(series.recorder.node(lambda: pieces.extracted(series.tensor, pat)), 1))
        series.recorder.take(made.columns_.parts[0][0], series.tensor, lambda text: pieces.with_group(pat, text))
        return made

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(type(self._series.concrete.str), name):
            raise AttributeError(name)
        raise refuse(f"Series.str.{name} is not recorded", WAYS_OUT)


class Pieces:
    """What `str.split` makes: lists, of which one item can be had."""

    def __init__(self, series: Series, separator: Any, most: int, regex: bool) -> None:
        self._series, self._separator, self._most, self._regex = series, separator, most, regex

    @property
    def str(self) -> Any:
        """The items of the lists."""
        return self

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, int) or (self._most != -1 and key >= self._most):
            raise refuse(f"piece {key} of Series.str.split is not recorded", "one piece is: .str[1]")
        with quietly():
            given = {} if self._regex else {"regex": False}
            parted = self._series.concrete.str.split(self._separator, n=self._most, **given).str
            concrete = parted[0] if parted[key].isna().all() else parted[key]
        made = self._series.made(concrete, lambda x: pieces.nth(x, self._separator, key, self._regex))
        told = pieces.separator_sample(self._separator, self._regex)
        self._series.recorder.take(made.tensor, self._series.tensor, lambda text: told.join([*"w" * key, text, "v"]))
        self._series.recorder.sample(made.tensor, ["", "u", told])
        return made

    def get(self, key: int) -> Any:
        """One piece."""
        return self[key]

    def len(self) -> Any:
        """How many pieces."""
        if self._most != -1 or (self._separator is not None and len(self._separator) != 1):
            raise refuse("how many pieces a text has is not recorded here", "Series.str.count of a pattern is")
        with quietly():
            concrete = self._series.concrete.str.split(self._separator).str.len().astype(float)
        if self._separator is None:
            return self._series.made(concrete, lambda x: texts.count(x, r"\S+"))
        separator = re.escape(self._separator)
        return self._series.made(concrete, lambda x: texts.count(x, separator) + 1.0)

    def __getattr__(self, name: Any) -> Any:
        raise refuse(f"{name} of what Series.str.split makes is not recorded", VECTORISED)


class CategoryAccessor:
    """``series.cat``."""

    def __init__(self, series: Series) -> None:
        self._series = series

    @property
    def categories(self) -> Any:
        """The known ones."""
        return self._series.concrete.cat.categories

    @property
    def codes(self) -> Any:
        """Their positions; -1 for a missing value."""
        return self._series.like(self._series.concrete.cat.codes, self._series.columns_)

    def set_categories(self, values: Any, **others: Any) -> Any:
        """Others; a value that is none of them is missing."""
        only(others)
        with quietly():
            dtype = self._series.concrete.cat.set_categories(values).dtype
        return self._series.astype(dtype)

    def __getattr__(self, name: str) -> Any:
        raise refuse(f"Series.cat.{name} is not recorded", "cat.codes and cat.categories are")
