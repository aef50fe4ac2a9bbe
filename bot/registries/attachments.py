"""Finds SBOMs that the builder or the publisher attached to an image.

BuildKit lists them in the index, next to the image that they describe. Other tools attach them as referrers, found with
the referrers API or the referrers tag.
https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, TypeVar
from urllib.parse import quote

from bot.core.choice.platforms import find_platform_image
from bot.model.artifact import Blob
from bot.model.errors import RegistryError
from bot.model.image import ManifestKind
from bot.model.reference import Digest, TagRef, parse_sha256
from bot.ports import ArtifactStore
from bot.registries.access import Access
from bot.registries.auth import Authenticator
from bot.registries.manifest import ATTESTATION, NotAnImageError, parse_document
from bot.registries.place import place_of, proved

MAX_INVENTORY = 40 * 1024 * 1024
"""Bytes; BuildKit's own limit for an attestation."""
MAX_ATTACHED = 16
"""Limit of the attached manifests that are read; images in practice have one per type of attestation."""
MAX_LAYERS = 16
"""Limit of the layers of one attached manifest; BuildKit writes one per statement."""
SBOM_TYPES = frozenset(
    {
        "https://spdx.dev/Document",
        "https://cyclonedx.org/bom",
        "application/spdx+json",
        "application/vnd.cyclonedx+json",
    }
)
"""in-toto predicate types, and media types of SBOMs that are attached without an envelope."""
_WRAPPED = frozenset(
    {
        "application/vnd.in-toto+json",
        "application/vnd.dsse.envelope.v1+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    }
)
"""Media types of envelopes, which may hold any statement."""
_PREDICATES = ("in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType")
"""Annotations that hold the predicate type of a layer or a referrer."""
_REFERS_TO = "vnd.docker.reference.digest"

_Json = Mapping[str, Any]
Fetched = TypeVar("Fetched")


class Attachments:
    """Finds SBOMs attached to images. Verifies no signatures."""

    def __init__(self, access: Access, authenticator: Authenticator, artifacts: ArtifactStore) -> None:
        self._access, self._authenticator, self._artifacts = access, authenticator, artifacts

    def fetch_inventories(self, tag_ref: TagRef, digest: Digest, platform: str) -> tuple[frozenset[Digest], Iterator[bytes]]:
        """Return the digests of a platform's image, and the contents of blobs that may be SBOMs of it.

        The contents are fetched one at a time, as the iterator is consumed. `digest` is that of the index or of the
        manifest. Raises RegistryError, also during the iteration.
        """
        place = place_of(self._access, tag_ref)
        question = place.manifest(quote(digest, safe=":"))
        response = self._authenticator.ask(place.endpoint, question)
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        proved(place, question, response, digest)
        try:
            manifest = parse_document(digest, response.body, response.headers.get("content-type", "")).manifest
        except NotAnImageError as error:
            raise place.not_an_image(question, error) from error
        if manifest.kind is ManifestKind.MANIFEST:
            return frozenset({digest}), self._fetched(tag_ref.repository, (), [digest])
        child = find_platform_image(manifest, platform)
        if child is None:
            return frozenset({digest}), iter(())
        beside = tuple(_beside(_object(response.body), child.digest))
        return frozenset({digest, child.digest}), self._fetched(tag_ref.repository, beside, [child.digest, digest])

    def _fetched(self, repository: str, beside: Iterable[Digest], names: Iterable[Digest]) -> Iterator[bytes]:
        attached = chain(beside, (found for name in names for found in self._referring(repository, name)))
        for each in islice(attached, MAX_ATTACHED):
            for layer in self._layers(repository, each):
                content = _unless_lost(partial(self._artifacts.fetch_blob, repository, layer, MAX_INVENTORY))
                if content is not None:
                    yield content

    def _referring(self, repository: str, digest: Digest) -> Iterator[Digest]:
        for each in self._artifacts.list_referrers(repository, digest):
            if _may_be(each.type, each.annotations):
                yield each.digest

    def _layers(self, repository: str, digest: Digest) -> Iterator[Blob]:
        """Yield the layers of an attached manifest that may be SBOMs."""
        found = _unless_lost(partial(self._artifacts.fetch_artifact, repository, digest))
        for layer in found.blobs[:MAX_LAYERS] if found is not None else ():
            if _may_be(layer.media_type, layer.annotations):
                yield layer


def _unless_lost(fetch: Callable[[], Fetched]) -> Fetched | None:
    """Call `fetch`; return None if the registry no longer has the content. Raises RegistryError."""
    try:
        return fetch()
    except RegistryError as error:
        if error.is_absent:
            return None
        raise


def _beside(index: _Json, image: Digest) -> Iterator[Digest]:
    """Yield the digests of the attestations that an index lists for one of its images."""
    for descriptor in _objects(index.get("manifests")):
        annotations = descriptor.get("annotations")
        if isinstance(annotations, dict) and ATTESTATION in annotations and annotations.get(_REFERS_TO) == image:
            found = parse_sha256(str(descriptor.get("digest")))
            if found is not None:
                yield found


def _may_be(media_type: str, annotations: Mapping[str, str]) -> bool:
    """Return True if the predicate type names an SBOM, or if there is none and the media type may hold one."""
    named = [annotations[key] for key in _PREDICATES if key in annotations]
    if named:
        return any(name in SBOM_TYPES for name in named)
    return media_type in SBOM_TYPES or media_type in _WRAPPED


def _object(body: bytes) -> _Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(found: Any) -> list[_Json]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
