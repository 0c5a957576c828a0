"""Owns which versions serve: keeps the loaded models in step with the folder and with load and unload calls.

Nothing here but `load_all` waits: a `step` scans the folder, collects the result of a trial and begins the next. A file
is opened in this process only after its trial in a confined child. Knows neither workers nor HTTP.
"""

from __future__ import annotations

import math
import select
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, thread_time

from server.logs import log
from server.models.bulletin import Bulletin
from server.models.files import ChangedMeanwhile
from server.models.folder import scan
from server.models.repository import BadRepository, Repository
from server.models.trial_process import FileRefused, Load, TrialProcess, TrialPutOff, trial_limits
from server.models.version import Version

LOOK_SECONDS = 0.5  # between two scans of the folder
RESTS, DISK_RESTS = 30, 4  # times as long as a scan took, of processor and of all time, until the next
RETRY_SECONDS = 1.0  # to the next try, where the box had no process or descriptor left for a trial
GATHER_SECONDS = 2.0  # of trials whose models are one reload
UNLOADED = "unloaded by an operator; a load call brings it back"


class RepositoryWatcher:
    """The models of a folder. ``load`` loads a file; reasons for refusals are published on ``bulletin``."""

    def __init__(
        self, folder: Path, load: Load, bulletin: Bulletin, *, default_model: str | None, box_bytes: int | None
    ) -> None:
        self._folder = folder
        self._load = load
        self._bulletin = bulletin
        self._default_model = default_model
        self.box_bytes = box_bytes  # of memory; None without a limit
        self._versions: dict[tuple[str, str], Version] = {}
        self._misplaced: dict[tuple[str, str], str] = {}
        self._unloaded: set[str] = set()
        self._trial: tuple[Version, TrialProcess] | None = None
        self._changed = False
        self._gathers_since = math.inf  # the first trial since somebody fetched the models
        self._next_scan = 0.0
        self._complaint = ""
        self._strict = False

    def load_all(self, strict: bool) -> None:
        """Tries and loads the whole folder, and waits. Raises BadRepository, with ``strict`` at the first refusal."""
        self._strict = strict
        self.announce()
        while self.step() or self._trial or any(self._due(monotonic())):
            if self._trial is not None:
                select.select(self.waits_for(), [], [], LOOK_SECONDS)
            self._changed = False
        self._strict = False
        names, default = {name for name, _ in (*self._versions, *self._misplaced)}, self._default_model
        if names and default is not None and default not in names:
            raise BadRepository(f"DYNONNX_DEFAULT_MODEL is {default!r}, but {self._folder} has no such model")

    def repository(self) -> Repository:
        """The models that serve now; resets `has_changed`."""
        self._changed, self._gathers_since = False, math.inf
        models = [version.model for version in self._versions.values() if version.model]
        return Repository(models, self._bulletin, self._default_model)

    def step(self) -> bool:
        """Does what it can without waiting; returns whether models have changed and are to be fetched."""
        now = monotonic()
        self._collect()
        if self._trial is None:
            if now >= self._next_scan:
                self.scan()
            self._forget_gone(now)
            # What has waited longest: files that change again and again come behind the others.
            if (version := min(self._due(now), key=lambda due: due.since, default=None)) is not None:
                self._begin(version)
        self._publish()
        return self._changed and not self.gathers

    @property
    def gathers(self) -> bool:
        """Whether more may come of a trial soon: one that lasts, and all behind it, keep no other from serving."""
        return self._trial is not None and monotonic() - self._gathers_since < GATHER_SECONDS

    @property
    def has_changed(self) -> bool:
        """Whether models have changed since the last `repository`."""
        return self._changed

    def waits_for(self) -> list[TrialProcess]:
        """The trial that becomes readable when a step can go on, or nothing."""
        return [self._trial[1]] if self._trial else []

    def seconds_to_wait(self) -> float:
        """Seconds until a step is due, even if nothing becomes readable."""
        return max(0.0, self._next_scan - monotonic())

    def announce(self, name: str | None = None) -> None:
        """Scans now; new files and refused ones of a name, or of all, are due for trial at once."""
        self.scan()
        for version in self._named(name):
            version.announce()

    def load(self, name: str) -> None:
        """New files and refused ones of a name, by the last `scan`, are due for trial at once; ends its `unload`."""
        self._unloaded.discard(name)
        for version in self._named(name):
            version.announce()

    def unload(self, name: str) -> None:
        """Unloads every version of a name until `load`. A name that the folder does not have is not remembered."""
        if not self.knows(name):
            return
        self._unloaded.add(name)
        for version in self._named(name):
            self._changed |= version.model is not None
            version.model = version.acted = None
        self._publish()

    def knows(self, name: str) -> bool:
        """Whether the folder has files of a name."""
        return any(True for _ in self._named(name)) or any(name == misplaced for misplaced, _ in self._misplaced)

    def is_pending(self, name: str) -> bool:
        """Whether a trial of a name runs or is due."""
        running = self._trial is not None and self._trial[1].file.name == name
        due = (version.seen != version.acted for version in self._named(name))
        return running or (name not in self._unloaded and any(due))

    def reasons(self, name: str | None = None) -> list[str]:
        """The reasons why versions of a name, or of all, do not serve."""
        misplaced = [reason for (claimed, _), reason in self._misplaced.items() if name in (None, claimed)]
        return [*misplaced, *(version.reason for version in self._named(name) if version.reason)]

    def close(self) -> None:
        """Kills the trial that runs."""
        for process in self.waits_for():
            process.kill()
        self._trial = None

    def note_exit(self) -> None:
        """Called before all children are reaped, so that the trial's exit status is not lost."""
        for process in self.waits_for():
            process.note_exit()

    def _named(self, name: str | None) -> Iterator[Version]:
        return (version for version in self._versions.values() if name in (None, version.file.name))

    # The folder

    def scan(self) -> None:
        """Looks at the folder now, whenever the next look is due."""
        began, used = monotonic(), thread_time()
        self._look(began)
        ended, used = monotonic(), thread_time() - used
        self._next_scan = ended + max(LOOK_SECONDS, RESTS * used, DISK_RESTS * (ended - began))

    def _look(self, now: float) -> None:
        try:
            listing = scan(self._folder) if self._folder.is_dir() or not self._versions else None
        except OSError as error:
            self._complain(f"the models folder cannot be read, what is loaded serves on: {error}")
            return
        if listing is None:
            self._complain(f"the models folder {self._folder} is gone, what is loaded serves on")
            return
        self._misplace(listing.misplaced)
        files = {(file.name, file.version): file for file in listing.files}
        for key, file in files.items():
            self._versions.setdefault(key, Version(file)).file = file
        complaint = ""
        for key in [key for key in self._versions if key[0] not in listing.unknown]:
            try:
                self._versions[key].look(now, listed=key in files)
            except OSError as error:
                complaint = f"a model's file cannot be looked at, what is loaded serves on: {error}"
        self._complain(complaint)

    def _misplace(self, misplaced: dict[tuple[str, str], str]) -> None:
        for key in misplaced.keys() - self._misplaced.keys():
            self._report(*key, misplaced[key])
        self._misplaced = misplaced

    def _complain(self, message: str) -> None:
        """Says once what is wrong with the folder; nothing is an empty message."""
        if message and self._strict:
            raise BadRepository(message)
        if message and message != self._complaint:
            log.error("%s", message)
        self._complaint = message

    def _due(self, now: float) -> Iterator[Version]:
        for version in self._named(None):
            if version.seen is not None and version.file.name not in self._unloaded and version.is_due(now):
                yield version

    def _forget_gone(self, now: float) -> None:
        for key, version in list(self._versions.items()):
            if version.seen is None and (version.is_due(now) or version.acted is None):
                del self._versions[key]
                self._changed |= version.model is not None

    def _publish(self) -> None:
        reasons = dict(self._misplaced)
        for key, version in self._versions.items():
            reason = UNLOADED if version.file.name in self._unloaded else version.reason
            if reason is not None:
                reasons[key] = reason
        self._bulletin.publish(reasons)

    # Trials

    def _begin(self, version: Version) -> None:
        self._gathers_since = min(self._gathers_since, monotonic())
        limits = trial_limits(version.begin(), self.box_bytes)
        try:
            self._trial = version, TrialProcess(self._load, version.file, limits)
        except TrialPutOff as error:
            self._put_off(version, error)

    def _collect(self) -> None:
        if self._trial is None:
            return
        version, process = self._trial
        try:
            model = process.collect()
        except ChangedMeanwhile:
            if not version.is_to_be_read_again(monotonic()):
                self._refuse(version, ": its trial tells of other bytes than are there, twice")
        except TrialPutOff as error:
            self._put_off(version, error)
        except FileRefused as error:
            self._refuse(version, str(error))
        else:
            if model is None:
                return
            version.model, version.reason, self._changed = model, None, True
        self._trial = None

    def _put_off(self, version: Version, error: TrialPutOff) -> None:
        version.retry = monotonic() + RETRY_SECONDS
        self._refuse(version, str(error))

    def _refuse(self, version: Version, rest: str) -> None:
        reason = f"{version.file.path.relative_to(self._folder)}{rest}"
        if reason != version.reason or version.retry == math.inf:  # what is put off again is said once
            self._report(version.file.name, version.file.version, reason)
        version.reason = reason

    def _report(self, name: str, version: str, reason: str) -> None:
        if self._strict:
            raise BadRepository(reason)
        log.error("model refused: %s", reason, extra={"model": name, "version": version})
