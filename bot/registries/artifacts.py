"""Fetches signatures, attestations and other artifacts that are attached to images.

https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from bot.model.artifact import Artifact, Blob, Referrer
from bot.model.errors import RegistryError
from bot.model.image_name import Digest, TagRef, parse_sha256
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.auth import RegistryAuthenticator, RegistryRequest
from bot.registries.endpoints import EndpointDirectory
from bot.registries.manifest import OCI_INDEX, NotAnImageError, NotARegistryError, parse_json_object, parse_media_type
from bot.registries.repository_endpoint import (
    MAX_MANIFEST_SIZE,
    RepositoryEndpoint,
    find_repository_endpoint,
    verify_digest,
)
from bot.registries.tag_list import parse_next_page

MAX_BLOB_COUNT = 1024
"""The largest number of layers of one artifact. cosign keeps all signatures of an image in one artifact, and users may
add a signature every day."""
MAX_REFERRER_COUNT = 512
"""The largest number of referrers of one image. Build systems that attach every kind of artifact attach about
twenty."""


def parse_artifact(digest: Digest, body: bytes) -> Artifact:
    """Parse the manifest of an artifact. `digest` is the digest of `body`.

    Raises NotAnImageError if the manifest is invalid or has more than MAX_BLOB_COUNT layers.
    """
    document = parse_json_object(body)
    layers = document.get("layers", [])
    if not isinstance(layers, list):
        raise NotAnImageError("the field `layers` of the manifest is not a list")
    if len(layers) > MAX_BLOB_COUNT:
        raise NotAnImageError(f"the manifest has more than {MAX_BLOB_COUNT} layers")
    config = document.get("config")
    artifact_type = document.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    return Artifact(digest, artifact_type if isinstance(artifact_type, str) else "", tuple(map(_parse_blob, layers)))


def parse_referrers(body: bytes) -> tuple[Referrer, ...]:
    """Parse the response of the referrers API. Referrers without a sha256 digest are left out.

    Raises NotAnImageError if the response is not a valid list of referrers.
    """
    listed = parse_json_object(body).get("manifests")
    if not isinstance(listed, list):
        raise NotAnImageError("the field `manifests` of the list of referrers is not a list")
    return tuple(_parse_referrers(listed))


def _parse_referrers(descriptors: list[Any]) -> Iterator[Referrer]:
    for descriptor in descriptors:
        digest = parse_sha256(str(descriptor.get("digest"))) if isinstance(descriptor, dict) else None
        if digest is not None:
            artifact_type = descriptor.get("artifactType")
            yield Referrer(
                digest, artifact_type if isinstance(artifact_type, str) else "", _parse_annotations(descriptor)
            )


def _parse_blob(descriptor: Any) -> Blob:
    if not isinstance(descriptor, dict):
        raise NotAnImageError("a layer of the manifest is not an object")
    digest, size = parse_sha256(str(descriptor.get("digest"))), descriptor.get("size")
    if digest is None or not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise NotAnImageError("a layer of the manifest lacks a sha256 digest or a valid size")
    return Blob(str(descriptor.get("mediaType")), digest, size, _parse_annotations(descriptor))


def _parse_annotations(descriptor: dict[str, Any]) -> dict[str, str]:
    listed = descriptor.get("annotations")
    annotations = listed.items() if isinstance(listed, dict) else ()
    return {key: value for key, value in annotations if isinstance(value, str)}


MAX_BLOB_SIZE = 4 * 1024 * 1024
"""The largest blob, in bytes. A signature has about 1,000 bytes; with its certificates and the proof of a log, about
10,000."""
MAX_PAGES = 10
"""The largest number of pages in a list of referrers. No known registry sends more than one page per image."""
HOSTS_WITHOUT_REFERRERS_API = frozenset({"ghcr.io"})
"""Hosts whose referrers API is not used. GHCR redirects such requests to a page of github.com, which then rate-limits
the client."""
UNSUPPORTED_STATUSES = frozenset({400, 404, 405, 406, 501})
"""The statuses with which registries without a referrers API respond. Registries with this API return an empty list for
an image without referrers. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers"""


class OciArtifacts:
    """Fetches artifacts that are attached to images. Implements `bot.registry_ports.ArtifactStore`. Thread-safe."""

    def __init__(self, endpoints: EndpointDirectory, authenticator: RegistryAuthenticator) -> None:
        self._endpoints = endpoints
        self._authenticator = authenticator

    def fetch_tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to, or None if the tag does not exist.

        Raises RegistryError if a request fails.
        """
        repository_endpoint = self._find_repository_endpoint(repository)
        request = repository_endpoint.make_manifest_request(quote(tag, safe=""))
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        return (
            None
            if response.status == HTTPStatus.NOT_FOUND
            else _read_artifact(repository_endpoint, request, response, None)
        )

    def list_referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return all referrers of a digest.

        If the registry has no referrers API, the referrers are read from the index at the referrers tag, such as
        `sha256-<hex>`.

        Raises RegistryError if a request fails, or if there are more than MAX_REFERRER_COUNT referrers.
        """
        repository_endpoint = self._find_repository_endpoint(repository)
        first = (
            None
            if repository_endpoint.endpoint.host in HOSTS_WITHOUT_REFERRERS_API
            else self._fetch_page(repository_endpoint, digest, "")
        )
        if first is None:
            return self._fetch_referrers_tag(repository_endpoint, digest)
        found, query = first
        for _ in range(MAX_PAGES):
            if query is None and len(found) <= MAX_REFERRER_COUNT:
                return found
            page = self._fetch_page(repository_endpoint, digest, f"?{query}") if query is not None else None
            if page is None:
                break
            found, query = (*found, *page[0]), page[1]
        why = NotAnImageError("the list is longer than the limit, or a page is missing")
        subject = f"the list of referrers of {repository_endpoint.path}@{digest}"
        raise _make_unreadable_error(repository_endpoint, subject, why)

    def fetch_artifact(self, repository: str, digest: Digest) -> Artifact:
        """Fetch an artifact by its digest, and verify the digest. Raises RegistryError if a request fails."""
        repository_endpoint = self._find_repository_endpoint(repository)
        request = repository_endpoint.make_manifest_request(digest)
        return _read_artifact(
            repository_endpoint,
            request,
            self._authenticator.send_request(repository_endpoint.endpoint, request),
            digest,
        )

    def fetch_blob(self, repository: str, blob: Blob, limit: int = MAX_BLOB_SIZE) -> bytes:
        """Fetch a blob of an artifact, and verify its digest.

        Raises RegistryError if the request fails, or if the blob has more than `limit` bytes.
        """
        repository_endpoint = self._find_repository_endpoint(repository)
        request = repository_endpoint.make_blob_request(blob.digest, limit)
        if blob.size > limit:
            raise _make_unreadable_error(
                repository_endpoint, request.description, NotAnImageError(f"the blob has more than {limit} bytes")
            )
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status != HTTPStatus.OK:
            raise repository_endpoint.make_refusal_error(response, request)
        verify_digest(repository_endpoint, request, response, blob.digest)
        return response.body

    def _fetch_page(
        self, repository_endpoint: RepositoryEndpoint, digest: Digest, query: str
    ) -> tuple[tuple[Referrer, ...], str | None] | None:
        """Return the referrers on one page of the referrers API, and the query string of the next page.

        On the last page, the query string is None. `query` is the query string of the page to fetch, beginning with
        `?`; it is empty for the first page. Return None instead of a pair if the registry has no referrers API.

        Raises RegistryError if a request fails.
        """
        route = f"/v2/{quote(repository_endpoint.path)}/referrers/{digest}{query}"
        request = RegistryRequest("GET", route, repository_endpoint.path, MAX_MANIFEST_SIZE, accept=OCI_INDEX)
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status in UNSUPPORTED_STATUSES:
            return None
        if response.status != HTTPStatus.OK:
            raise repository_endpoint.make_refusal_error(response, request)
        if parse_media_type(response.headers.get("content-type", "")) != OCI_INDEX:  # such as an HTML page
            return None
        try:
            return parse_referrers(response.body), parse_next_page(response.headers.get("link", ""))
        except NotAnImageError as error:
            raise _make_unreadable_error(repository_endpoint, request.description, error) from error

    def _fetch_referrers_tag(self, repository_endpoint: RepositoryEndpoint, digest: Digest) -> tuple[Referrer, ...]:
        """Return the referrers in the index at the referrers tag, or an empty tuple if the tag does not exist.

        In a registry without a referrers API, the clients that attach artifacts update the index at the tag
        `sha256-<hex>`.

        Raises RegistryError if a request fails.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
        """
        request = repository_endpoint.make_manifest_request(str(digest).replace(":", "-"))
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status == HTTPStatus.NOT_FOUND:
            return ()
        if response.status != HTTPStatus.OK:
            raise repository_endpoint.make_refusal_error(response, request)
        try:
            found = parse_referrers(response.body)
        except NotAnImageError as error:
            raise _make_unreadable_error(repository_endpoint, request.description, error) from error
        if len(found) > MAX_REFERRER_COUNT:
            raise _make_unreadable_error(
                repository_endpoint,
                request.description,
                NotAnImageError(f"the list has more than {MAX_REFERRER_COUNT} referrers"),
            )
        return found

    def _find_repository_endpoint(self, repository: str) -> RepositoryEndpoint:
        return find_repository_endpoint(self._endpoints, TagRef(repository, ""))


def _read_artifact(
    repository_endpoint: RepositoryEndpoint, request: RegistryRequest, response: Response, digest: Digest | None
) -> Artifact:
    if response.status != HTTPStatus.OK:
        raise repository_endpoint.make_refusal_error(response, request)
    found = verify_digest(repository_endpoint, request, response, digest)
    try:
        return parse_artifact(found, response.body)
    except NotAnImageError as error:
        raise _make_unreadable_error(repository_endpoint, request.description, error) from error


def _make_unreadable_error(
    repository_endpoint: RepositoryEndpoint, subject: str, error: NotAnImageError
) -> RegistryError:
    message = f"{repository_endpoint.endpoint.host}: cannot read {subject}: {error}"
    is_failure = isinstance(error, NotARegistryError)
    return RegistryError(repository_endpoint.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)
