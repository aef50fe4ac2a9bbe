"""Finds SBOMs that the builder or the publisher attached to an image.

BuildKit lists SBOMs in the index, next to the image that they describe. Other tools attach SBOMs as referrers, which
basebump finds with the referrers API or the referrers tag.
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
from bot.model.image_name import Digest, TagRef, parse_sha256
from bot.registries.auth import RegistryAuthenticator
from bot.registries.endpoints import EndpointDirectory
from bot.registries.manifest import ATTESTATION_ANNOTATION, NotAnImageError, parse_document
from bot.registries.repository_endpoint import find_repository_endpoint, verify_digest
from bot.registry_ports import ArtifactStore

MAX_SBOM_SIZE = 40 * 1024 * 1024
"""The largest SBOM, in bytes. BuildKit has the same limit for an attestation."""
MAX_ATTACHED = 16
"""The largest number of attached manifests that are read. In practice, images have one manifest per type of
attestation."""
MAX_LAYERS = 16
"""The largest number of layers of one attached manifest. BuildKit writes one layer per statement."""
SBOM_TYPES = frozenset(
    {
        "https://spdx.dev/Document",
        "https://cyclonedx.org/bom",
        "application/spdx+json",
        "application/vnd.cyclonedx+json",
    }
)
"""The predicate types of in-toto statements with an SBOM, and the media types of SBOMs without an envelope."""
_ENVELOPE_TYPES = frozenset(
    {
        "application/vnd.in-toto+json",
        "application/vnd.dsse.envelope.v1+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    }
)
"""The media types of envelopes, which may contain statements of any type."""
_PREDICATE_ANNOTATIONS = ("in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType")
"""The annotations that contain the predicate type of a layer or a referrer."""
_SUBJECT_ANNOTATION = "vnd.docker.reference.digest"

_Json = Mapping[str, Any]
Fetched = TypeVar("Fetched")


class SbomFinder:
    """Finds SBOMs that are attached to images. Signatures are not verified."""

    def __init__(
        self, endpoints: EndpointDirectory, authenticator: RegistryAuthenticator, artifacts: ArtifactStore
    ) -> None:
        self._endpoints, self._authenticator, self._artifacts = endpoints, authenticator, artifacts

    def fetch_inventories(
        self, tag_ref: TagRef, digest: Digest, platform: str
    ) -> tuple[frozenset[Digest], Iterator[bytes]]:
        """Return the digests of an image, and the contents of attached blobs that may be the image's SBOM.

        `digest` is the digest of an index, from which the image for `platform` is chosen, or the digest of a single
        image's manifest. The returned digests are those by which an SBOM may name the image. Each blob is fetched only
        when the iterator reaches it. If the index has no image for `platform`, the iterator is empty.

        Raises RegistryError if a request fails, also during the iteration.
        """
        repository_endpoint = find_repository_endpoint(self._endpoints, tag_ref)
        request = repository_endpoint.make_manifest_request(quote(digest, safe=":"))
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status != HTTPStatus.OK:
            raise repository_endpoint.make_refusal_error(response, request)
        verify_digest(repository_endpoint, request, response, digest)
        try:
            manifest = parse_document(digest, response.body, response.headers.get("content-type", "")).manifest
        except NotAnImageError as error:
            raise repository_endpoint.make_not_an_image_error(request, error) from error
        if manifest.kind is ManifestKind.MANIFEST:
            return frozenset({digest}), self._fetch_contents(tag_ref.repository, (), [digest])
        child = find_platform_image(manifest, platform)
        if child is None:
            return frozenset({digest}), iter(())
        attestations = tuple(_list_attestations(_parse_object(response.body), child.digest))
        return frozenset({digest, child.digest}), self._fetch_contents(
            tag_ref.repository, attestations, [child.digest, digest]
        )

    def _fetch_contents(
        self, repository: str, attestations: Iterable[Digest], digests: Iterable[Digest]
    ) -> Iterator[bytes]:
        attached = chain(
            attestations, (found for name in digests for found in self._list_referrer_digests(repository, name))
        )
        for digest in islice(attached, MAX_ATTACHED):
            for layer in self._list_sbom_layers(repository, digest):
                content = _fetch_unless_absent(partial(self._artifacts.fetch_blob, repository, layer, MAX_SBOM_SIZE))
                if content is not None:
                    yield content

    def _list_referrer_digests(self, repository: str, digest: Digest) -> Iterator[Digest]:
        for referrer in self._artifacts.list_referrers(repository, digest):
            if _may_be_sbom(referrer.type, referrer.annotations):
                yield referrer.digest

    def _list_sbom_layers(self, repository: str, digest: Digest) -> Iterator[Blob]:
        """Yield the layers of an attached manifest that may contain an SBOM.

        `digest` is the digest of the attached manifest.

        Raises RegistryError if a request fails.
        """
        artifact = _fetch_unless_absent(partial(self._artifacts.fetch_artifact, repository, digest))
        for layer in artifact.blobs[:MAX_LAYERS] if artifact is not None else ():
            if _may_be_sbom(layer.media_type, layer.annotations):
                yield layer


def _fetch_unless_absent(fetch: Callable[[], Fetched]) -> Fetched | None:
    """Call `fetch`, which requests content from the registry, and return its result.

    Return None if the registry responds that the content does not exist. All other errors are raised as RegistryError.
    """
    try:
        return fetch()
    except RegistryError as error:
        if error.is_absent:
            return None
        raise


def _list_attestations(index: _Json, image: Digest) -> Iterator[Digest]:
    """Yield the digests of the attestation manifests that an index lists for the image with the digest `image`."""
    for descriptor in _filter_objects(index.get("manifests")):
        annotations = descriptor.get("annotations")
        if (
            isinstance(annotations, dict)
            and ATTESTATION_ANNOTATION in annotations
            and annotations.get(_SUBJECT_ANNOTATION) == image
        ):
            attestation = parse_sha256(str(descriptor.get("digest")))
            if attestation is not None:
                yield attestation


def _may_be_sbom(media_type: str, annotations: Mapping[str, str]) -> bool:
    """Return True if a layer or referrer may contain an SBOM, so that basebump should fetch it.

    If `annotations` state the in-toto predicate type of the content, this must be the type of an SBOM. If they do not
    state it, `media_type` must be the type of an SBOM or of a signed envelope. The content of an envelope is unknown
    until the envelope is fetched.
    """
    predicate_types = [annotations[key] for key in _PREDICATE_ANNOTATIONS if key in annotations]
    if predicate_types:
        return any(name in SBOM_TYPES for name in predicate_types)
    return media_type in SBOM_TYPES or media_type in _ENVELOPE_TYPES


def _parse_object(body: bytes) -> _Json:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _filter_objects(values: Any) -> list[_Json]:
    return [each for each in values if isinstance(each, dict)] if isinstance(values, list) else []
