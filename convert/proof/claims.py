"""Owns whether what a file says of itself is true of the original: kind, columns, outputs, classes. Pure.

A server names answers by what stands in the file, so right numbers under false names are wrong answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from convert.errors import Refused
from convert.export import role_of
from convert.original.original import Answers, Original
from server.artefact.metadata import Artefact, Feature, Scalar

AGAIN = "convert the pickle again, and take that file"


def refuse_false_claims(
    artefact: Artefact, original: Original, features: Sequence[Feature], answers: Answers, outputs: Sequence[str]
) -> None:
    """Raises Refused. ``features`` are those of the original, ``outputs`` the names of the graph's, in its order."""
    if artefact.kind != original.kind:
        raise _false(f"that it is a {artefact.kind}, and the model is a {original.kind}")
    if artefact.ignored != tuple(name for _, name in original.unread):
        raise _false("that the model does not read other columns than those that it does not read")
    told = [(output.name, output.role) for output in artefact.outputs]
    if told != [(name, role_of(answer)) for name, answer in zip(outputs, answers, strict=True)]:
        raise _false("other names, meanings or another order of its outputs than they have")
    if orjson.dumps(artefact.classes) != orjson.dumps(original.classes(answers)):
        raise _false("other classes than the model's, or in another order")
    for feature, known in zip(artefact.features, features, strict=True):
        _check(feature, known)


def _check(told: Feature, known: Feature) -> None:
    """What a column takes may be less than the original takes, never more or read otherwise."""
    if (told.dtype == "string") != (known.dtype == "string"):
        raise _false(f"that '{told.name}' is {told.dtype}, and to the model it is {known.dtype}")
    if told.nullable and not known.nullable:
        raise _false(f"that '{told.name}' may be missing, and the model takes no row without it")
    if known.categories is not None and told.dtype != "bool" and not _are_among(told.categories, known.categories):
        raise _false(f"that '{told.name}' takes other values than the model knows")
    if told.unit != known.unit:
        raise _false(f"that '{told.name}' counts '{told.unit or 'nothing'}', which it does not to the model")


def _are_among(told: Sequence[Scalar] | None, known: Sequence[Scalar]) -> bool:
    return told is not None and {*told} <= {*known}


def _false(what: str) -> Refused:
    return Refused(f"the file says of itself {what}", AGAIN)
