"""Parses manifests and indexes from bytes whose digest was verified. This module does no I/O.

https://github.com/opencontainers/image-spec/blob/main/manifest.md, …/image-index.md, …/descriptor.md
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bot.model.image import ChildManifest, Manifest, ManifestKind
from bot.model.image_name import Digest, parse_sha256
from bot.net import sanitize_text

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
"""The media type of an index, and also of a list of referrers."""
INDEX_TYPES = (
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
"""Requests always accept all four media types. If fewer are accepted, some registries convert manifests or choose among
them: they respond with 404 for an existing image, return the linux/amd64 manifest for an index, or generate a schema 1
manifest with another digest."""
CONFIG_TYPES = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
    }
)
"""The media types of the configs of images. Charts, policies and signatures have other types."""
GENERIC_TYPES = frozenset({"", "application/json", "application/octet-stream", "text/plain"})
"""The Content-Type values of servers that do not know the type. The document itself then determines its type."""
ATTESTATION_ANNOTATION = "vnd.docker.reference.type"
"""https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md"""
ATTESTATION_TYPE = "attestation-manifest"
ATTESTATION_SUBJECT = "vnd.docker.reference.digest"
NO_PLATFORM = "unknown/unknown"
MAX_CHILDREN = 200
"""The largest number of descriptors in one index. The largest known indexes have about a hundred, including
attestations. Without this limit, four megabytes could hold 20,000 descriptors, and every descriptor is compared with
every descriptor of another index."""

_PLATFORM_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class NotAnImageError(Exception):
    """The bytes are not an image. The message gives the reason and may be shown to users."""


class NotARegistryError(NotAnImageError):
    """The response does not come from a registry; it is, for example, a login page or the error page of a proxy."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """The entry of an index for BuildKit's statements about one of the index's images."""

    digest: Digest
    subject: str
    """The digest of the image; empty if the entry does not state it."""


@dataclass(frozen=True, slots=True)
class ManifestDocument:
    """A parsed manifest or index. A manifest also has the digest of its config and the total size of its layers."""

    manifest: Manifest
    config_digest: Digest | None = None
    """The digest of the image's config; None for an index."""
    layers_size: int = 0
    """The total size of the manifest's layers in bytes, as stated in the manifest."""
    attestations: tuple[Attestation, ...] = ()
    """The attestations in an index; empty for a single manifest."""


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Parse a response that must be a JSON object. Raises NotARegistryError if it is not."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        raise NotARegistryError("the response is not JSON") from None
    if not isinstance(document, dict):
        raise NotARegistryError("the response is not a JSON object")
    return document


def parse_media_type(header: str) -> str:
    """Return the media type of a Content-Type header, in lower case and without parameters."""
    return header.partition(";")[0].strip().lower()


def parse_document(digest: Digest, body: bytes, content_type: str) -> ManifestDocument:
    """Parse `body` as a manifest or an index.

    `digest` is the digest of `body`. `content_type` is the Content-Type header of the response.

    Raises NotAnImageError if `body` is neither a manifest nor an index, or if its types contradict each other.
    """
    document = parse_json_object(body)
    kind, media_type = _detect_kind(document, parse_media_type(content_type))
    if kind is ManifestKind.MANIFEST:
        return ManifestDocument(
            Manifest(digest, kind, media_type, (), _parse_annotations(document)),
            _parse_config_digest(document),
            _sum_layer_sizes(document),
        )
    return ManifestDocument(
        Manifest(digest, kind, media_type, _parse_children(document), _parse_annotations(document)),
        attestations=tuple(_parse_attestations(document["manifests"])),
    )


