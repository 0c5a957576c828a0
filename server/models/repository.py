"""Owns the models and versions that are loaded in this process, by name. Knows no files and no HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from server.artefact.metadata import Artefact
from server.artefact.runtime import Runtime
from server.artefact.tensors import InputLayout
from server.batching.cost import CostCurve
from server.codecs.mlflow.codec import MlflowCodec
from server.codecs.predict import PredictCodec
from server.codecs.refusals import few, shown
from server.codecs.v2.codec import TensorCodec
from server.errors import ServerError
from server.models.bulletin import Bulletin
from server.models.folder import version_key
from server.models.trial import Findings, Verdict

FEW, LONGEST = 16, 32  # models, and characters of a name, among which one like it is looked for: under a millisecond
NO_MODEL = "no model is loaded; convert one into the models folder, and it serves within seconds"


class BadRepository(ValueError):
    """The folder cannot be served; the message says what to change."""


@dataclass(frozen=True, slots=True)
class Model:
    """One loaded version with its codecs, after its trial. Made before the fork; never changes."""

    name: str
    version: str
    sha256: str
    size: int  # of the file, bytes
    runtime: Runtime
    artefact: Artefact | None
    predict: PredictCodec | None  # None: its inputs are no rows of one matrix
    mlflow: MlflowCodec | None  # likewise
    v2: TensorCodec
    verdict: Verdict
    curve: CostCurve
    cost_by_rows: bool  # nothing but their number decides how long a run takes
    repeatable: bool = True  # nothing in it may draw by chance: equal questions have equal answers
    pads_texts: bool = False  # a run takes as much for each of its texts as for the longest
    description: bytes = b""  # of the artefact, as JSON

    def findings(self) -> Findings:
        """What another process needs to open the same file without a trial."""
        return Findings(self.sha256, self.size, self.verdict, self.curve, self.cost_by_rows, self.pads_texts)

    @property
    def layouts(self) -> tuple[InputLayout, ...]:
        """The layouts of the inputs; empty without ``predict``."""
        return self.predict.layouts if self.predict else ()


class Repository:
    """Models by name and version, the highest version first, and the reasons why others were refused."""

    def __init__(
        self,
        models: Sequence[Model],
        refused: Mapping[tuple[str, str], str] | Bulletin,
        default_model: str | None = None,
    ) -> None:
        self._refused = refused
        self.models: dict[str, dict[str, Model]] = {}
        for model in sorted(models, key=lambda model: version_key(model.version), reverse=True):
            self.models.setdefault(model.name, {})[model.version] = model
        self.models = dict(sorted(self.models.items()))
        self.default_model = default_model or (next(iter(self.models)) if len(self.models) == 1 else None)

    @property
    def refused(self) -> Mapping[tuple[str, str], str]:
        """The reasons why versions do not serve; those of a `Bulletin` change at any time."""
        return self._refused.read() if isinstance(self._refused, Bulletin) else self._refused

    def only(self, versions: Collection[tuple[str, str]]) -> Repository:
        """The same without other versions than these."""
        models = [model for model in self if (model.name, model.version) in versions]
        return Repository(models, self._refused, self.default_model)

    def get(self, name: str, version: str | None = None) -> Model:
        """A version of a model, the highest without ``version``. Raises ServerError: not_found, model_unavailable."""
        versions = self.models.get(name)
        if versions and version is None:
            return next(iter(versions.values()))
        if versions and version in versions:
            return versions[version]
        if any(name == refused and version in (None, number) for refused, number in self.refused):
            raise ServerError("model_unavailable", "this model did not load; GET /models says why")
        if versions:
            raise ServerError("not_found", f"model '{name}' has no version {shown(version)}; it has {few([*versions])}")
        raise ServerError("not_found", f"there is no model {shown(name)}; {self._what_there_is(name)}")

    def _what_there_is(self, name: str) -> str:
        """What to ask for instead of a name that is no model's. Among many models nothing like it is looked for."""
        if not self.models:
            return NO_MODEL
        there = f"there {'is' if len(self.models) == 1 else 'are'} {few([*self.models])}"
        short = [model for model in self.models if len(model) <= LONGEST]
        alike = get_close_matches(name, short, 1) if len(short) <= FEW and len(name) <= LONGEST else []
        return f"{there}: did you mean {alike[0]}?" if alike else f"{there}; GET /models lists what is served"

    def get_default(self) -> Model:
        """The model of `/predict`. Raises ServerError: not_found, model_unavailable."""
        if self.default_model is not None:
            return self.get(self.default_model)
        if not self.models:
            raise ServerError("model_unavailable", NO_MODEL)
        names = [*self.models]
        raise ServerError(
            "not_found", f"several models are served, {few(names)}: name one as in /models/{names[0]}/predict"
        )

    def __iter__(self) -> Iterator[Model]:
        return (model for versions in self.models.values() for model in versions.values())
