"""Owns the rules of tensors that are as wide as the longest text of a run: what pads a short one must not count.

Every rule keeps what `Texts` says. A tensor of this kind is never an output; sums make a usual one of it.
docs/decisions.md: "A short text beside a long one".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product

from server.artefact.mixing.graph import Constant
from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.rules.scalars import SCALARS, Maybe, apply
from server.artefact.mixing.rules.text_sums import SUMS, texts_of
from server.artefact.mixing.value import ROWS, NotProven, Scalar, Texts, Value, certain

MAX_TAIL = 32  # different elements behind the texts that are followed


def tokenizer(node: Applied) -> list[Value]:
    """Pieces of each text, and padding behind the last."""
    if node.input(0).shape != (ROWS,):
        raise NotProven("its input is no column of texts")
    return [_value(Texts(object(), 1, 0, object(), (node.text("pad_value", ""),)))]


def _value(texts: Texts) -> Value:
    return Value((ROWS, None, texts.inner) if texts.inner else (ROWS, None), texts=texts)


def elementwise(operator: str, node: Applied) -> list[Value]:
    """One operator on all places of one or several tensors of one width, and single values."""
    values = [node.input(place) for place in range(len(node.inputs))]
    joined = [value.texts for value in values if value.texts is not None]
    origins = list({id(texts.origin): texts.origin for texts in joined}.values())
    first = joined[0]
    apart = len(origins) > 1 and not all(texts.ordered for texts in joined)
    if apart or any(not first.same_width(texts) or first.ordered != texts.ordered for texts in joined):
        raise NotProven("what pads one text may meet another text")
    if any(value.texts is None and not _is_single(value, first) for value in values):
        raise NotProven("it joins texts with what is none")
    lates = sorted({texts.late for texts in joined})
    for late in lates:
        tail = _results(operator, values, late, origins, node)
        if None not in tail or late == lates[-1]:
            break
    if len(origins) > 1:
        return [_value(replace(first, late=late, tail=tuple(dict.fromkeys(tail)), origin=object()))]
    return [_value(_settled(replace(first, late=late, tail=tail)))]


def _is_single(value: Value, texts: Texts) -> bool:
    """One value for all places: of the file, or the same for every row."""
    dims = value.shape
    if dims == (ROWS, 1):
        return value.fill is not None and not texts.inner
    return len(dims) <= 2 and all(dim == 1 for dim in dims)


def _results(
    operator: str, values: Sequence[Value], late: int, origins: Sequence[object], node: Applied
) -> tuple[Maybe, ...]:
    """What comes of the elements behind the texts from ``late`` on; None where it is not known."""
    sizes = {id(value.texts.origin): len(value.texts.tail) for value in values if value.texts is not None}
    results: list[Maybe] = []
    for places in product(*(range(sizes[id(origin)]) for origin in origins)):
        at = {id(origin): place for origin, place in zip(origins, places, strict=True)}
        scalars = [
            value.fill
            if value.texts is None
            else value.texts.tail[at[id(value.texts.origin)]]
            if value.texts.late <= late
            else None
            for value in values
        ]
        results.append(apply(operator, scalars, node.integer("to", 0)))
        if len(results) > MAX_TAIL:
            raise NotProven("what it makes of the padding is too much to follow")
    return tuple(results)


def _settled(texts: Texts) -> Texts:
    """One value behind a text, in whatever number, is an endless sequence again."""
    if not texts.ordered and len(set(texts.tail)) == 1:
        return replace(texts, tail=texts.tail[:1], origin=object(), ordered=True, late=0)
    return texts


def label_encoder(node: Applied) -> list[Value]:
    """Codes by a dictionary."""
    texts = texts_of(node.input(0))
    keys = node.attributes.get("keys_strings", node.attributes.get("keys_int64s"))
    codes = node.attributes.get("values_int64s")
    if not isinstance(keys, tuple) or not isinstance(codes, tuple) or len(keys) != len(codes):
        raise NotProven("its dictionary is not known")
    by_key = dict(zip(reversed(keys), reversed(codes), strict=True))
    if len(by_key) < len(keys) or len([name for name in node.attributes if name.startswith(("keys_", "values_"))]) != 2:
        raise NotProven("its dictionary is not clear")
    default = node.integer("default_int64", -1)
    if None in texts.tail:
        raise NotProven("what it makes of the padding is not known")
    return [_value(_settled(replace(texts, tail=tuple(by_key.get(element, default) for element in texts.tail))))]


def shape(node: Applied) -> list[Value]:
    """Only the rows of it."""
    if (node.integer("start", 0), node.integer("end", 0)) != (0, 1):
        raise NotProven("the longest text of the run decides on it")
    return [Value((1,), (ROWS,))]


def gather(node: Applied) -> list[Value]:
    """Rows of a table in the file, or elements of a list, one for each place."""
    table, texts = node.input(0), texts_of(node.input(1))
    constant = table.constant
    if not isinstance(constant, Constant) or constant.values is None or constant.dims is None or texts.inner:
        raise NotProven("its table is not known")
    width = {1: 1, 2: constant.dims[-1] if constant.dims else 0}.get(len(constant.dims), 0)
    if width < 1 or node.integer("axis", 0) or constant.values.dtype.kind not in "if":
        raise NotProven("its table is no table of numbers")
    if constant.is_narrow:
        raise NotProven("sums of what its table holds may wrap round")
    rows = constant.values.reshape(-1, width)
    places = [element for element in texts.tail if type(element) is int and -len(rows) <= element < len(rows)]
    if len(places) < len(texts.tail):
        raise NotProven("what it makes of the padding is not known")
    tail = tuple(dict.fromkeys(element for place in places for element in rows[place].tolist()))
    if len(tail) > MAX_TAIL:
        raise NotProven("what it makes of the padding is too much to follow")
    return [_value(replace(texts, tail=tail, origin=object(), inner=width if len(constant.dims) == 2 else 0))]


def unsqueeze(node: Applied) -> list[Value]:
    """One element at each place."""
    texts = texts_of(node.input(0))
    if texts.inner or certain(node.input(1)) not in ((2,), (-1,)):
        raise NotProven("places may move")
    return [_value(replace(texts, inner=1))]


def reshape(node: Applied) -> list[Value]:
    """The elements of a place one after the other."""
    texts = texts_of(node.input(0))
    if not texts.inner or certain(node.input(1)) != (0, -1) or node.integer("allowzero", 0):
        raise NotProven("places may move")
    inner, late = texts.inner, texts.late * texts.inner
    return [_value(replace(texts, times=texts.times * inner, more=texts.more * inner, late=late, inner=0))]


def slice_rule(node: Applied) -> list[Value]:
    """All places but the first, or all but the last."""
    texts = texts_of(node.input(0))
    start, end, axis = (certain(node.input(place)) for place in (1, 2, 3))
    steps = certain(node.input(4)) if node.has(4) else (1,)
    if axis != (1,) or steps != (1,) or not texts.ordered or texts.more < 1:
        raise NotProven("places may move")
    if start == (0,) and end == (-1,):
        return [_value(replace(texts, more=texts.more - 1, origin=object(), late=texts.late + 1))]
    if start == (1,) and len(end) == 1 and end[0] >= 2**31 - 1:
        return [_value(replace(texts, more=texts.more - 1, origin=object()))]
    raise NotProven("places may move")


def concat(node: Applied) -> list[Value]:
    """Columns before and behind a text, or the elements of several at each place."""
    values = [node.input(place) for place in range(len(node.inputs))]
    axis = node.integer("axis", 0)
    if all(value.texts is not None and value.texts.inner for value in values):
        return [_side_by_side([texts_of(value) for value in values], axis)]
    at = next(place for place, value in enumerate(values) if value.texts is not None)
    texts = texts_of(values[at])
    if axis != 1 or texts.inner or any(value.shape != (ROWS, 1) for value in values[:at] + values[at + 1 :]):
        raise NotProven("it joins texts with what is none")
    if any(value.texts is not None for value in values[:at] + values[at + 1 :]):
        raise NotProven("it joins a text with the padding of another")
    texts = replace(texts, more=texts.more + at, origin=object())
    for value in values[at + 1 :]:
        texts = _followed(texts, value.fill)
    return [_value(texts)]


def _side_by_side(joined: Sequence[Texts], axis: int) -> Value:
    first = joined[0]
    if axis not in (2, -1) or not all(texts.ordered for texts in joined):
        raise NotProven("places may move")
    if any(not replace(first, inner=texts.inner).same_width(texts) for texts in joined):
        raise NotProven("what pads one text may meet another text")
    tail = tuple(dict.fromkeys(element for texts in joined for element in texts.tail))
    late = max(texts.late for texts in joined)
    inner = sum(texts.inner for texts in joined)
    return _value(replace(first, tail=tail, origin=object(), late=late, inner=inner))


def _followed(texts: Texts, fill: Scalar | None) -> Texts:
    """One more place behind the padding, which is padding too."""
    if fill is None or texts.late > 0:
        raise NotProven("what follows a text is not known")
    wider = replace(texts, more=texts.more + 1)
    if texts.ordered and texts.tail == (fill,):
        return replace(wider, late=texts.late - 1)
    return replace(wider, tail=(*texts.tail, fill), origin=object(), ordered=False, late=0)


def put_last(texts: Texts, code: Scalar) -> Value:
    """All elements of one code behind the others, which keep their order."""
    if texts.late > 0 or texts.inner:
        raise NotProven("what follows a text is not known")
    tail = tuple(dict.fromkeys((*texts.tail, code)))
    return _value(_settled(replace(texts, tail=tail, origin=object(), ordered=False, late=0)))


def same(node: Applied) -> list[Value]:
    """As it is."""
    return [node.input(0)]


TEXTS: Mapping[str, Rule] = {
    "Identity": same,
    "Shape": shape,
    "Gather": gather,
    "Unsqueeze": unsqueeze,
    "Reshape": reshape,
    "Slice": slice_rule,
    "Concat": concat,
    **SUMS,
    **{operator: (lambda node, operator=operator: elementwise(operator, node)) for operator in SCALARS},  # type: ignore[misc]
}
TEXTS_ML: Mapping[str, Rule] = {"LabelEncoder": label_encoder}
TEXTS_MICROSOFT: Mapping[str, Rule] = {"MurmurHash3": lambda node: elementwise("MurmurHash3", node)}
