"""The kinds of objects that are listed in a cluster."""

from __future__ import annotations

from enum import StrEnum


class ObjectKind(StrEnum):
    """The kinds of objects that are listed, as `kubectl` names them."""

    PODS = "pods"
    REPLICA_SETS = "replicasets"
    JOBS = "jobs"

    @property
    def group_resource(self) -> str:
        """The resource with its API group, as `kubectl auth can-i list` accepts it."""
        return {"pods": "pods", "replicasets": "replicasets.apps", "jobs": "jobs.batch"}[self.value]
