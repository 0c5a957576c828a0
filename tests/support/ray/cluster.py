"""Owns a Ray cluster of several nodes on this machine, for tests: small, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

import ray
from ray.cluster_utils import Cluster

from tests.conftest import ROOT

STORE_BYTES = 100 * 1024 * 1024  # the object store of a node, of which little is ever used


class Nodes:
    """The head, which runs no work, and nodes of a processor each (as Ray counts them)."""

    def __init__(self) -> None:
        self._cluster = Cluster(initialize_head=True, head_node_args=self._node(0))
        self.address: str = self._cluster.address

    @staticmethod
    def _node(cpus: float) -> dict[str, Any]:
        return {"num_cpus": cpus, "object_store_memory": STORE_BYTES, "include_dashboard": False}

    def add(self, cpus: float = 1) -> Any:
        """A further node."""
        return self._cluster.add_node(wait=True, **self._node(cpus))

    def kill(self, node: Any) -> None:
        """Ends a node as if its machine were lost, with all that runs on it."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        """Ends every node."""
        self._cluster.shutdown()


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
