"""Of every operator that has a rule, whatever attributes and inputs are proven keep rows apart when they run."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest

from server.artefact.mixing.analysis import RULES, find_mixing
from server.artefact.runtime import BadModel, Runtime
from tests.support.models.mixing.variants import ROWS, Variant, feed, variants

# These have cases of their own: recurrences, texts, types that our inputs do not have, what is no row.
ELSEWHERE = {
    "BitShift", "CategoryMapper", "GlobalLpPool", "Constant", "DequantizeLinear", "GRU", "LSTM", "MurmurHash3", "RNN",
    "Shape",
    "StringNormalizer", "Tokenizer", "TreeEnsemble",
}  # fmt: skip


def mixes(runtime: Runtime, rows: int) -> bool | None:
    """Whether a row is answered otherwise alone than among others; None where one of the two does not run."""
    names = [spec.name for spec in runtime.inputs]
    fed, outputs = feed(names, rows, np.random.default_rng(1)), [runtime.outputs[0].name]
    try:
        together = np.asarray(runtime.run(outputs, fed)[0])
        alone = [
            np.asarray(runtime.run(outputs, {name: array[at : at + 1] for name, array in fed.items()})[0])
            for at in range(rows)
        ]
    except Exception as error:
        if "onnxruntime" in type(error).__module__:
            return None
        raise
    if together.ndim == 0 or len(together) != rows or any(one.shape != (1, *together.shape[1:]) for one in alone):
        return True
    if together.dtype.kind in "OUb":
        return not np.array_equal(np.concatenate(alone), together)
    return not np.allclose(np.concatenate(alone), together, rtol=1e-3, atol=1e-4, equal_nan=True)


def opened(variant: Variant, opset: int) -> Runtime | None:
    """The runtime of a variant, None where there is none."""
    try:
        return Runtime(variant.model(opset))
    except BadModel:
        return None


def check(step: int, opset: int, turned: bool) -> tuple[Counter[str], int]:
    """How often each operator is proven and runs, and how many in a sample of the others mix. Every ``step``-th."""
    proven: Counter[str] = Counter()
    mixing = 0
    for place, variant in enumerate(islice(variants(turned), 0, None, step)):
        is_proven = find_mixing(variant.model(opset)) is None
        if (is_proven or place % 50 == 0) and (runtime := opened(variant, opset)) is not None:
            found = [mixes(runtime, rows) for rows in (ROWS, 2, 3)]
            assert not (is_proven and any(found)), variant
            proven[variant.operator] += is_proven and False in found
            mixing += any(found)
    return proven, mixing


def test_what_is_proven_of_one_operator_holds() -> None:
    proven, mixing = check(19, 23, turned=False)
    assert proven.total() > 80
    assert mixing > 3


@pytest.mark.slow
def test_each_rule_proves_something_and_all_that_holds() -> None:
    proven, mixing = check(1, 23, turned=False)
    assert mixing > 20
    assert set().union(*RULES.values()) - {name for name in proven if proven[name]} <= ELSEWHERE


@pytest.mark.slow
@pytest.mark.parametrize("opset", [23, 19, 13, 9])
def test_what_is_proven_of_one_operator_holds_whatever_axis_is_first(opset: int) -> None:
    proven, mixing = check(7, opset, turned=True)
    assert mixing > 20
    assert proven.total() > 100
