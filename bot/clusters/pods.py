"""Parses pods: the images that their containers run, and the object that owns them. All functions are pure.

The fields are those of https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.model.errors import InvalidReferenceError
from bot.model.image_name import DEFAULT_TAG, Digest, ImageName, parse_sha256

POD = "Pod"
MAX_CONTAINERS = 1000
"""The maximum number of containers of one kind that are read of a pod. No node runs a pod with so many containers. But
whoever can create pods in a namespace can create such a pod, which then waits for a node forever."""
MAX_NAME = 253
"""The maximum number of characters of a name: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/"""
_NODE = "Node"
_ACTIVE_PHASES = ("Pending", "Running")
_SUCCEEDED = "Succeeded"
_CONTAINERS = (
    ("containerStatuses", "containers"),
    ("initContainerStatuses", "initContainers"),
    ("ephemeralContainerStatuses", "ephemeralContainers"),
)
"""The keys of the status of containers, and the keys of their specification."""
_INIT_STATUSES = "initContainerStatuses"
_DIGEST_AT_END = re.compile(r"@(sha256:[0-9a-f]{64})$", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """An object that owns pods, or a pod without an owner."""

    namespace: str
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class PodImage:
    """An image that a container of a pod runs."""

    container: str
    repository: str
    tag: str | None
    digest: Digest | None
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class PodImages:
    """The images that the containers of a pod run, or have run."""

    images: tuple[PodImage, ...] = ()
    has_ended: bool = False
    """True if the pod ended successfully, as the pods of Jobs do."""


class InvalidObjectError(Exception):
    """An object does not have the form that Kubernetes documents."""


def parse_owner(item: dict[str, Any], kind: str = POD) -> Owner:
    """Return the object that controls `item`. If no object controls it, return `item` itself, as a `kind`.

    A node controls its static pods, but a team does not deploy nodes. Therefore a static pod is its own workload.
    Whoever can create pods in a namespace can write any text as their owner, because the server does not check the
    owner. An owner whose kind or name is not valid in Kubernetes is ignored, so that no tenant can make the reading
    fail. Raises InvalidObjectError if `item` does not have the documented form.
    """
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        raise InvalidObjectError
    namespace, name = _require_name(metadata, "namespace"), _require_name(metadata, "name")
    references = metadata.get("ownerReferences")
    for each in references if isinstance(references, list) else ():
        if not isinstance(each, dict) or each.get("controller") is not True or each.get("kind") == _NODE:
            continue
        owner_kind, owner_name = _get_name(each, "kind"), _get_name(each, "name")
        if owner_kind is not None and owner_name is not None:
            return Owner(namespace, owner_kind, owner_name)
    return Owner(namespace, kind, name)


def parse_name(item: dict[str, Any], kind: str) -> Owner:
    """Return an object of the kind `kind` as an owner of other objects.

    Raises InvalidObjectError if the object has no valid name.
    """
    metadata = item.get("metadata")
    if not isinstance(metadata, dict):
        raise InvalidObjectError
    return Owner(_require_name(metadata, "namespace"), kind, _require_name(metadata, "name"))


def parse_pod_images(pod: dict[str, Any], find_origin: Callable[[str], str]) -> PodImages:
    """Return the images that the containers of a pod run, or have run if the pod ended successfully.

    If the pod has not ended, a container counts while it runs. An init container also counts after it has ended. All
    other containers that do not run are left out: those that have not started, and those that wait for a restart after
    a crash. A pod that failed or is being deleted is left out. On a lost node, a pod that is being deleted would remain
    forever.

    `find_origin` returns the repository upstream of a mirror or cache, or its argument.

    Raises InvalidObjectError if the pod does not have the documented form.
    """
    metadata, status, spec = pod.get("metadata"), pod.get("status"), pod.get("spec")
    if not isinstance(metadata, dict) or not isinstance(spec, dict):
        raise InvalidObjectError
    if not isinstance(status, dict) or metadata.get("deletionTimestamp"):
        return PodImages()
    has_succeeded = status.get("phase") == _SUCCEEDED
    if not has_succeeded and status.get("phase") not in _ACTIVE_PHASES:
        return PodImages()
    return PodImages(tuple(_list_images(status, spec, find_origin, has_succeeded=has_succeeded)), has_succeeded)


def _list_images(
    status: dict[str, Any], spec: dict[str, Any], find_origin: Callable[[str], str], *, has_succeeded: bool
) -> Iterator[PodImage]:
    for status_key, spec_key in _CONTAINERS:
        references = {
            each["name"]: each.get("image")
            for each in _list_mappings(spec.get(spec_key))
            if isinstance(each.get("name"), str)
        }
        may_have_ended = has_succeeded or status_key == _INIT_STATUSES
        for each in _list_mappings(status.get(status_key)):
            has_started, started_at = _parse_start(each.get("state"), may_have_ended=may_have_ended)
            if not has_started:
                continue
            name = _require_name(each, "name")
            written = references.get(name) or each.get("image")
            image = parse_image(written, each.get("imageID"), find_origin)
            if image is not None:
                yield PodImage(name, *image, started_at)


def parse_image(
    written: object, image_id: object, find_origin: Callable[[str], str]
) -> tuple[str, str | None, Digest | None] | None:
    """Return the repository, tag and digest of a container's image; None if the image has no usable name.

    The repository is taken from the specification, because runtimes report an arbitrary name if an image has several
    names. The runtime reports the digest in one of these forms:

    - containerd, CRI-O: `docker.io/library/nginx@sha256:…`
    - Docker: `docker-pullable://nginx@sha256:…`
    - `sha256:…`, `docker://sha256:…` or 64 digits are the digest of the image's config, which no registry knows. In
      this case, the digest in the specification is used, because the runtime pulled exactly this digest. If the
      specification has no digest, the result has none.
    """
    reported = _parse_reference(image_id.rpartition("://")[2]) if isinstance(image_id, str) else None
    specified = _parse_reference(written) if isinstance(written, str) else None
    named = specified or (reported if _get_digest(reported) is not None else None)  # an image ID can look like a name
    if named is None:
        return None
    digest = _get_digest(reported) or _get_digest(specified)
    tag = named.tag or (DEFAULT_TAG if specified is not None and specified.digest is None else None)
    return find_origin(named.repository), tag, digest


def _get_digest(image: ImageName | None) -> Digest | None:
    return parse_sha256(image.digest) if image is not None and image.digest is not None else None


def _parse_reference(text: str) -> ImageName | None:
    if not text or text.startswith("sha256:"):
        return None
    try:
        return ImageName.parse(text)
    except InvalidReferenceError:
        return None


def _parse_start(state: object, *, may_have_ended: bool) -> tuple[bool, datetime | None]:
    """Return True and the start time of a container if it runs, or if `may_have_ended` is True and it has run."""
    if not isinstance(state, dict):
        return False, None
    running, terminated = state.get("running"), state.get("terminated")
    if isinstance(running, dict):
        return True, _parse_time(running.get("startedAt"))
    if may_have_ended and isinstance(terminated, dict) and terminated.get("startedAt"):
        return True, _parse_time(terminated.get("startedAt"))
    return False, None


def _parse_time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo is not None else None
    except (ValueError, OverflowError):  # a time in the year 1 or 9999 may not exist in UTC
        return None


def _list_mappings(value: object) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidObjectError
    return [each for each in value[:MAX_CONTAINERS] if isinstance(each, dict)]


def _require_name(mapping: dict[str, Any], key: str) -> str:
    name = _get_name(mapping, key)
    if name is None:
        raise InvalidObjectError
    return name


def _get_name(mapping: dict[str, Any], key: str) -> str | None:
    """Return a name; None if it is not a name that Kubernetes allows."""
    name = mapping.get(key)
    is_usable = isinstance(name, str) and len(name) <= MAX_NAME and _NAME.fullmatch(name) is not None
    return name if is_usable else None
