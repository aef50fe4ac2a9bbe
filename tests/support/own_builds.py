"""Builds of own images for tests: layers on a base image, labels, and provenance as BuildKit attaches it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from bot.demo.images import (
    OCI_INDEX,
    ImageIndex,
    ImageLayer,
    PlatformImage,
    build_artifact,
    build_image,
    build_layer,
)
from bot.model.image_name import Digest

BUILT_AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
PREFIX = "org.opencontainers.image."


def make_layers(*words: str) -> list[ImageLayer]:
    """Return a layer for each word. Equal words are equal layers."""
    return [build_layer({f"opt/{word}": word.encode()}) for word in words]


def make_image(*words: str, labels: Mapping[str, str] | None = None, platform: str = "linux/amd64", created=BUILT_AT):
    """Return an image with a layer for each word. The names of labels have no prefix."""
    named = {f"{PREFIX}{key}": value for key, value in (labels or {}).items()}
    return build_image(make_layers(*words), labels=named, platform=platform, created=created)


def state_provenance(
    subject: Digest, source: str, dockerfile: str, bases: Sequence[tuple[str, Digest]] = (), revision: str = "c" * 40
) -> bytes:
    """Return the provenance statement of a build from a git URL, in version 0.2."""
    folder, _, filename = dockerfile.rpartition("/")
    metadata = {"source": source, "revision": revision, "localdir:dockerfile": folder or "."}
    predicate = {
        "invocation": {"configSource": {"entryPoint": filename}},
        "materials": [{"uri": f"pkg:docker/{name}", "digest": {"sha256": digest[7:]}} for name, digest in bases],
        "metadata": {"https://mobyproject.org/buildkit@v1#metadata": {"vcs": metadata}},
    }
    statement = {
        "subject": [{"name": "_", "digest": {"sha256": subject[7:]}}],
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": predicate,
    }
    return json.dumps(statement).encode()


def attach_provenance(image: PlatformImage, statement: bytes) -> ImageIndex:
    """Return an index with an image and its attestation, as BuildKit writes it."""
    annotations = {"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"}
    layer = ImageLayer(statement, "application/vnd.in-toto+json", annotations)
    attestation = build_artifact("application/vnd.oci.image.config.v1+json", [layer])
    amd64 = {"os": "linux", "architecture": "amd64"}
    entries = [
        {"mediaType": image.media_type, "digest": image.digest, "size": len(image.content), "platform": amd64},
        {
            "mediaType": attestation.media_type,
            "digest": attestation.digest,
            "size": len(attestation.content),
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {
                "vnd.docker.reference.type": "attestation-manifest",
                "vnd.docker.reference.digest": image.digest,
            },
        },
    ]
    content = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return ImageIndex(json.dumps(content).encode(), OCI_INDEX, (image, attestation))
