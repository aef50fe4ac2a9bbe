"""Reading manifests and indexes: from bytes that were hashed to what they say, or why they are no image. Pure.

https://github.com/opencontainers/image-spec/blob/main/manifest.md, …/image-index.md, …/descriptor.md
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from bot.model.image import Child, Kind, Manifest
from bot.model.reference import Digest, parse_sha256
from bot.net import plain

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
"""What lists of referrers are, too."""
INDEX_TYPES = (
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
"""All four, always. With less, registries convert or choose: they answer 404 for an image that is there, the manifest
of linux/amd64 for an index, or a schema 1 manifest made up on the spot, whose digest nobody else has."""
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
"""What makes a manifest an image, and not a chart, a policy or a signature."""
VAGUE_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
"""What servers say that do not know; the document then speaks for itself."""
ATTESTATION = "vnd.docker.reference.type"
"""https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md"""
NO_PLATFORM = "unknown/unknown"
MAX_CHILDREN = 200
"""Descriptors of one index. The largest that are known have about a hundred, attestations included; four megabytes hold
twenty thousand, each of which is compared with each of another index."""

_PLATFORM_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NotAnImageError(Exception):
    """Bytes that are no image; the text says why, and is fit for a message."""


class NotARegistryError(NotAnImageError):
    """The answer is of no kind that a registry gives: a login page, a proxy's apology."""


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest with what only describing it needs."""

    manifest: Manifest
    config: Digest | None = None
    """Of the manifest of one platform."""
    size: int = 0
    """Bytes of all layers of that manifest, as it claims."""


def media_type(header: str) -> str:
    """Return a Content-Type without its parameters, in lower case."""
    return header.partition(";")[0].strip().lower()


def parse_document(digest: Digest, body: bytes, content_type: str) -> Document:
    """Read `body`, which has `digest`, as the registry declared it. Raises NotAnImageError."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("it is not JSON") from None
    if not isinstance(document, dict):
        raise NotARegistryError("it is not a JSON object")
    kind, named = _kind(document, media_type(content_type))
    if kind is Kind.MANIFEST:
        return Document(Manifest(digest, kind, named, (), _annotations(document)), _config(document), _size(document))
    return Document(Manifest(digest, kind, named, _children(document), _annotations(document)))


def _kind(document: dict[str, Any], declared: str) -> tuple[Kind, str]:
    """Find out what the document is from its header, its mediaType and its shape, which must agree.

    A document that can be read as both an index and a manifest names two images (CVE-2021-41190).
    """
    inside = document.get("mediaType", "")
    if not isinstance(inside, str):
        raise NotAnImageError("its mediaType is no text")
    says = {declared, inside} - VAGUE_TYPES
    unknown = sorted(plain(word) for word in says.difference(INDEX_TYPES, MANIFEST_TYPES))
    if document.get("schemaVersion") == 1 or any("manifest.v1+" in word for word in unknown):
        raise NotAnImageError("it is a schema 1 manifest, whose digest is no name for the image; push it anew")
    if unknown:
        raise NotAnImageError(f"it is of type {unknown[0]}")
    if len(says) > 1:
        raise NotAnImageError("its Content-Type and its mediaType contradict each other")
    is_index, is_manifest = "manifests" in document, "config" in document or "layers" in document
    if is_index == is_manifest:
        raise NotAnImageError("it is neither an index nor a manifest" if not is_index else "it is index and manifest")
    types = INDEX_TYPES if is_index else MANIFEST_TYPES
    named = says.pop() if says else types[0]
    if named not in types:
        raise NotAnImageError(f"it is called {named} and does not look like one")
    return (Kind.INDEX if is_index else Kind.MANIFEST), named


def _children(document: dict[str, Any]) -> tuple[Child, ...]:
    listed = document["manifests"]
    if not isinstance(listed, list):
        raise NotAnImageError("its `manifests` are no list")
    if len(listed) > MAX_CHILDREN:
        raise NotAnImageError(f"it lists {len(listed)} images, and no more than {MAX_CHILDREN} are read")
    children = (_child(descriptor) for descriptor in listed)
    return tuple(child for child in children if child is not None)


def _child(descriptor: Any) -> Child | None:
    """Read a descriptor; None where it is an attestation."""
    if not isinstance(descriptor, dict):
        raise NotAnImageError("one of its descriptors is no object")
    annotations = _annotations(descriptor)
    platform = _platform(descriptor.get("platform"))
    if platform == NO_PLATFORM or ATTESTATION in dict(annotations):
        return None
    return Child(_digest(descriptor), platform, annotations)


def _config(document: dict[str, Any]) -> Digest:
    descriptor = document.get("config")
    if not isinstance(descriptor, dict):
        raise NotAnImageError("it has no `config`")
    found = str(descriptor.get("mediaType"))
    if found not in CONFIG_TYPES:
        raise NotAnImageError(f"its config is of type {plain(found)}, which no image has")
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
    """Return `os/architecture[/variant]` of a platform or a config, None where it has none that can be written."""
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
