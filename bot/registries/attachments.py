"""What is attached to an image: the inventories (SBOMs) that its builder or its publisher put beside it.

BuildKit lists them in the index, next to the image they are about; others attach them as referrers, found by the
referrers API or under the tag that stands in for it.
https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from itertools import chain, islice
from typing import Any, Final
from urllib.parse import quote

from bot.core.platforms import image_for
from bot.model.image import Kind
from bot.model.reference import Digest, Line, parse_sha256
from bot.registries.access import Access
from bot.registries.auth import Authenticator, Question
from bot.registries.manifest import ATTESTATION, NotAnImageError, parse_document
from bot.registries.place import MAX_MANIFEST, Place, place_of, proved

MAX_INVENTORY: Final = 40 * 1024 * 1024
"""Bytes; what BuildKit itself allows an attestation."""
MAX_ATTACHED: Final = 16
"""Attached manifests that are looked into; real images have one for each kind of attestation."""
MAX_LAYERS: Final = 16
"""Of one of them; BuildKit has one for each statement."""
SBOM_TYPES: Final = frozenset(
    {
        "https://spdx.dev/Document",
        "https://cyclonedx.org/bom",
        "application/spdx+json",
        "application/vnd.cyclonedx+json",
    }
)
"""Predicate types of in-toto, and media types of what is attached as it is."""
_WRAPPED: Final = frozenset(
    {
        "application/vnd.in-toto+json",
        "application/vnd.dsse.envelope.v1+json",
        "application/vnd.dev.sigstore.bundle.v0.3+json",
    }
)
"""Media types that may hold any statement."""
_PREDICATES: Final = ("in-toto.io/predicate-type", "predicateType", "dev.sigstore.bundle.predicateType")
"""Annotations that tell which kind of statement a layer or a referrer is."""
_NO_REFERRERS: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
"""What registries answer that have no such API."""
_REFERS_TO: Final = "vnd.docker.reference.digest"

_Json = Mapping[str, Any]


class Attachments:
    """Finds what is attached to images; nothing of it is verified here."""

    def __init__(self, access: Access, authenticator: Authenticator) -> None:
        self._access, self._authenticator = access, authenticator

    def inventories(self, line: Line, digest: Digest, platform: str) -> tuple[frozenset[Digest], Iterator[bytes]]:
        """Return the names of the image of a platform, and what may be inventories of it, fetched one after another.

        `digest` is the index or the manifest. Raises RegistryError, also while they are fetched.
        """
        place = place_of(self._access, line)
        question = place.manifest(quote(digest, safe=":"))
        response = self._authenticator.ask(place.endpoint, question)
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        proved(place, question, response, digest)
        try:
            manifest = parse_document(digest, response.body, response.headers.get("content-type", "")).manifest
        except NotAnImageError as error:
            raise place.not_an_image(question, error) from error
        if manifest.kind is Kind.MANIFEST:
            return frozenset({digest}), self._fetched(place, (), [digest])
        child = image_for(manifest, platform)
        if child is None:
            return frozenset({digest}), iter(())
        beside = tuple(_beside(_object(response.body), child.digest))
        return frozenset({digest, child.digest}), self._fetched(place, beside, [child.digest, digest])

    def _fetched(self, place: Place, beside: Iterable[Digest], names: Iterable[Digest]) -> Iterator[bytes]:
        attached = chain(beside, (found for name in names for found in self._referrers(place, name)))
        for each in islice(attached, MAX_ATTACHED):
            for layer in self._layers(place, each):
                content = self._get(place, replace(place.blob(layer), limit=MAX_INVENTORY), layer)
                if content is not None:
                    yield content

    def _get(self, place: Place, question: Question, digest: Digest) -> bytes | None:
        """Fetch a part of what is attached; None where the registry lost it."""
        response = self._authenticator.ask(place.endpoint, question)
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        proved(place, question, response, digest)
        return response.body

    def _referrers(self, place: Place, digest: Digest) -> Iterator[Digest]:
        """Yield what refers to `digest` and may be an inventory: by the API, else under the tag in its place."""
        api = Question("GET", f"/v2/{quote(place.path)}/referrers/{digest}", place.path, MAX_MANIFEST)
        for question in (api, place.manifest(digest.replace(":", "-"))):
            response = self._authenticator.ask(place.endpoint, question)
            if response.status == HTTPStatus.OK:
                yield from _referring(_object(response.body))
                return
            if response.status not in _NO_REFERRERS:
                raise place.refusal(response, question)

    def _layers(self, place: Place, digest: Digest) -> Iterator[Digest]:
        """Yield the layers of something attached that may be inventories."""
        body = self._get(place, place.manifest(quote(digest, safe=":")), digest)
        for layer in _objects(_object(body or b"").get("layers"))[:MAX_LAYERS]:
            found = parse_sha256(str(layer.get("digest")))
            if found is not None and _may_be(layer, str(layer.get("mediaType"))):
                yield found


def _beside(index: _Json, image: Digest) -> Iterator[Digest]:
    """Yield the attestations that an index lists for one of its images."""
    for descriptor in _objects(index.get("manifests")):
        annotations = _annotations(descriptor)
        if ATTESTATION in annotations and annotations.get(_REFERS_TO) == image:
            found = parse_sha256(str(descriptor.get("digest")))
            if found is not None:
                yield found


def _referring(index: _Json) -> Iterator[Digest]:
    for descriptor in _objects(index.get("manifests")):
        found = parse_sha256(str(descriptor.get("digest")))
        if found is not None and _may_be(descriptor, str(descriptor.get("artifactType"))):
            yield found


def _may_be(descriptor: _Json, media_type: str) -> bool:
    """Say whether something is called an inventory, or is called nothing and may hold one."""
    annotations = _annotations(descriptor)
    named = [annotations[key] for key in _PREDICATES if key in annotations]
    if named:
        return any(name in SBOM_TYPES for name in named)
    return media_type in SBOM_TYPES or media_type in _WRAPPED


def _annotations(descriptor: _Json) -> Mapping[str, str]:
    found = descriptor.get("annotations")
    return {key: value for key, value in found.items() if isinstance(value, str)} if isinstance(found, dict) else {}


def _object(body: bytes) -> _Json:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _objects(found: Any) -> list[_Json]:
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
