"""The kinds of objects that basebump lists in a cluster."""

from __future__ import annotations

from enum import StrEnum


class ObjectKind(StrEnum):
    """The kinds of objects that basebump lists. The values are the names that `kubectl` uses."""

    PODS = "pods"
    REPLICA_SETS = "replicasets"
    JOBS = "jobs"

    @property
    def group_resource(self) -> str:
        """The resource with its API group, in the form that `kubectl auth can-i list` accepts."""
        return {"pods": "pods", "replicasets": "replicasets.apps", "jobs": "jobs.batch"}[self.value]
