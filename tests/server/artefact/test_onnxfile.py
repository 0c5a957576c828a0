"""The scan: it sees what the file uses wherever it stands, and no bytes make it fail otherwise than by a word."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from server.artefact.onnxfile import (
    BY_CHANCE,
    MAX_DEPTH,
    MAX_NODES,
    NEWEST_IR,
    NEWEST_OPSETS,
    BadFile,
    check_known,
    read_onnxfile,
)
from server.artefact.runtime import BadModel, Runtime
from tests.support.models.bad_models import BAD, external, operator, plain_add, stamped
from tests.support.server.models import ARTEFACTS, FLOAT, PLAIN, classifier, onnx_file, plain

PLACES = (
    *("initializer", "attribute", "sub-graph", "function", "sparse"),
    *(
        "sparse attribute",
        "list of tensors",
        "list of graphs",
        "sub-graph's initializer",
        "function's default",
        "training",
    ),
)


@pytest.mark.parametrize("name", [*ARTEFACTS, *PLAIN])
def test_it_reads_what_the_onnx_package_reads(name: str) -> None:
    data = (ARTEFACTS | PLAIN)[name]().data
    model = onnx.load_model_from_string(data)
    file = read_onnxfile(data)
    check_known(file)
    assert file.ir_version == model.ir_version
    assert file.opsets == {entry.domain: entry.version for entry in model.opset_import}
    assert file.operators == {(node.domain, node.op_type) for node in model.graph.node}
    assert file.metadata == {entry.key: entry.value for entry in model.metadata_props}
    assert file.largest_node == max(node.ByteSize() for node in model.graph.node)


def test_operators_of_sub_graphs_and_functions_count() -> None:
    data = onnx.load_model_from_string(external("sub-graph").replace(b"location", b"location"))
    data.graph.node[1].attribute[0].g.node[0].op_type = "Odd"
    del data.graph.node[1].attribute[0].g.node[0].attribute[:]
    del data.graph.node[1].attribute[1].g.node[0].attribute[:]
    assert ("", "Odd") in read_onnxfile(data.SerializeToString()).operators
    function = onnx.load_model_from_string(external("function"))
    del function.functions[0].node[0].attribute[:]
    file = read_onnxfile(function.SerializeToString())
    assert file.functions == {("own", "F")}
    assert ("own", "F") in file.operators
    check_known(file)


@pytest.mark.fault(49)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", ["../secret.bin", "/etc/passwd", "secret.bin", ""])
def test_external_data_is_found_wherever_it_hides(place: str, location: str) -> None:
    with pytest.raises(BadFile, match="keeps data in other files"):
        read_onnxfile(external(place, location))


@pytest.mark.parametrize(
    "field", [b"\x70\x01", b"\x70\x81\x80\x80\x80\x10", b"\x70\x02", b"\xf0\x80\x00\x01", b"\x6a\x00"]
)
def test_external_data_is_found_however_it_is_written(field: bytes) -> None:
    """As a padded number, as one that is cut to 32 bits, as an unknown place, under a padded tag, without entries."""
    tensor = bytes(numpy_helper.from_array(np.zeros(2, np.float32), "secret").SerializeToString()) + field
    assert len(tensor) < 128
    graph = b"\x2a" + bytes([len(tensor)]) + tensor
    data = plain_add() + b"\x3a" + bytes([len(graph)]) + graph  # a second graph is merged into the first
    with pytest.raises(BadFile, match="keeps data in other files"):
        read_onnxfile(data)


@pytest.mark.fault(48)
@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in BAD
        if kind not in ("operator", "folds to gigabytes", "calls itself", "golden rows", "never ends")
    ],
)
def test_what_is_no_model_is_called_by_what_it_is(kind: str) -> None:
    make, words = BAD[kind]
    with pytest.raises(BadFile) as caught:
        check_known(read_onnxfile(make()))
    assert words in str(caught.value)
    assert ":" in str(caught.value), "a remedy follows"


@pytest.mark.fault(48)
def test_every_beginning_of_a_file_is_refused() -> None:
    data = classifier().data
    for length in range(len(data)):
        try:
            file = read_onnxfile(data[:length])
        except BadFile:
            continue
        assert file.operators == read_onnxfile(data).operators, "cut between two whole fields, after the graph"


def tensors(message: Any) -> Iterator[Any]:
    """Every tensor in a message, by the onnx package."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for item in value if field.is_repeated else [value]:
                yield from tensors(item)


