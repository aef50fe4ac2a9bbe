"""One repository at the endpoint that answers for it: the questions about it, and the errors they may have."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from urllib.parse import quote

from bot.model.errors import RegistryError
from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.access import Access, Endpoint
from bot.registries.answers import refusal
from bot.registries.auth import Question
from bot.registries.manifest import ACCEPT, NotAnImageError, NotARegistryError

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes; what the specification asks registries to take."""
MAX_CONFIG = 8 * 1024 * 1024
"""Bytes; configs hold a line of history for each layer, and some tools put whole inventories into labels."""
MAX_TAG_PAGE = 16 * 1024 * 1024
"""Bytes of one page of tags; a thousand of the longest take 140,000, and Google's registries send all tags at once,
and all digests beside them."""


@dataclass(frozen=True, slots=True)
class Place:
    """One repository at the endpoint that answers for it."""

    endpoint: Endpoint
    line: Line

    @property
    def path(self) -> str:
        return self.endpoint.prefix + self.line.path

    def manifest(self, reference: str, method: str = "GET") -> Question:
        path = f"/v2/{quote(self.path)}/manifests/{reference}"
        return Question(method, path, self.path, MAX_MANIFEST, ACCEPT)

    def tag_list(self, query: str, actions: str) -> Question:
        return Question("GET", f"/v2/{quote(self.path)}/tags/list?{query}", self.path, MAX_TAG_PAGE, actions=actions)

    def no_list(self, why: str, *, is_failure: bool) -> RegistryError:
        message = f"what {self.endpoint.host} has at {self.path}/tags/list is no list of all tags: {why}"
        return RegistryError(self.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)

    def blob(self, digest: Digest, limit: int = MAX_CONFIG) -> Question:
        return Question("GET", f"/v2/{quote(self.path)}/blobs/{digest}", self.path, limit)

    def refusal(self, response: Response, question: Question) -> RegistryError:
        return refusal(self.endpoint, question.asked, response, has_credential=False)

    def not_an_image(self, question: Question, error: NotAnImageError) -> RegistryError:
        message = f"what {self.endpoint.host} has at {question.asked} is no image: {error}"
        is_failure = isinstance(error, NotARegistryError)
        return RegistryError(self.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)


def place_of(access: Access, line: Line) -> Place:
    """Return where to ask about a line. Raises RegistryError where its host is not to be contacted."""
    endpoint = access.endpoint(line.host)
    if endpoint is None:
        message = f"{line.host} is no registry that is well known; list it under `registries:` to have it asked"
        raise RegistryError(line.host, Reason.UNREACHABLE, message, is_failure=True)
    return Place(endpoint, line)


def proved(place: Place, question: Question, response: Response, digest: Digest | None) -> Digest:
    """Return the digest of the body, after comparing it with the one that was asked for, if any.

    Raises RegistryError.
    """
    found = Digest(f"sha256:{hashlib.sha256(response.body).hexdigest()}")
    if digest is not None and found != digest:
        message = f"{place.endpoint.host} served {found} for {question.path}; do not use it, and tell who runs it"
        raise RegistryError(place.endpoint.registry, Reason.DIGEST_MISMATCH, message, is_failure=True)
    return found
