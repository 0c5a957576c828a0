"""Owns a Ray cluster of several nodes on this machine, for tests: small, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import psutil
import ray
from ray.cluster_utils import Cluster

from tests.conftest import ROOT

STORE_BYTES = 100 * 1024 * 1024  # the object store of a node, of which little is ever used
END_SECONDS = 10.0


class Nodes:
    """The head, which runs no work, and nodes that are added."""

    def __init__(self) -> None:
        self._cluster = Cluster(initialize_head=True, head_node_args=self._node(0))
        self.address: str = self._cluster.address

    @staticmethod
    def _node(cpus: float) -> dict[str, Any]:
        return {"num_cpus": cpus, "object_store_memory": STORE_BYTES, "include_dashboard": False}

    def add(self, cpus: float = 1) -> Any:
        """A further node with so many processors, as Ray counts them."""
        return self._cluster.add_node(wait=True, **self._node(cpus))

    def kill(self, node: Any) -> None:
        """Ends a node as if its machine were lost, with all that runs on it."""
        self._cluster.remove_node(node, allow_graceful=False)

    @staticmethod
    def processes(name: str) -> list[psutil.Process]:
        """Those of the cluster whose title begins with ``name``."""
        found: list[psutil.Process] = []
        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                if " ".join(child.cmdline()).startswith(name):
                    found.append(child)
        return found

    def close(self) -> None:
        """Ends every node, and what one of them started and left."""
        ours = psutil.Process().children(recursive=True)
        self._cluster.shutdown()
        for left in psutil.wait_procs(ours, END_SECONDS)[1]:
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


@contextlib.contextmanager
def cluster() -> Iterator[Nodes]:
    """A cluster of a head alone, to which this process is connected."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(ROOT)  # nodes find our packages as an image would have them
    nodes = Nodes()
    try:
        ray.init(address=nodes.address, log_to_driver=False, logging_level="error")
        yield nodes
    finally:
        ray.shutdown()
        nodes.close()
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before
