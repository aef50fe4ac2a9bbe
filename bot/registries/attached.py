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

MAX_BLOBS = 1024
"""Blobs of one artifact. cosign keeps all signatures of an image in one artifact, and may add one every day."""
MAX_REFERRERS = 512
"""Limit of the referrers of one image; build systems that attach everything reach about twenty."""


def parse_artifact(digest: Digest, body: bytes) -> Artifact:
    """Parse the manifest of an artifact; `digest` is the digest of `body`. Raises NotAnImageError."""
    document = _object(body)
    layers = document.get("layers", [])
    if not isinstance(layers, list):
        raise NotAnImageError("its `layers` is not a list")
    if len(layers) > MAX_BLOBS:
        raise NotAnImageError(f"it has more than {MAX_BLOBS} layers")
    config = document.get("config")
    kind = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    return Artifact(digest, kind if isinstance(kind, str) else "", tuple(map(_blob, layers)))


def parse_referrers(body: bytes) -> tuple[Referrer, ...]:
    """Parse a list of referrers, without those that have no sha256 digest. Raises NotAnImageError."""
    listed = _object(body).get("manifests")
    if not isinstance(listed, list):
        raise NotAnImageError("its `manifests` is not a list")
    return tuple(_referrers(listed))


def _referrers(listed: list[Any]) -> Iterator[Referrer]:
    for descriptor in listed:
        digest = parse_sha256(str(descriptor.get("digest"))) if isinstance(descriptor, dict) else None
        if digest is not None:
            kind = descriptor.get("artifactType")
            yield Referrer(digest, kind if isinstance(kind, str) else "", _annotations(descriptor))


def _blob(descriptor: Any) -> Blob:
    if not isinstance(descriptor, dict):
        raise NotAnImageError("one of its layers is not an object")
    digest, size = parse_sha256(str(descriptor.get("digest"))), descriptor.get("size")
    if digest is None or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise NotAnImageError("one of its layers has no sha256 digest, or no size")
    return Blob(str(descriptor.get("mediaType")), digest, size, _annotations(descriptor))


def _annotations(descriptor: dict[str, Any]) -> dict[str, str]:
    said = descriptor.get("annotations")
    annotations = said.items() if isinstance(said, dict) else ()
    return {key: value for key, value in annotations if isinstance(value, str)}


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("it is not JSON") from None
    if not isinstance(document, dict):
        raise NotARegistryError("it is not a JSON object")
    return document
