"""Fetches manifests and configs of images from the distribution API, verifies their digests, and keeps manifests."""

from __future__ import annotations

import threading
from http import HTTPStatus
from urllib.parse import quote

from bot.model.image_name import Digest
from bot.net import Response
from bot.registries import facts
from bot.registries.auth import RegistryAuthenticator, RegistryRequest
from bot.registries.manifest import ManifestDocument, NotAnImageError, parse_document
from bot.registries.repository_endpoint import RepositoryEndpoint, verify_digest

MAX_DOCUMENTS = 512
"""The largest number of parsed manifests that are cached, so that describing an image does not fetch its manifest
again."""


class ManifestDocuments:
    """The manifests and configs of images. Thread-safe.

    Methods raise RegistryError if a request fails, or if the content is not valid.
    """

    def __init__(self, authenticator: RegistryAuthenticator) -> None:
        self._authenticator = authenticator
        self._lock = threading.Lock()
        self._documents: dict[Digest, ManifestDocument] = {}

    def get(self, repository_endpoint: RepositoryEndpoint, digest: Digest) -> ManifestDocument:
        """Return the manifest `digest`, which is fetched unless it is cached."""
        with self._lock:
            document = self._documents.get(digest)
        return document or self.fetch(repository_endpoint, digest, digest)

    def fetch(self, repository_endpoint: RepositoryEndpoint, reference: str, digest: Digest | None) -> ManifestDocument:
        """Fetch and parse a manifest. If `digest` is given, the content must have this digest.

        `reference` is a tag or a digest.
        """
        request = repository_endpoint.make_manifest_request(quote(reference, safe=":"))
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        return self.read_response(repository_endpoint, request, response, digest)

    def read_response(
        self,
        repository_endpoint: RepositoryEndpoint,
        request: RegistryRequest,
        response: Response,
        digest: Digest | None,
    ) -> ManifestDocument:
        """Parse a response that should contain a manifest. If `digest` is given, the content must have this digest."""
        if response.status != HTTPStatus.OK:
            raise repository_endpoint.make_refusal_error(response, request)
        found_digest = verify_digest(repository_endpoint, request, response, digest)
        try:
            document = parse_document(found_digest, response.body, response.headers.get("content-type", ""))
        except NotAnImageError as error:
            raise repository_endpoint.make_not_an_image_error(request, error) from error
        with self._lock:
            if len(self._documents) >= MAX_DOCUMENTS:
                self._documents.clear()
            self._documents[found_digest] = document
        return document

    def fetch_config(self, repository_endpoint: RepositoryEndpoint, digest: Digest | None) -> facts.ConfigFacts | None:
        """Fetch the config of an image. Return None if `digest` is None."""
        if digest is None:
            return None
        request = repository_endpoint.make_blob_request(digest)
        response = self._authenticator.send_request(repository_endpoint.endpoint, request)
        if response.status != HTTPStatus.OK:
            raise repository_endpoint.make_refusal_error(response, request)
        verify_digest(repository_endpoint, request, response, digest)
        try:
            return facts.parse_config(response.body)
        except NotAnImageError as error:
            raise repository_endpoint.make_not_an_image_error(request, error) from error
