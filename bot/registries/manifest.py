"""Parses manifests and indexes from bytes whose digest was verified. Pure.

https://github.com/opencontainers/image-spec/blob/main/manifest.md, …/image-index.md, …/descriptor.md
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from bot.model.image import ChildManifest, Manifest, ManifestKind
from bot.model.reference import Digest, parse_sha256
from bot.net import plain

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
"""Also the media type of lists of referrers."""
INDEX_TYPES = (
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
"""Always all four media types. With fewer, registries convert or choose: they answer 404 for an image that exists,
return the linux/amd64 manifest for an index, or generate a schema 1 manifest with a digest of its own."""
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
"""Config media types of images; charts, policies and signatures have others."""
VAGUE_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
"""Content types of servers that do not know the type; then the document itself decides."""
ATTESTATION = "vnd.docker.reference.type"
"""https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md"""
NO_PLATFORM = "unknown/unknown"
MAX_CHILDREN = 200
"""Descriptors of one index. The largest known indexes have about a hundred, attestations included. Four megabytes could
hold twenty thousand, and every descriptor is compared with every descriptor of another index."""

_PLATFORM_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NotAnImageError(Exception):
    """Bytes that are not an image; the text says why, and is fit for a message."""


class NotARegistryError(NotAnImageError):
    """A response that cannot be a registry's, such as a login page or a proxy's error page."""


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed manifest or index, with the fields that only image descriptions need."""

    manifest: Manifest
    config: Digest | None = None
    """Digest of the config; only for the manifest of one platform."""
    size: int = 0
    """Total size in bytes of the manifest's layers, as the manifest claims."""


def media_type(header: str) -> str:
    """Return the media type of a Content-Type header, in lower case and without parameters."""
    return header.partition(";")[0].strip().lower()


def parse_document(digest: Digest, body: bytes, content_type: str) -> Document:
    """Parse `body`, whose digest is `digest`, as a manifest or an index. Raises NotAnImageError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("it is not JSON") from None
    if not isinstance(document, dict):
        raise NotARegistryError("it is not a JSON object")
    kind, named = _kind(document, media_type(content_type))
    if kind is ManifestKind.MANIFEST:
        return Document(Manifest(digest, kind, named, (), _annotations(document)), _config(document), _size(document))
    return Document(Manifest(digest, kind, named, _children(document), _annotations(document)))


def _kind(document: dict[str, Any], declared: str) -> tuple[ManifestKind, str]:
    """Return the kind and the media type of a document; its header, its mediaType and its shape must agree.

    A document that can be read as both an index and a manifest would be two images (CVE-2021-41190).
    """
    inside = document.get("mediaType", "")
    if not isinstance(inside, str):
        raise NotAnImageError("its mediaType is not a string")
    says = {declared, inside} - VAGUE_TYPES
    unknown = sorted(plain(word) for word in says.difference(INDEX_TYPES, MANIFEST_TYPES))
    if document.get("schemaVersion") == 1 or any("manifest.v1+" in word for word in unknown):
        raise NotAnImageError("it is a schema 1 manifest, whose digest does not name the image; hint: push it again")
    if unknown:
        raise NotAnImageError(f"it is of type {unknown[0]}")
    if len(says) > 1:
        raise NotAnImageError("its Content-Type and its mediaType contradict each other")
    is_index, is_manifest = "manifests" in document, "config" in document or "layers" in document
    if is_index == is_manifest:
        raise NotAnImageError(
            "it is neither an index nor a manifest" if not is_index else "it is both an index and a manifest"
        )
    types = INDEX_TYPES if is_index else MANIFEST_TYPES
    named = says.pop() if says else types[0]
    if named not in types:
        raise NotAnImageError(f"its type is {named}, but it has another structure")
    return (ManifestKind.INDEX if is_index else ManifestKind.MANIFEST), named


def _children(document: dict[str, Any]) -> tuple[ChildManifest, ...]:
    listed = document["manifests"]
    if not isinstance(listed, list):
        raise NotAnImageError("its `manifests` is not a list")
    if len(listed) > MAX_CHILDREN:
        raise NotAnImageError(f"it lists {len(listed)} images, more than the limit of {MAX_CHILDREN}")
    children = (_child(descriptor) for descriptor in listed)
    return tuple(child for child in children if child is not None)


def _child(descriptor: Any) -> ChildManifest | None:
    """Parse a descriptor of an index; None for an attestation."""
    if not isinstance(descriptor, dict):
        raise NotAnImageError("one of its descriptors is not an object")
    annotations = _annotations(descriptor)
    platform = _platform(descriptor.get("platform"))
    if platform == NO_PLATFORM or ATTESTATION in dict(annotations):
        return None
    return ChildManifest(_digest(descriptor), platform, annotations)


def _config(document: dict[str, Any]) -> Digest:
    descriptor = document.get("config")
    if not isinstance(descriptor, dict):
        raise NotAnImageError("it has no `config`")
    found = str(descriptor.get("mediaType"))
    if found not in CONFIG_TYPES:
        raise NotAnImageError(f"its config is of type {plain(found)}, which is not an image's")
    return _digest(descriptor)


def _size(document: dict[str, Any]) -> int:
    layers = document.get("layers")
    sizes = [layer.get("size") for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
    return sum(size for size in sizes if isinstance(size, int) and size > 0)


def _digest(descriptor: dict[str, Any]) -> Digest:
    digest = parse_sha256(str(descriptor.get("digest")))
    if digest is None:
        raise NotAnImageError("one of its descriptors has no sha256 digest")
    return digest


def _platform(platform: Any) -> str | None:
    if not isinstance(platform, dict):
        return None
    return platform_of(platform)


def platform_of(document: dict[str, Any]) -> str | None:
    """Return `os/architecture[/variant]` of a platform or a config, or None if a part is missing or invalid."""
    words = [document.get("os"), document.get("architecture")]
    if document.get("variant"):
        words.append(document["variant"])
    if all(isinstance(word, str) and _PLATFORM_WORD.fullmatch(word) for word in words):
        return "/".join(map(str, words))
    return None


def _annotations(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    found = document.get("annotations")
    if not isinstance(found, dict):
        return ()
    return tuple((key, value) for key, value in found.items() if isinstance(value, str))
