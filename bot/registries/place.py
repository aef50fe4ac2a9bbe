"""Requests about one repository at the endpoint that serves it, and the errors of their responses."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from bot.model.errors import RegistryError
from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.access import Access, Endpoint
from bot.registries.answers import refusal
from bot.registries.auth import Question
from bot.registries.manifest import ACCEPT, NotAnImageError, NotARegistryError

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes; the specification recommends that registries accept manifests of this size."""
MAX_CONFIG = 8 * 1024 * 1024
"""Bytes; configs contain a line of history per layer, and some tools store whole SBOMs in labels."""
MAX_TAG_PAGE = 16 * 1024 * 1024
"""Bytes of one page of tags. A thousand tags of maximum length take 140,000, but Google's registries return all tags
and all digests in one response."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository at the endpoint that serves it."""

    endpoint: Endpoint
    line: TagRef

    @property
    def path(self) -> str:
        return self.endpoint.prefix + self.line.path

    def manifest(self, reference: str, method: str = "GET") -> Question:
        path = f"/v2/{quote(self.path)}/manifests/{reference}"
        return Question(method, path, self.path, MAX_MANIFEST, ACCEPT)

    def tag_list(self, query: str, actions: str) -> Question:
        return Question("GET", f"/v2/{quote(self.path)}/tags/list?{query}", self.path, MAX_TAG_PAGE, actions=actions)

    def no_list(self, why: str, *, is_failure: bool) -> RegistryError:
        message = f"{self.endpoint.host}: {self.path}/tags/list is not a complete list of tags: {why}"
        return RegistryError(self.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)

    def blob(self, digest: Digest, limit: int = MAX_CONFIG) -> Question:
        return Question("GET", f"/v2/{quote(self.path)}/blobs/{digest}", self.path, limit)

    def refusal(self, response: Response, question: Question) -> RegistryError:
        return refusal(self.endpoint, question.asked, response, has_credential=False)

    def not_an_image(self, question: Question, error: NotAnImageError) -> RegistryError:
        message = f"{self.endpoint.host}: {question.asked} is not an image: {error}"
        is_failure = isinstance(error, NotARegistryError)
        return RegistryError(self.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)


def place_of(access: Access, line: TagRef) -> Place:
    """Return the endpoint for the repository of a tag reference.

    Raises RegistryError if the registry's host must not be contacted.
    """
    endpoint = access.endpoint(line.host)
    if endpoint is None:
        message = f"{line.host} is not a known public registry; hint: list it under `registries:` to allow requests"
        raise RegistryError(line.host, Reason.UNREACHABLE, message, is_failure=True)
    return Place(endpoint, line)


def proved(place: Place, question: Question, response: Response, digest: Digest | None) -> Digest:
    """Return the sha256 digest of a response's body, which must equal `digest` if that is given.

    Raises RegistryError.
    """
    found = Digest(f"sha256:{hashlib.sha256(response.body).hexdigest()}")
    if digest is not None and found != digest:
        message = (
            f"{place.endpoint.host} returned {found} for {question.path}; hint: do not use this image, and inform the "
            "registry's operator"
        )
        raise RegistryError(place.endpoint.registry, Reason.DIGEST_MISMATCH, message, is_failure=True)
    return found
