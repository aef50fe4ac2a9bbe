"""Makes objects of Kubernetes as an API server returns them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

CREATED = "2026-11-01T08:00:00Z"


def make_digest(number: int) -> str:
    return f"sha256:{number:064x}"


def make_owner(kind: str, name: str, *, is_controller: bool = True) -> dict[str, Any]:
    groups = {"ReplicaSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1", "CronJob": "batch/v1"}
    api_version = groups.get(kind, "example.com/v1")
    return {"apiVersion": api_version, "kind": kind, "name": name, "uid": f"uid-{name}", "controller": is_controller}


def make_metadata(name: str, namespace: str, owner: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "resourceVersion": "1000",
        "creationTimestamp": CREATED,
    }
    return metadata | ({"ownerReferences": [owner]} if owner else {})


def make_state(kind: str) -> dict[str, Any]:
    """Return the state of a container: `running`, `ended`, `crashed` or `waiting`."""
    match kind:
        case "running":
            return {"running": {"startedAt": CREATED}}
        case "ended" | "crashed":
            exit_code = 0 if kind == "ended" else 1
            return {"terminated": {"exitCode": exit_code, "startedAt": CREATED, "finishedAt": CREATED}}
        case _:
            return {"waiting": {"reason": "ContainerCreating"}}


def make_status(name: str, image: str, image_id: str, state: str = "running") -> dict[str, Any]:
    is_running = state == "running"
    return {
        "name": name,
        "image": image,
        "imageID": image_id,
        "ready": is_running,
        "started": is_running,
        "restartCount": 0,
        "state": make_state(state),
    }


def make_pod(
    name: str,
    image: str = "docker.io/library/nginx:1.29",
    image_id: str | None = None,
    *,
    namespace: str = "payments",
    owner: dict[str, Any] | None = None,
    phase: str = "Running",
    state: str = "running",
    container: str = "web",
    inits: Sequence[tuple[str, str, str, str]] = (),
    ephemerals: Sequence[tuple[str, str, str, str]] = (),
    is_deleted: bool = False,
) -> dict[str, Any]:
    """Return a pod. Each of `inits` and `ephemerals` is a name, an image, an image ID and a state."""
    reported = image_id if image_id is not None else f"{image.partition('@')[0].rpartition(':')[0]}@{make_digest(1)}"
    metadata = make_metadata(name, namespace, owner)
    if is_deleted:
        metadata |= {"deletionTimestamp": CREATED, "deletionGracePeriodSeconds": 30}
    pod: dict[str, Any] = {
        "metadata": metadata,
        "spec": {"containers": [{"name": container, "image": image}], "nodeName": "node-1"},
        "status": {
            "phase": phase,
            "startTime": CREATED,
            "containerStatuses": [make_status(container, image, reported, state)],
        },
    }
    if inits:
        pod["spec"]["initContainers"] = [{"name": each[0], "image": each[1]} for each in inits]
        pod["status"]["initContainerStatuses"] = [make_status(*each) for each in inits]
    if ephemerals:
        pod["spec"]["ephemeralContainers"] = [{"name": each[0], "image": each[1]} for each in ephemerals]
        pod["status"]["ephemeralContainerStatuses"] = [make_status(*each) for each in ephemerals]
    return pod


def _make_template(image: str = "docker.io/library/nginx:1.29") -> dict[str, Any]:
    return {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": image}]}}


def make_replica_set(
    name: str, owner: dict[str, Any] | None = None, *, namespace: str = "payments", replicas: int = 1
) -> dict[str, Any]:
    return {
        "metadata": make_metadata(name, namespace, owner),
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": _make_template()},
        "status": {"replicas": replicas},
    }


def make_job(name: str, owner: dict[str, Any] | None = None, *, namespace: str = "payments") -> dict[str, Any]:
    return {"metadata": make_metadata(name, namespace, owner), "spec": {"template": _make_template()}, "status": {}}


def list_paths(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the path to each value in a document."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from list_paths(each, (*path, key))
