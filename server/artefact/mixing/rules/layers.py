"""Owns the rules of layers of neural networks and of estimators, whose rows are a batch. Knows no graphs."""

from __future__ import annotations

from collections.abc import Mapping

from server.artefact.mixing.node import Applied, Rule
from server.artefact.mixing.value import ROWS, Dim, Dims, NotProven, Value


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
        elif value.shape[axis : axis + 1] != (sequences[1],) or ROWS in value.shape[:axis] + value.shape[axis + 1 :]:
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


def _rows(node: Applied, place: int = 0) -> Dim:
    """The rows of a matrix. Raises NotProven for another shape: a vector would be one row."""
    dims = node.input(place).shape
    if len(dims) != 2 or (ROWS in dims and dims[0] != ROWS):
        raise NotProven("its input is no matrix of rows")
    return dims[0]


def _positive(count: int) -> int | None:
    return count if count > 0 else None


def svm_classifier(node: Applied) -> list[Value]:
    """A label and scores, whose number depends on how they are made."""
    rows = _rows(node)
    return [Value((rows,)), Value((rows, None))]


def linear_classifier(node: Applied) -> list[Value]:
    """A label, and a score for each intercept; with one intercept for two labels, one for each of these."""
    rows = _rows(node)
    scores = node.count("intercepts")
    if scores == 1:
        labels = node.count("classlabels_ints", "classlabels_strings")
        scores = labels if labels == 2 else None
    return [Value((rows,)), Value((rows, scores or None))]


def tree_classifier(node: Applied) -> list[Value]:
    """A label, and a score for each class label."""
    rows = _rows(node)
    labels = node.count("classlabels_int64s", "classlabels_strings")
    return [Value((rows,)), Value((rows, labels if labels and labels > 1 else None))]


def tree_regressor(node: Applied) -> list[Value]:
    """A value for each target."""
    return [Value((_rows(node), _positive(node.integer("n_targets", 1))))]


def linear_regressor(node: Applied) -> list[Value]:
    """A value for each target."""
    return [Value((_rows(node), _positive(node.integer("targets", 1))))]


def vectorizer(node: Applied) -> list[Value]:
    """Values for each row."""
    return [Value((_rows(node), None))]


def by_column(node: Applied) -> list[Value]:
    """A matrix of the same shape: each column by constants of its own, or each row by itself."""
    _rows(node)
    return [Value(node.input(0).shape)]


def element(node: Applied) -> list[Value]:
    """Each element by itself."""
    if len(node.inputs) != 1:
        raise NotProven("it has other than one input")
    return [Value(node.input(0).shape)]


def one_hot_encoder(node: Applied) -> list[Value]:
    """A new last axis, by the value of each element."""
    return [Value((*node.input(0).shape, node.count("cats_int64s", "cats_strings")))]


def feature_vectorizer(node: Applied) -> list[Value]:
    """Matrices side by side."""
    rows = {_rows(node, place) for place in range(len(node.inputs))}
    if len(rows) != 1:
        raise NotProven("it joins rows with what is none")
    return [Value((rows.pop(), None))]


def array_feature_extractor(node: Applied) -> list[Value]:
    """Columns by constant places, or a constant's by the places of the rows: these stand in one line then."""
    data, places = node.input(0), node.input(1)
    if data.has_rows and places.has_rows:
        raise NotProven("it may take from other rows")
    if data.has_rows:
        if len(data.shape) < 2 or data.shape[-1] == ROWS:
            raise NotProven("it takes some of the rows only")
        return [Value((*data.shape[:-1], None))]
    if data.shape[:-1] not in ((), (1,)) or set(places.shape) - {1, ROWS}:
        raise NotProven("elements may move to other rows")
    return [Value((1, ROWS if places.has_rows else None))]


def is_look_up(table: Value, places: Value, sizes: Value) -> bool:
    """Whether the places of a row, looked up in a constant line, come back as a row of as many."""
    is_line = table.dims is not None and not table.has_rows and table.dims[:-1] in ((), (1,)) and table.dims != ()
    width = places.dims[1] if places.dims is not None and len(places.dims) == 2 and places.dims[0] == ROWS else None
    return is_line and not table.counts_rows and isinstance(width, int) and width > 0 and sizes.numbers == (-1, width)


ESTIMATORS: Mapping[str, Rule] = {
    "LinearClassifier": linear_classifier,
    "SVMClassifier": svm_classifier,
    "TreeEnsembleClassifier": tree_classifier,
    **dict.fromkeys(("TreeEnsemble", "TreeEnsembleRegressor"), tree_regressor),
    "LinearRegressor": linear_regressor,
    "SVMRegressor": vectorizer,
    **dict.fromkeys(("Imputer", "Normalizer", "Scaler"), by_column),
    **dict.fromkeys(("Binarizer", "CategoryMapper", "LabelEncoder"), element),
    "OneHotEncoder": one_hot_encoder,
    "FeatureVectorizer": feature_vectorizer,
    "ArrayFeatureExtractor": array_feature_extractor,
}
N_GRAMS: Mapping[str, Rule] = {"TfIdfVectorizer": vectorizer}
