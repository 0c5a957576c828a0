"""Owns one container of a pod as kubelet runs it, by what the manifest says: its probes, its end. Knows no models.

Kubelet starts the image's command with the container's variables, asks the probes' paths on the container's port, and
ends it by preStop, SIGTERM, and SIGKILL once the grace period, which counts from preStop on, is over.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.deploy.manifests import Manifest, environment_of
from tests.support.integration.running import SERVER, Running, poll

# A root filesystem that nobody may write but what the pod mounts, and what every container has.
READ_ONLY = 'mount --make-rprivate / && mount --rbind "$1" "$1" && mount -o remount,bind,ro / && shift && exec "$@"'


def can_unshare() -> bool:
    """Whether this machine lets us have a root filesystem of our own that is read only."""
    command = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", "/tmp", "sh", "-c", "! touch /denied"]  # noqa: S108
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


class Container:
    """A started container. ``writable``: the one folder that it may write, where its root is read only."""

    def __init__(self, pod: Manifest, container: Manifest, settings: dict[str, str], log: Path, writable: Path) -> None:
        self._pod = pod
        self._container = container
        command: tuple[str, ...] = SERVER
        if can_unshare():
            limits = ("setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
            command = ("unshare", "--mount", "sh", "-c", READ_ONLY, "sh", str(writable), *limits, *SERVER)
        variables = {**environment_of(container), **settings, "TMPDIR": str(writable)}
        self.server = Running(variables, log, command)

    def probe(self, name: str) -> bool:
        """Whether a probe succeeds now: any status from 200 to 399 within its time."""
        said = self._container[name]
        try:
            answer = self.server.ask("GET", said["httpGet"]["path"], seconds=said.get("timeoutSeconds", 1))
        except OSError:
            return False
        return 200 <= answer.status < 400

    def wait_until_ready(self) -> None:
        """Until the startup probe has succeeded, and then the readiness probe."""
        for name in ("startupProbe", "readinessProbe"):
            poll(lambda name=name: self.probe(name), f"{name} succeeds: {self.server.read_log()}")  # type: ignore[misc]

    def end(self, meanwhile: Callable[[], None] = lambda: None) -> tuple[int, float]:
        """The exit status, and how much of the grace period it took; -9 where it was killed for it."""
        began = time.monotonic()
        words = self._container["lifecycle"]["preStop"]["exec"]["command"]
        subprocess.run(words, check=True)
        meanwhile()
        self.server.process.send_signal(signal.SIGTERM)
        left = self._pod["terminationGracePeriodSeconds"] - (time.monotonic() - began)
        try:
            self.server.process.wait(left)
        except subprocess.TimeoutExpired:
            self.server.signal_all(signal.SIGKILL)
            self.server.process.wait()
        return self.server.process.returncode, time.monotonic() - began
