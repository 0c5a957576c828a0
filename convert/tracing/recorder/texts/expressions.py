"""Owns which of Python's regular expressions ONNX Runtime's RE2 reads alike, and as what. Knows nothing of tensors."""

from __future__ import annotations

import itertools
import re

from convert.exporters.parts.text.patterns import SPACES
from convert.tracing.recorder.elements import NoNode
from convert.tracing.recorder.texts.beginnings import begin_apart

ESCAPES = re.compile(r"\\[sdwSDW]")
INSIDE = {"w": r"\p{L}\p{N}_", "d": r"\p{Nd}", "s": SPACES}  # a class, as RE2 spells what Python calls so
ALL_I = "iI\u0131\u0130"
LETTERS = re.compile(rf"\[(?:[^\]\\]|\\.)*\]|[{ALL_I}]")  # a class, or one of them by itself
EXACT = re.compile(  # what both engines read alike
    r"(?:[A-Za-z0-9 ,;:_@#%&=<>!~'\"/-]|[^\x00-\x7f]|\\[.\-+*?()\[\]{}|^$/\\,:;&'\"#!@%=<>~ tnr]"
    r"|\[\^?(?:[A-Za-z0-9 .,;:_@#%&+*?()!'\"/$<>=~|{}-]|[^\x00-\x7f]|\\[.\-\]\[/\\'\"^$|+*?(){}&%#@!,;: tnr])+\]"
    r"|\(\?:|\(|\)|\||\.|(?<=[^(|])[*+?]\??|(?<=[^(|])\{\d+(?:,\d*)?\}|\^|\$)+"
)
SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}]")  # what makes an expression more than a text
LITERALS = re.compile(r"(?:[A-Za-z0-9 ,;:_@#%&=<>!~'\"/-]|\\[^A-Za-z0-9])*")
LAZY = re.compile(r"[*+?}][?+]")
ANY = re.compile(r"\\.|\[(?:[^\]\\]|\\.)*\]|\.")  # of these a dot by itself, which ends no line in Python
FEWEST = re.compile(r"(?<!\\)\.([*+])\?([A-Za-z0-9 ,;:_@#%&=<>!~'\"/]|\\[)\]}.|*+?])$")
GROUPED = re.compile(r"\)[*+?{]")


def expression(pattern: str, ignore_case: bool = False) -> str:
    """A person's expression for RE2. Raises NoNode for one that may mean something else there."""
    if not EXACT.fullmatch(ESCAPES.sub("a", pattern)) or re.search(r"\(\?[^:]", pattern):
        raise NoNode(f"the regular expression {pattern!r}")
    if ignore_case and not pattern.isascii():  # other letters are one in Python's eyes than in RE2's
        raise NoNode(f"the regular expression {pattern!r} of any case")
    re.compile(pattern)
    ends = f"{pattern[:-1]}\\n?$" if is_at_end(pattern) else pattern
    if "^" in re.sub(r"\\\^|\[[^\]]*\]", "", pattern)[1:] or "$" in re.sub(r"\\\$|\[[^\]]*\]", "", pattern)[:-1]:
        raise NoNode(f"the regular expression {pattern!r}")
    return _spelled(caseless(ends) if ignore_case else ends)


def _spelled(pattern: str) -> str:
    """With classes as Python has them: RE2 knows letters, digits and spaces of ASCII alone."""

    def outside(found: re.Match[str]) -> str:
        told = found.group()
        if told[0] != "[":
            return f"[{'^' if told[1].isupper() else ''}{INSIDE[told[1].lower()]}]"
        if re.search(r"\\[SDW]", told):
            raise NoNode(f"the regular expression {pattern!r}")
        return ESCAPES.sub(lambda inner: INSIDE[inner.group()[1]], told)

    return re.sub(r"\[(?:[^\]\\]|\\.)*\]|\\[sdwSDW]", outside, pattern)


def caseless(expression: str) -> str:
    """Of any case: i and the Turkish letters beside it are one in Python, not in RE2."""

    def widened(found: re.Match[str]) -> str:
        told = found.group()
        if told[0] != "[":
            return f"[{ALL_I}]"
        return f"{told[:-1]}{ALL_I}]" if re.match(told.replace("[^", "[", 1), "i", re.IGNORECASE) else told

    return f"(?i:{LETTERS.sub(widened, expression)})"


def first_reading(pattern: str) -> str:
    """As `expression`, for pieces that are found: ONNX Runtime takes the longest, Python the first way that leads on.

    Both are one where each part takes as many single characters as it can, where no text of several begins another, or
    where ways that part begin with other characters.
    """
    pattern = FEWEST.sub(_until, pattern)
    bare = _bare(pattern)
    apart = "|" not in bare or _are_apart(pattern) or begin_apart(pattern)
    if LAZY.search(bare) or GROUPED.search(bare) or not apart:
        raise NoNode(f"the regular expression {pattern!r}, of which the longest piece may not be Python's,")
    return ANY.sub(lambda found: r"[^\n]" if found.group() == "." else found.group(), expression(pattern))


def _until(found: re.Match[str]) -> str:
    """``.*?>`` at the end of an expression as what it finds: all up to the first of that character, in one line."""
    least, last = found.groups()
    return f"{'.' if least == '+' else ''}[^{last}\\n]*{last}"


def is_at_end(pattern: str) -> bool:
    """Whether what an expression matches stands at the end of the text: it ends with ``$``, not ``\\$``."""
    return _bare(pattern).endswith("$")


def _bare(pattern: str) -> str:
    """Without escapes and classes."""
    return re.sub(r"\\.|\[(?:[^\]\\]|\\.)*\]", "a", pattern)


def _are_apart(pattern: str) -> bool:
    """Whether an expression is several texts, none of which begins another that stands behind it."""
    inner = pattern[3:-1] if pattern.startswith("(?:") and pattern.endswith(")") else pattern
    told = re.split(r"(?<!\\)\|", inner)
    whole = all(LITERALS.fullmatch(text) for text in told)
    return whole and not any(later.startswith(first) for first, later in itertools.combinations(told, 2))
