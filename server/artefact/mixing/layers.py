"""Owns the rules of layers of neural networks whose rows are a batch. Knows no graphs."""

from __future__ import annotations

from collections.abc import Mapping

from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.value import ROWS, Dims, NotProven, Value


def _batch(node: Applied, least: int = 3) -> Dims:
    """The shape of a batch of images, signals or volumes. Raises NotProven where rows are not its first axis."""
    dims = node.input(0).shape
    if len(dims) < least or (ROWS in dims and dims[0] != ROWS):
        raise NotProven("the rows are not its batch")
    return dims


def convolution(node: Applied) -> list[Value]:
    """Images by constant filters."""
    node.constants(1)
    dims = _batch(node)
    return [Value((dims[0], *[None] * (len(dims) - 1)))]


def pool(node: Applied) -> list[Value]:
    """Each image by itself. The places that a maximum had are counted over all images, so they are no output here."""
    dims = _batch(node)
    return [Value((dims[0], dims[1], *[None] * (len(dims) - 2)))]


def global_pool(node: Applied) -> list[Value]:
    """One value for each channel of each image."""
    dims = _batch(node)
    return [Value((dims[0], dims[1], *[1] * (len(dims) - 2)))]


def batch_normalization(node: Applied) -> list[Value]:
    """By constants for each channel; in training, by the batch itself."""
    node.constants(1)
    if node.integer("training_mode", 0) or not node.integer("spatial", 1) or len(node.inputs) != 5:
        raise NotProven("it normalises by the rows of the run")
    return [Value(_batch(node, 2))]


def image_normalization(node: Applied) -> list[Value]:
    """Each image by itself, with constants for each channel."""
    node.constants(1)
    return [Value(_batch(node))]


def rearranged(node: Applied) -> list[Value]:
    """Channels become places within the image, or places channels."""
    dims = _batch(node, 4)
    return [Value((dims[0], *[None] * (len(dims) - 1)))]


def recurrence(node: Applied) -> list[Value]:
    """Sequences of batches, ``[sequence, rows, inputs]``, with constant weights."""
    sequences = node.input(0).shape
    if node.integer("layout", 0) or len(sequences) != 3 or (ROWS in sequences and sequences[1] != ROWS):
        raise NotProven("the rows are not its batch")
    for place, value in enumerate(node.inputs[1:], 1):
        if value is None:
            continue
        axis = {4: 0, 5: 1, 6: 1}.get(place)
        if axis is None:
            node.constants(place, place + 1)
        elif value.counts_rows or value.shape[axis : axis + 1] != (sequences[1],):
            raise NotProven("an input has other rows than its batch")
    state = (None, sequences[1], None)
    return [Value((sequences[0], *state[:1], *state[1:])), Value(state), Value(state)]


LAYERS: Mapping[str, Rule] = {
    **dict.fromkeys(("Conv", "ConvTranspose"), convolution),
    **dict.fromkeys(("AveragePool", "LpPool", "MaxPool"), pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"), global_pool),
    "BatchNormalization": batch_normalization,
    **dict.fromkeys(("GroupNormalization", "InstanceNormalization", "LRN"), image_normalization),
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), rearranged),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), recurrence),
}
