"""MLflow's protocol under test: a loaded model that answers bodies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.mlflow.media import Media
from server.errors import ServerError
from server.models.folder import VersionFile
from server.models.repository import Model
from tests.support.models.loading import load_version
from tests.support.server.decoding import decode
from tests.support.server.models import ARTEFACTS, PLAIN

MAX_ROWS = 100


class Served:
    """A loaded model and its MLflow codec."""

    def __init__(self, folder: Path, data: bytes) -> None:
        path = folder / "m.onnx"
        path.write_bytes(data)
        self.model: Model = load_version(VersionFile("m", "1", path), max_rows=MAX_ROWS)
        assert isinstance(self.model.mlflow, MlflowCodec)
        self.codec = self.model.mlflow

    def answer(self, body: Any, media: Media = "json") -> Any:
        """What the model answers to a body, which is JSON unless it is bytes."""
        text = body if isinstance(body, bytes) else orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
        entry = decode(self.codec, text, media)
        assert not entry.single
        group = entry.group
        outputs = self.model.runtime.run(group.outputs, group.feed([entry], None, entry.rows))
        group.deliver([entry], outputs)
        assert entry.body is not None
        assert entry.body == group.body_of(group.encode(outputs), 0, entry.rows)
        return orjson.loads(entry.body)

    def refusal(self, body: Any, media: Media = "json") -> str:
        """Code and message of what is refused."""
        with pytest.raises(ServerError) as caught:
            self.answer(body, media)
        return f"{caught.value.code}: {caught.value}"


def serve_all(folder: Path) -> dict[str, Served]:
    """One of every kind of model."""
    return {kind: Served(folder, make().data) for kind, make in (ARTEFACTS | PLAIN).items()}


def forms_of(names: list[str], rows: list[list[Any]]) -> dict[str, Any]:
    """The same rows in each way there is to send them."""
    records = [dict(zip(names, row, strict=True)) for row in rows]
    turned = [row[::-1] for row in rows]
    index = [f"row {at}" for at in range(len(rows))]
    return {
        "split": {"dataframe_split": {"columns": names, "index": index, "data": rows}},
        "split, turned": {"dataframe_split": {"columns": names[::-1], "data": turned}},
        "split, without names": {"dataframe_split": {"data": rows}},
        "split, numbered": {"dataframe_split": {"index": None, "columns": [*range(len(names))], "data": rows}},
        "records": {"dataframe_records": records},
        "records, turned": {"dataframe_records": [dict(reversed(record.items())) for record in records]},
        "records as lists": {"dataframe_records": rows},
        "instances": {"instances": rows},
        "instances by name": {"instances": records},
        "inputs": {"inputs": rows, "params": {"n": 1}},
        "inputs by name": {"inputs": records},
        "inputs by column": {"inputs": {name: [row[at] for row in rows] for at, name in enumerate(names)}},
    }