def _detect_kind(document: dict[str, Any], header_type: str) -> tuple[ManifestKind, str]:
    """Return whether a document is an index or a manifest, and its media type.

    `header_type` is the media type in the response's Content-Type header. This type must agree with the field
    `mediaType` and with the other fields of the document. If it did not, two clients could interpret the same bytes as
    different images (CVE-2021-41190).

    Raises NotAnImageError if the types do not agree, or if the document is neither an index nor a manifest.
    """
    document_type = document.get("mediaType", "")
    if not isinstance(document_type, str):
        raise NotAnImageError("the field `mediaType` of the manifest is not a string")
    stated_types = {header_type, document_type} - GENERIC_TYPES
    unknown = sorted(sanitize_text(word) for word in stated_types.difference(INDEX_TYPES, MANIFEST_TYPES))
    if document.get("schemaVersion") == 1 or any("manifest.v1+" in word for word in unknown):
        raise NotAnImageError(
            "the manifest has the obsolete schema 1, whose digest does not identify the image; hint: "
            "push the image again"
        )
    if unknown:
        raise NotAnImageError(f"the manifest has the unsupported type {unknown[0]}")
    if len(stated_types) > 1:
        raise NotAnImageError("the Content-Type header and the field `mediaType` of the manifest contradict each other")
    is_index, is_manifest = "manifests" in document, "config" in document or "layers" in document
    if is_index == is_manifest:
        raise NotAnImageError(
            "the document is neither an index nor a manifest"
            if not is_index
            else "the document is both an index and a manifest"
        )
    types = INDEX_TYPES if is_index else MANIFEST_TYPES
    media_type = stated_types.pop() if stated_types else types[0]
    if media_type not in types:
        raise NotAnImageError(
            f"the manifest states the type {media_type}, but does not have the structure of this type"
        )
    return (ManifestKind.INDEX if is_index else ManifestKind.MANIFEST), media_type


def _parse_children(document: dict[str, Any]) -> tuple[ChildManifest, ...]:
    descriptors = document["manifests"]
    if not isinstance(descriptors, list):
        raise NotAnImageError("the field `manifests` of the index is not a list")
    if len(descriptors) > MAX_CHILDREN:
        raise NotAnImageError(f"the index lists {len(descriptors)} images, more than the limit of {MAX_CHILDREN}")
    children = (_parse_child(descriptor) for descriptor in descriptors)
    return tuple(child for child in children if child is not None)


def _parse_child(descriptor: Any) -> ChildManifest | None:
    """Parse an entry in the field `manifests` of an index. Return None for an attestation, because it is not an image.

    Raises NotAnImageError if the entry is invalid.
    """
    if not isinstance(descriptor, dict):
        raise NotAnImageError("an entry in the field `manifests` of the index is not an object")
    annotations = _parse_annotations(descriptor)
    platform = _parse_platform(descriptor.get("platform"))
    if platform == NO_PLATFORM or ATTESTATION_ANNOTATION in dict(annotations):
        return None
    return ChildManifest(_parse_digest(descriptor), platform, annotations)


def _parse_attestations(descriptors: list[dict[str, Any]]) -> Iterator[Attestation]:
    for descriptor in descriptors:
        annotations = dict(_parse_annotations(descriptor))
        digest = parse_sha256(str(descriptor.get("digest")))
        if annotations.get(ATTESTATION_ANNOTATION) == ATTESTATION_TYPE and digest is not None:
            yield Attestation(digest, annotations.get(ATTESTATION_SUBJECT, ""))


def _parse_config_digest(document: dict[str, Any]) -> Digest:
    descriptor = document.get("config")
    if not isinstance(descriptor, dict):
        raise NotAnImageError("the manifest has no `config`")
    config_type = str(descriptor.get("mediaType"))
    if config_type not in CONFIG_TYPES:
        raise NotAnImageError(
            f"the config has the type {sanitize_text(config_type)}, which is not the type of an image's config"
        )
    return _parse_digest(descriptor)


def _sum_layer_sizes(document: dict[str, Any]) -> int:
    layers = document.get("layers")
    sizes = [layer.get("size") for layer in layers if isinstance(layer, dict)] if isinstance(layers, list) else []
    return sum(size for size in sizes if isinstance(size, int) and size > 0)


def _parse_digest(descriptor: dict[str, Any]) -> Digest:
    digest = parse_sha256(str(descriptor.get("digest")))
    if digest is None:
        raise NotAnImageError("a descriptor of the manifest has no sha256 digest")
    return digest


def _parse_platform(platform: Any) -> str | None:
    if not isinstance(platform, dict):
        return None
    return format_platform(platform)


def format_platform(document: dict[str, Any]) -> str | None:
    """Return `os/architecture[/variant]` from a platform object or an image's config.

    Return None if the operating system or the architecture is missing, or if any part is invalid.
    """
    parts = [document.get("os"), document.get("architecture")]
    if document.get("variant"):
        parts.append(document["variant"])
    if all(isinstance(word, str) and _PLATFORM_PART.fullmatch(word) for word in parts):
        return "/".join(map(str, parts))
    return None


def _parse_annotations(document: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    annotations = document.get("annotations")
    if not isinstance(annotations, dict):
        return ()
    return tuple((key, value) for key, value in annotations.items() if isinstance(value, str))