@pytest.mark.fault(49)
@given(st.data())
def test_no_damage_hides_external_data_or_raises_anything_else(data: st.DataObject) -> None:
    whole = bytearray(external(data.draw(st.sampled_from(PLACES))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(whole)
    try:
        read_onnxfile(damaged)
    except BadFile:
        return
    try:
        model = onnx.load_model_from_string(damaged)
    except DecodeError:
        return
    assert not [tensor for tensor in tensors(model) if tensor.external_data or tensor.data_location]


@given(st.binary(max_size=300))
def test_any_bytes_give_a_word(data: bytes) -> None:
    with contextlib.suppress(BadFile):  # nothing else may come out
        read_onnxfile(data)


@pytest.mark.fault(50)
def test_claimed_lengths_and_deep_nesting_cost_nothing() -> None:
    with pytest.raises(BadFile, match="ends in the middle"):
        read_onnxfile(b"\x08\x09\x3a\xff\xff\xff\xff\x0f")
    with pytest.raises(BadFile, match="damaged"):
        read_onnxfile(b"\x08\x09\x3a" + b"\xff" * 11)
    graph = b""
    for _ in range(MAX_DEPTH):  # graph in an attribute of a node of a graph
        for tag in (0x32, 0x2A, 0x0A):
            graph = bytes([tag]) + length_of(graph) + graph
    with pytest.raises(BadFile, match="deep"):
        read_onnxfile(b"\x08\x09\x3a" + length_of(graph) + graph)


def length_of(data: bytes) -> bytes:
    """The length as protobuf writes it."""
    size, out = len(data), b""
    while size > 127:
        out, size = out + bytes([size & 127 | 128]), size >> 7
    return out + bytes([size])


def test_numbers_by_the_hundred_thousand_are_passed_over() -> None:
    numbers = helper.make_node("Odd", ["X"], ["Y"], floats=[0.5] * 100_000, ints=list(range(100_000)), words=["a"] * 9)
    data = onnx_file([numbers], [("X", FLOAT, ["N"])], [("Y", FLOAT, ["N"])])
    assert read_onnxfile(data).operators == {("", "Odd")}
    with pytest.raises(BadFile, match="ends in the middle"):
        read_onnxfile(data[: len(data) // 2])


def opens(data: bytes) -> bool:
    """Whether ONNX Runtime itself opens it."""
    try:
        Runtime(data)
    except BadModel:
        return False
    return True


@pytest.mark.parametrize("domain", NEWEST_OPSETS)
def test_the_newest_operator_sets_are_those_of_our_onnx_runtime(domain: str) -> None:
    model = onnx.load_model_from_string(plain().data)
    if domain == "com.microsoft":
        model.opset_import.append(helper.make_opsetid(domain, 1))
    newest = NEWEST_OPSETS[domain]
    data = model.SerializeToString()
    assert opens(stamped(data, domain=domain, opset=newest))
    assert not opens(stamped(data, domain=domain, opset=newest + 1)), "raise the number in server/artefact/onnxfile.py"


def test_the_newest_format_is_that_of_our_onnx_runtime() -> None:
    assert opens(stamped(plain().data, ir=NEWEST_IR))
    assert not opens(stamped(plain().data, ir=NEWEST_IR + 1)), "raise the number in server/artefact/onnxfile.py"


@pytest.mark.fault(51)
def test_of_microsofts_operators_only_the_tokenizer_is_run() -> None:
    for known in ("MurmurHash3", "Tokenizer"):
        check_known(read_onnxfile(operator(known, "com.microsoft")))
    check_known(read_onnxfile(operator("Identity", "ai.onnx")))
    for name, domain in (("Gelu", "com.microsoft"), ("Foo", "com.example"), ("Conv", "com.microsoft.nchwc")):
        with pytest.raises(BadFile, match=f"'{name}' of '{domain}', which this server does not run"):
            check_known(read_onnxfile(operator(name, domain)))


@pytest.mark.parametrize("domain", ["com.microsoft", "com.microsoft.nchwc", "ai.onnx.training", "org.pytorch.aten"])
def test_a_function_of_the_files_own_does_not_stand_for_an_operator_of_onnx_runtimes(domain: str) -> None:
    data = onnx.load_model_from_string(operator("Gelu", domain))
    body = helper.make_node("Neg", ["a"], ["b"])
    data.functions.append(helper.make_function(domain, "Gelu", ["a"], ["b"], [body], [helper.make_opsetid("", 19)]))
    with pytest.raises(BadFile, match="does not run"):
        check_known(read_onnxfile(data.SerializeToString()))


@pytest.mark.parametrize("name", sorted(BY_CHANCE))
def test_what_draws_by_chance_cannot_be_tried(name: str) -> None:
    with pytest.raises(BadFile, match=f"by chance \\({name}\\)"):
        check_known(read_onnxfile(operator(name)))


def test_a_file_of_a_million_nodes_is_refused_before_they_are_all_read() -> None:
    node = helper.make_node("Neg", ["X"], ["Y"]).SerializeToString()
    graph = (b"\x0a" + length_of(node) + node) * (MAX_NODES + 1)
    with pytest.raises(BadFile, match="more than 200000 nodes"):
        read_onnxfile(b"\x08\x09\x3a" + length_of(graph) + graph)


def test_domains_that_are_only_named_do_no_harm() -> None:
    model = onnx.load_model_from_string(plain().data)
    model.opset_import.append(helper.make_opsetid("org.pytorch.aten", 1))
    check_known(read_onnxfile(model.SerializeToString()))
