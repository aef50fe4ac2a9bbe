"""Content of the emulated Azure Container Registry: images with their times and locks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.demo.images import OCI_MANIFEST, ImageIndex, PlatformImage, compute_digest
from bot.model.image_name import Digest

PUSHED = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)


@dataclass(slots=True)
class ChangeableAttributes:
    """Operations that the owner allows on a tag or a manifest; an image without them is locked."""

    write: bool = True
    delete: bool = True


@dataclass(slots=True)
class AcrManifest:
    """A manifest and the attributes that the registry recorded for it."""

    content: bytes
    media_type: str
    pushed: datetime
    flags: ChangeableAttributes = field(default_factory=ChangeableAttributes)
    artifact_type: str = ""
    subject: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class AcrTag:
    """A tag, and when it came to be and to point where it points."""

    digest: str
    pushed: datetime
    moved: datetime
    flags: ChangeableAttributes = field(default_factory=ChangeableAttributes)


@dataclass(slots=True)
class AcrRepository:
    """One repository."""

    manifests: dict[str, AcrManifest] = field(default_factory=dict)
    tags: dict[str, AcrTag] = field(default_factory=dict)


@dataclass(slots=True)
class AcrContent:
    """All repositories, and the blobs of all."""

    repositories: dict[str, AcrRepository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)

    def push(
        self, item: PlatformImage | ImageIndex, repository: str, tag: str | None = None, at: datetime = PUSHED
    ) -> Digest:
        """Take an image, or an index with its children, and point `tag` to it; return its digest."""
        into = self.repositories.setdefault(repository, AcrRepository())
        images = item.children if isinstance(item, ImageIndex) else (item,)
        for image in images:
            self.blobs |= {compute_digest(blob): blob for blob in image.blobs}
        for each in (*images, item):
            into.manifests.setdefault(each.digest, AcrManifest(each.content, each.media_type, at))
        if tag is not None:
            known = into.tags.get(tag)
            into.tags[tag] = AcrTag(item.digest, known.pushed if known else at, at)
        return item.digest

    def attach(self, repository: str, subject: Digest, artifact_type: str, annotations: Mapping[str, str]) -> Digest:
        """Store an artifact without content whose subject is `subject`."""
        document = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": artifact_type}
        document |= {"subject": {"digest": subject}, "annotations": dict(annotations), "layers": []}
        content = json.dumps(document).encode()
        stored = AcrManifest(content, OCI_MANIFEST, PUSHED, ChangeableAttributes(), artifact_type, subject, annotations)
        self.repositories[repository].manifests[compute_digest(content)] = stored
        return compute_digest(content)
