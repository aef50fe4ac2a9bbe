"""Parses manifests of artifacts and lists of referrers. Pure.

https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bot.model.artifact import Artifact, Blob, Referrer
from bot.model.reference import Digest, parse_sha256
from bot.registries.manifest import NotAnImageError, NotARegistryError

MAX_BLOB_COUNT = 1024
"""Blobs of one artifact. cosign keeps all signatures of an image in one artifact, and may add one every day."""
MAX_REFERRER_COUNT = 512
"""Limit of the referrers of one image; build systems that attach everything reach about twenty."""


def parse_artifact(digest: Digest, body: bytes) -> Artifact:
    """Parse the manifest of an artifact; `digest` is the digest of `body`. Raises NotAnImageError."""
    document = _parse_object(body)
    layers = document.get("layers", [])
    if not isinstance(layers, list):
        raise NotAnImageError("its `layers` is not a list")
    if len(layers) > MAX_BLOB_COUNT:
        raise NotAnImageError(f"it has more than {MAX_BLOB_COUNT} layers")
    config = document.get("config")
    artifact_type = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    return Artifact(digest, artifact_type if isinstance(artifact_type, str) else "", tuple(map(_parse_blob, layers)))


def parse_referrers(body: bytes) -> tuple[Referrer, ...]:
    """Parse a list of referrers, without those that have no sha256 digest. Raises NotAnImageError."""
    listed = _parse_object(body).get("manifests")
    if not isinstance(listed, list):
        raise NotAnImageError("its `manifests` is not a list")
    return tuple(_parse_referrers(listed))


def _parse_referrers(descriptors: list[Any]) -> Iterator[Referrer]:
    for descriptor in descriptors:
        digest = parse_sha256(str(descriptor.get("digest"))) if isinstance(descriptor, dict) else None
        if digest is not None:
            artifact_type = descriptor.get("artifactType")
            yield Referrer(
                digest, artifact_type if isinstance(artifact_type, str) else "", _parse_annotations(descriptor)
            )


def _parse_blob(descriptor: Any) -> Blob:
    if not isinstance(descriptor, dict):
        raise NotAnImageError("one of its layers is not an object")
    digest, size = parse_sha256(str(descriptor.get("digest"))), descriptor.get("size")
    if digest is None or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise NotAnImageError("one of its layers has no sha256 digest, or no size")
    return Blob(str(descriptor.get("mediaType")), digest, size, _parse_annotations(descriptor))


def _parse_annotations(descriptor: dict[str, Any]) -> dict[str, str]:
    listed = descriptor.get("annotations")
    annotations = listed.items() if isinstance(listed, dict) else ()
    return {key: value for key, value in annotations if isinstance(value, str)}


def _parse_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("it is not JSON") from None
    if not isinstance(document, dict):
        raise NotARegistryError("it is not a JSON object")
    return document
