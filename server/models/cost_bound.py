"""Owns whether the number of rows alone decides what a run costs, by what a file uses. Knows no sessions.

Only such runs may block the event loop: a run there cannot be stopped, and its cost must be what others cost before.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from server.artefact.tensors import TensorSpec

# Values of their inputs decide how often these work, or how much they make.
BY_VALUES = frozenset(
    {
        *("Loop", "Scan", "SequenceMap", "Range", "ConstantOfShape", "Expand", "Tile", "Resize", "Upsample"),
        *("Pad", "CenterCropPad", "MaxUnpool", "OneHot", "NonMaxSuppression", "AffineGrid", "DFT", "STFT"),
        *("MelWeightMatrix", "HannWindow", "HammingWindow", "BlackmanWindow"),
    }
)
# These work on every character of a text.
BY_TEXTS = frozenset({"StringNormalizer", "StringSplit", "StringConcat", "RegexFullMatch", "TfIdfVectorizer"})
OF_SHAPES = frozenset({"ConstantOfShape"})  # our converter makes a column of a matrix's rows with it
PADS_TEXTS = frozenset({"Tokenizer", "StringSplit"})  # what they make is as wide as the longest text of a run
UNKNOWN_DOMAIN = "com.microsoft"  # ONNX Runtime's own: texts, searches, attention


def has_cost_by_rows(
    operators: Collection[tuple[str, str]], inputs: Sequence[TensorSpec], *, ours: bool, row_independent: bool
) -> bool:
    """Whether each row costs the same, and requests differ in nothing but their rows.

    ``operators``: domain and name; ``ours``: the file was made by our converter.
    """
    unbounded = BY_VALUES | BY_TEXTS if not ours else (BY_VALUES | BY_TEXTS) - OF_SHAPES
    if any(domain == UNKNOWN_DOMAIN or (not domain and name in unbounded) for domain, name in operators):
        return False
    return all(None not in (spec.shape[1:] if row_independent else spec.shape) for spec in inputs)


def pads_texts(operators: Collection[tuple[str, str]]) -> bool:
    """Whether a run may take as much memory for each of its texts as for the longest."""
    return any(name in PADS_TEXTS for _, name in operators)
