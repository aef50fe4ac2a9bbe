"""Cuts the kinds that `deploy/kubernetes` uses out of Kubernetes' own description of its API.

    pip download --no-deps kubernetes-validate==1.37.0 && unzip kubernetes_validate-1.37.0-py3-none-any.whl
    python tests/contracts/slice_kubernetes.py \
        kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/_definitions.json

writes `kubernetes.json` beside this file: those kinds with everything they refer to, without descriptions.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = (
    "io.k8s.api.batch.v1.CronJob",
    "io.k8s.api.core.v1.ConfigMap",
    "io.k8s.api.core.v1.PersistentVolumeClaim",
    "io.k8s.api.core.v1.ServiceAccount",
    "io.k8s.api.networking.v1.NetworkPolicy",
)


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """Return the description with only KINDS in it, and what they refer to."""
    definitions: dict[str, Any] = {}
    pending = list(KINDS)
    while pending:
        wanted = pending.pop()
        if wanted not in definitions:
            definitions[wanted] = _bare(whole["$defs"][wanted])
            pending += [reference.rpartition("/")[2] for reference in _references(definitions[wanted])]
    return {"$schema": whole["$schema"], "$defs": definitions}


def _bare(node: Any) -> Any:
    """Return a copy without descriptions; a property may be called `description`, and stays."""
    if isinstance(node, list):
        return [_bare(each) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: _bare(schema) for name, schema in value.items()} if key == "properties" else _bare(value)
        for key, value in node.items()
        if key != "description" and not key.startswith("x-kubernetes-")
    }


def _references(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _references(each)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)


if __name__ == "__main__":
    description = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(cut(description), indent=1, sort_keys=True)
    Path(__file__).with_name("kubernetes.json").write_text(f"{text}\n", encoding="utf-8")
