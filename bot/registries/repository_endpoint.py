"""Requests for one repository at the endpoint that serves the repository, and the errors for the responses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from bot.model.errors import RegistryError
from bot.model.image_name import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.auth import RegistryRequest
from bot.registries.endpoints import EndpointDirectory, RegistryEndpoint
from bot.registries.manifest import ACCEPT, NotAnImageError, NotARegistryError
from bot.registries.response_errors import make_refusal_error

MAX_MANIFEST_SIZE = 4 * 1024 * 1024
"""The largest manifest, in bytes. The specification recommends that registries accept manifests of this size."""
MAX_CONFIG_SIZE = 8 * 1024 * 1024
"""The largest config, in bytes. Configs contain a line of history per layer, and some tools store whole SBOMs in
labels."""
MAX_TAG_PAGE_SIZE = 16 * 1024 * 1024
"""The largest page of tags, in bytes. A thousand tags of maximum length take 140,000 bytes, but Google's registries
return all tags and all digests in one response."""


@dataclass(frozen=True, slots=True)
class RepositoryEndpoint:
    """A repository, and the endpoint to which requests for the repository are sent."""

    endpoint: RegistryEndpoint
    tag_ref: TagRef

    @property
    def path(self) -> str:
        return self.endpoint.prefix + self.tag_ref.path

    def make_manifest_request(self, reference: str, method: str = "GET") -> RegistryRequest:
        path = f"/v2/{quote(self.path)}/manifests/{reference}"
        return RegistryRequest(method, path, self.path, MAX_MANIFEST_SIZE, ACCEPT)

    def make_tag_list_request(self, query: str, actions: str) -> RegistryRequest:
        return RegistryRequest(
            "GET", f"/v2/{quote(self.path)}/tags/list?{query}", self.path, MAX_TAG_PAGE_SIZE, actions=actions
        )

    def make_tag_list_error(self, reason: str, *, is_failure: bool) -> RegistryError:
        message = f"{self.endpoint.host}: {self.path}/tags/list is not a complete list of tags: {reason}"
        return RegistryError(self.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)

    def make_blob_request(self, digest: Digest, limit: int = MAX_CONFIG_SIZE) -> RegistryRequest:
        return RegistryRequest("GET", f"/v2/{quote(self.path)}/blobs/{digest}", self.path, limit)

    def make_refusal_error(self, response: Response, request: RegistryRequest) -> RegistryError:
        return make_refusal_error(self.endpoint, request.description, response, has_credential=False)

    def make_not_an_image_error(self, request: RegistryRequest, error: NotAnImageError) -> RegistryError:
        message = f"{self.endpoint.host}: {request.description} is not an image: {error}"
        is_failure = isinstance(error, NotARegistryError)
        return RegistryError(self.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)


def find_repository_endpoint(endpoints: EndpointDirectory, tag_ref: TagRef) -> RepositoryEndpoint:
    """Return the endpoint for the repository of a tag reference.

    Raises RegistryError if basebump must not contact the registry's host.
    """
    endpoint = endpoints.find_endpoint(tag_ref.host)
    if endpoint is None:
        message = f"{tag_ref.host} is not a known public registry; hint: list it under `registries:` to allow requests"
        raise RegistryError(tag_ref.host, Reason.UNREACHABLE, message, is_failure=True)
    return RepositoryEndpoint(endpoint, tag_ref)


def verify_digest(
    repository_endpoint: RepositoryEndpoint, request: RegistryRequest, response: Response, digest: Digest | None
) -> Digest:
    """Return the sha256 digest of a response's body.

    `digest` is the expected digest. If it is None, any digest is accepted.

    Raises RegistryError if the body has another digest than expected.
    """
    actual_digest = Digest(f"sha256:{hashlib.sha256(response.body).hexdigest()}")
    if digest is not None and actual_digest != digest:
        message = (
            f"{repository_endpoint.endpoint.host} returned {actual_digest} for {request.path}; "
            "hint: do not use this image, and inform the "
            "registry's operator"
        )
        raise RegistryError(repository_endpoint.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True)
    return actual_digest
