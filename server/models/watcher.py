"""Owns which versions serve: keeps what is loaded in step with the folder and with what an operator asks for.

Nothing here waits: a `step` looks at the folder, takes a verdict, begins the next trial. A file is tried in a confined
child and opened in this process only when it has passed there. Knows neither workers nor HTTP.
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from server.logs import log
from server.models.bulletin import Bulletin
from server.models.repository import BadRepository, ChangedMeanwhile, Model, Place, Repository, scan
from server.models.trial_process import Attempt, Load, Refused, trial_limits

LOOK_SECONDS = 0.5  # between two looks at the folder
SETTLE_SECONDS = 0.5  # a file that nobody announced is tried once it has been the same for so long
UNLOADED = "unloaded by an operator; a load call brings it back"

Signature = tuple[int, ...]


@dataclass
class _Entry:
    """One version. ``seen``: its file at the last look, None when gone; ``acted``: the file that was tried last."""

    place: Place
    seen: Signature | None = None
    since: float = 0.0  # when it was first seen so
    announced: bool = False  # to be tried at once
    acted: Signature | None = None
    model: Model | None = None
    reason: str | None = None  # why the file that was tried last does not serve


class Living:
    """The models of a folder. ``load`` opens one; ``bulletin`` is told what does not serve and why."""

    def __init__(
        self, folder: Path, load: Load, bulletin: Bulletin, *, default_model: str | None, box_bytes: int | None
    ) -> None:
        self._folder = folder
        self._load = load
        self._bulletin = bulletin
        self._default_model = default_model
        self._box_bytes = box_bytes
        self._entries: dict[tuple[str, str], _Entry] = {}
        self._misplaced: dict[tuple[str, str], str] = {}
        self._unloaded: set[str] = set()
        self._trial: tuple[_Entry, Attempt] | None = None
        self._changed = False
        self._next_look = 0.0
        self._complaint = ""
        self._strict = False

    def load_all(self, strict: bool) -> None:
        """Tries and opens all there is, and waits for it. Raises BadRepository where nothing sensible would serve."""
        self._strict = strict
        self.announce()
        while self.step() or self._trial:
            if self._trial is not None:
                select.select(self.waits_for(), [], [], LOOK_SECONDS)
            self._changed = False
        self._strict = False
        names = {name for name, _ in (*self._entries, *self._misplaced)}
        if names and self._default_model is not None and self._default_model not in names:
            raise BadRepository(
                f"DYNONNX_DEFAULT_MODEL is {self._default_model!r}, but {self._folder} has no such model"
            )

    def repository(self) -> Repository:
        """What serves now; what has changed is thereby taken notice of."""
        self._changed = False
        models = [entry.model for entry in self._entries.values() if entry.model]
        return Repository(models, self._bulletin, self._default_model)

    def step(self) -> bool:
        """Goes on as far as it can without waiting; whether other models serve now than when last asked."""
        now = monotonic()
        self._collect()
        if self._trial is None:
            if now >= self._next_look:
                self._look(now)
            self._forget_gone(now)
            if (entry := next(self._due(now), None)) is not None:
                self._begin(entry)
        self._publish()
        return self._changed and self._trial is None

    @property
    def has_changed(self) -> bool:
        """Whether other models serve now than when `repository` was last asked."""
        return self._changed

    def waits_for(self) -> list[Attempt]:
        """What becomes readable when a step can go on."""
        return [self._trial[1]] if self._trial else []

    def seconds_to_wait(self) -> float:
        """After how long a step is due, even if nothing becomes readable."""
        return max(0.0, self._next_look - monotonic())

    def announce(self, name: str | None = None) -> None:
        """Looks now, at once tries what is new, and again what was refused; of one name or of all."""
        self._look(monotonic())
        for entry in self._named(name):
            entry.announced = True
            entry.acted = entry.acted if entry.model and not entry.reason else None

    def load(self, name: str) -> None:
        """Tries what the folder has of a name; it may have been unloaded."""
        self._unloaded.discard(name)
        self.announce(name)

    def unload(self, name: str) -> None:
        """Lets every version of a name go until `load`."""
        self._unloaded.add(name)
        self._look(monotonic())
        for entry in self._named(name):
            self._changed |= entry.model is not None
            entry.model = entry.acted = None
        self._publish()

    def knows(self, name: str) -> bool:
        """Whether the folder has anything of that name."""
        return any(True for _ in self._named(name)) or any(name == misplaced for misplaced, _ in self._misplaced)

    def is_pending(self, name: str) -> bool:
        """Whether a trial of that name is yet to end."""
        trying = self._trial is not None and self._trial[1].place.name == name
        return trying or any(entry.seen != entry.acted for entry in self._named(name) if name not in self._unloaded)

    def reasons(self, name: str | None = None) -> list[str]:
        """Why versions of one name, or of any, do not serve."""
        misplaced = [reason for (found, _), reason in self._misplaced.items() if name in (None, found)]
        return [*misplaced, *(entry.reason for entry in self._named(name) if entry.reason)]

    def close(self) -> None:
        """Ends the trial that runs."""
        if self._trial is not None:
            self._trial[1].kill()
            self._trial = None

    def note_exit(self) -> None:
        """To be called before all children are reaped, lest the cause of a trial's death be lost."""
        if self._trial is not None:
            self._trial[1].note_exit()

    def _named(self, name: str | None) -> Iterator[_Entry]:
        return (entry for entry in self._entries.values() if name in (None, entry.place.name))

    # The folder

    def _look(self, now: float) -> None:
        self._next_look = now + LOOK_SECONDS
        try:
            found = scan(self._folder) if self._folder.is_dir() or not self._entries else None
        except OSError as error:
            self._complain(f"the models folder cannot be read, what is loaded serves on: {error}")
            return
        if found is None:
            self._complain(f"the models folder {self._folder} is gone, what is loaded serves on")
            return
        self._complaint = ""
        self._misplace(found.misplaced)
        places = {(place.name, place.version): place for place in found.places}
        for key, place in places.items():
            self._entries.setdefault(key, _Entry(place)).place = place
        unclear = {name for name, _ in found.misplaced}  # two files claim one name: neither is taken for it, none goes
        for key, entry in self._entries.items():
            if key[0] not in unclear:
                seen = _signature(entry.place.path) if key in places else None
                if seen != entry.seen:
                    entry.seen, entry.since = seen, now

    def _misplace(self, misplaced: dict[tuple[str, str], str]) -> None:
        for key in misplaced.keys() - self._misplaced.keys():
            self._tell(*key, misplaced[key])
        self._misplaced = misplaced

    def _complain(self, message: str) -> None:
        if message != self._complaint:
            log.error("%s", message)
            self._complaint = message

    def _is_due(self, entry: _Entry, now: float) -> bool:
        settled = entry.announced or now - entry.since >= SETTLE_SECONDS
        return entry.seen != entry.acted and settled

    def _due(self, now: float) -> Iterator[_Entry]:
        for entry in self._named(None):
            if entry.seen is not None and entry.place.name not in self._unloaded and self._is_due(entry, now):
                yield entry

    def _forget_gone(self, now: float) -> None:
        for key, entry in list(self._entries.items()):
            if entry.seen is None and (self._is_due(entry, now) or entry.acted is None):
                del self._entries[key]
                self._changed |= entry.model is not None

    def _publish(self) -> None:
        reasons = dict(self._misplaced)
        for key, entry in self._entries.items():
            reason = UNLOADED if entry.place.name in self._unloaded else entry.reason
            if reason is not None:
                reasons[key] = reason
        if reasons != self._bulletin.read():
            self._bulletin.publish(reasons)

    # Trials

    def _begin(self, entry: _Entry) -> None:
        entry.acted, entry.announced = entry.seen, False
        limits = trial_limits(entry.seen[1] if entry.seen else 0, self._box_bytes)
        try:
            self._trial = entry, Attempt(self._load, entry.place, limits)
        except Refused as error:
            self._refuse(entry, str(error))

    def _collect(self) -> None:
        if self._trial is None:
            return
        entry, attempt = self._trial
        try:
            model = attempt.collect()
        except ChangedMeanwhile:
            entry.acted, entry.since = None, monotonic()
        except Refused as error:
            self._refuse(entry, str(error))
        else:
            if model is None:
                return
            entry.model, entry.reason, self._changed = model, None, True
        self._trial = None

    def _refuse(self, entry: _Entry, rest: str) -> None:
        entry.reason = f"{entry.place.path.relative_to(self._folder)}{rest}"
        self._tell(entry.place.name, entry.place.version, entry.reason)

    def _tell(self, name: str, version: str, reason: str) -> None:
        if self._strict:
            raise BadRepository(reason)
        log.error("model refused: %s", reason, extra={"model": name, "version": version})


def _signature(path: Path) -> Signature | None:
    """What changes with a file, its size second; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev)
