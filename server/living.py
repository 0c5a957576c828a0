"""Owns which versions serve: keeps what is loaded in step with the folder and with what an operator asks for.

Nothing here waits: a `step` looks at the folder, takes a verdict, begins the next trial. A file is tried in a confined
child and opened in this process only when it has passed there. Knows neither workers nor HTTP.
"""

from __future__ import annotations

import functools
import re
import select
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from server.bulletin import Bulletin
from server.confined import Confined, Died, Limits, memory_limit
from server.logs import log
from server.onnxfile import BadFile
from server.repository import BadRepository, ChangedMeanwhile, Model, Place, Repository, scan
from server.trial import Findings

LOOK_SECONDS = 0.5  # between two looks at the folder
SETTLE_SECONDS = 0.5  # a file that nobody announced is tried once it has been the same for so long
MIB = 1 << 20
MEMORY_BYTES, MEMORY_PER_BYTE = 512 * MIB, 16  # what a trial may take, and for each byte of the file
CPU_SECONDS, BYTES_PER_SECOND = 10, 10_000_000
WALL_PER_CPU = 3  # a trial shares the processor with the workers
MAX_REASON = 500
OUT_OF_MEMORY = "bad_alloc"  # as C++ says it
REFUSED = b"refused"  # how a child's verdict begins that is not Findings
BUILD_TALK = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : |/onnxruntime_src/\S+ |\bonnxruntime::[^)]*\) ")
UNLOADED = "unloaded by an operator; a load call brings it back"

Load = Callable[..., Model]  # of a Place and perhaps Findings: `load_model` with its settings
Signature = tuple[int, ...]


def trial_limits(file_bytes: int, box_bytes: int | None) -> Limits:
    """What a file of so many bytes may take in its trial; never more than half of what the box has."""
    memory = MEMORY_BYTES + MEMORY_PER_BYTE * file_bytes
    cpu = CPU_SECONDS + file_bytes // BYTES_PER_SECOND
    return Limits(min(memory, box_bytes // 2) if box_bytes else memory, cpu, WALL_PER_CPU * cpu)


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


@dataclass
class _Trial:
    entry: _Entry
    limits: Limits
    child: Confined = field(repr=False)


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
        self._trial: _Trial | None = None
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
                select.select([self._trial.child], [], [], LOOK_SECONDS)
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

    def waits_for(self) -> list[Confined]:
        """What becomes readable when a step can go on."""
        return [self._trial.child] if self._trial else []

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
        trying = self._trial is not None and self._trial.entry.place.name == name
        return trying or any(entry.seen != entry.acted for entry in self._named(name) if name not in self._unloaded)

    def reasons(self, name: str | None = None) -> list[str]:
        """Why versions of one name, or of any, do not serve."""
        misplaced = [reason for (found, _), reason in self._misplaced.items() if name in (None, found)]
        return [*misplaced, *(entry.reason for entry in self._named(name) if entry.reason)]

    def close(self) -> None:
        """Ends the trial that runs."""
        if self._trial is not None:
            self._trial.child.kill()
            self._trial = None

    def note_exit(self) -> None:
        """To be called before all children are reaped, lest the cause of a trial's death be lost."""
        if self._trial is not None:
            self._trial.child.note_exit()

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
            self._trial = _Trial(entry, limits, Confined(functools.partial(_try, self._load, entry.place), limits))
        except OSError as error:
            self._refuse(entry, f": no process could be started to try it: {error}")

    def _collect(self) -> None:
        trial = self._trial
        if trial is None:
            return
        try:
            result = trial.child.collect()
        except Died as error:
            self._trial = None
            self._refuse(trial.entry, f": its trial {error}; this model cannot serve here")
            return
        if result is None:
            return
        self._trial = None
        if result.startswith(REFUSED):
            self._refuse(trial.entry, _memory_told(result.removeprefix(REFUSED).decode(), trial.limits))
        else:
            self._open(trial, Findings.from_bytes(result))

    def _open(self, trial: _Trial, findings: Findings) -> None:
        entry = trial.entry
        try:
            with memory_limit(trial.limits.memory_bytes):
                model = self._load(entry.place, findings)
        except ChangedMeanwhile:
            entry.acted, entry.since = None, monotonic()
        except Exception as error:  # noqa: BLE001  no file may end the server
            self._refuse(entry, _memory_told(_rest_of_sentence(error), trial.limits))
        else:
            entry.model, entry.reason, self._changed = model, None, True

    def _refuse(self, entry: _Entry, rest: str) -> None:
        entry.reason = f"{entry.place.path.relative_to(self._folder)}{rest}"
        self._tell(entry.place.name, entry.place.version, entry.reason)

    def _tell(self, name: str, version: str, reason: str) -> None:
        if self._strict:
            raise BadRepository(reason)
        log.error("model refused: %s", reason, extra={"model": name, "version": version})


def _try(load: Load, place: Place) -> bytes:
    """What the confined child does; any error it meets is one of the file."""
    try:
        model = load(place)
    except Exception as error:  # noqa: BLE001
        return REFUSED + _rest_of_sentence(error).encode()
    return Findings(model.sha256, model.verdict, model.curve).to_bytes()


def _rest_of_sentence(error: Exception) -> str:
    """What follows the name of the file: one line, without the paths of the machine that built ONNX Runtime."""
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    said = " ".join(BUILD_TALK.sub("", str(error) or repr(error)).split())
    said = said if len(said) <= MAX_REASON else said[:MAX_REASON] + " ..."
    return f" {said}" if isinstance(error, BadFile) else f": {said}"


def _memory_told(rest: str, limits: Limits) -> str:
    if OUT_OF_MEMORY in rest or "allocate memory" in rest:
        return f" needs more than {limits.memory_bytes // MIB} MB of memory to open and run: make the model smaller"
    return rest


def _signature(path: Path) -> Signature | None:
    """What changes with a file, its size second; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev)
