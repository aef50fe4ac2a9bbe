"""Made-up images that only tests need: small images, and variants with Docker media types and attestations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from bot.demo.images import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    DemoPackage,
    ImageIndex,
    ImageLayer,
    PlatformImage,
    build_artifact,
    build_debian_root,
    build_image,
    build_layer,
)

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

_DOCKER_IMAGE_TYPES = {
    OCI_MANIFEST: DOCKER_MANIFEST,
    OCI_CONFIG: "application/vnd.docker.container.image.v1+json",
    OCI_LAYER: "application/vnd.docker.image.rootfs.diff.tar",
}
_IN_TOTO = "application/vnd.in-toto+json"

Item = TypeVar("Item", PlatformImage, ImageIndex)


def build_debian_image(content: str) -> PlatformImage:
    """Return a Debian image with one package. Different words give different digests."""
    return build_image([build_layer(build_debian_root("12.7", [DemoPackage("base-files", content)]))])


def convert_to_docker(item: Item) -> Item:
    """Return an image or an index with the media types of Docker's schema 2; the images of an index stay the same."""
    media_types = {OCI_INDEX: DOCKER_INDEX} if isinstance(item, ImageIndex) else _DOCKER_IMAGE_TYPES
    content = item.content
    for oci, docker in media_types.items():
        content = content.replace(f'"{oci}"'.encode(), f'"{docker}"'.encode())
    return replace(item, content=content, media_type=media_types[item.media_type])


def add_attestation(index: ImageIndex, subject: PlatformImage, attestation: PlatformImage | None = None) -> ImageIndex:
    """Return an index with an attestation for one of its images, as BuildKit adds it; it cannot be run.

    https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
    """
    if attestation is None:
        statement = {"_type": "https://in-toto.io/Statement/v0.1", "subject": [], "predicate": {}}
        attestation = build_artifact(_IN_TOTO, [ImageLayer(json.dumps(statement).encode(), _IN_TOTO)])
    descriptor = {
        "mediaType": attestation.media_type,
        "digest": attestation.digest,
        "size": len(attestation.content),
        "annotations": {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": subject.digest,
        },
        "platform": {"os": "unknown", "architecture": "unknown"},
    }
    document = json.loads(index.content)
    document["manifests"].append(descriptor)
    return replace(index, content=json.dumps(document).encode(), children=(*index.children, attestation))


def annotate_descriptors(index: ImageIndex, annotations: Mapping[str, str]) -> ImageIndex:
    """Return an index whose descriptors of images have these annotations, as Docker's official images have."""
    document = json.loads(index.content)
    for descriptor in document["manifests"]:
        descriptor["annotations"] = dict(annotations)
    return replace(index, content=json.dumps(document).encode())
