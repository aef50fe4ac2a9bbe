"""Fetches signatures, attestations and other artifacts that are attached to images."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from bot.model.artifact import Artifact, Blob, Referrer
from bot.model.errors import RegistryError
from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.access import Access
from bot.registries.attached import MAX_REFERRERS, parse_artifact, parse_referrers
from bot.registries.auth import Authenticator, Question
from bot.registries.manifest import OCI_INDEX, NotAnImageError, NotARegistryError, media_type
from bot.registries.place import MAX_MANIFEST, Place, place_of, proved
from bot.registries.taglist import next_page

MAX_BLOB = 4 * 1024 * 1024
"""Bytes; a signature takes about a thousand, with all its certificates and a log's proof ten thousand."""
MAX_PAGES = 10
"""Limit of the pages of a referrers list; no registry is known to send more than one page per image."""
WITHOUT_REFERRERS_API = frozenset({"ghcr.io"})
"""Hosts whose referrers API is not used: GHCR redirects to a page of github.com, which then rate-limits the client."""
NO_SUCH_ROUTE = frozenset({400, 404, 405, 406, 501})
"""Statuses of registries without a referrers API; with the API, an image without referrers has an empty list.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""


class OciArtifacts:
    """Implements `bot.ports.ArtifactStore`. Thread-safe."""

    def __init__(self, access: Access, authenticator: Authenticator) -> None:
        self._access = access
        self._authenticator = authenticator

    def fetch_tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to; None if the tag does not exist. Raises RegistryError."""
        place = self._place(repository)
        question = place.manifest(quote(tag, safe=""))
        response = self._authenticator.ask(place.endpoint, question)
        return None if response.status == HTTPStatus.NOT_FOUND else _artifact(place, question, response, None)

    def list_referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the referrers of a digest, from all pages.

        If the registry has no referrers API, the referrers tag is read instead. Raises RegistryError, also if there
        are more referrers than the limit.
        """
        place = self._place(repository)
        first = None if place.endpoint.host in WITHOUT_REFERRERS_API else self._page(place, digest, "")
        if first is None:
            return self._stand_in(place, digest)
        found, query = first
        for _ in range(MAX_PAGES):
            if query is None and len(found) <= MAX_REFERRERS:
                return found
            page = self._page(place, digest, f"?{query}") if query is not None else None
            if page is None:
                break
            found, query = (*found, *page[0]), page[1]
        why = NotAnImageError("the list is longer than the limit, or a page is missing")
        raise _odd(place, f"the referrers of {place.path}@{digest}", why)

    def fetch_artifact(self, repository: str, digest: Digest) -> Artifact:
        """Fetch an artifact by digest, and verify the digest. Raises RegistryError."""
        place = self._place(repository)
        question = place.manifest(digest)
        return _artifact(place, question, self._authenticator.ask(place.endpoint, question), digest)

    def fetch_blob(self, repository: str, blob: Blob, limit: int = MAX_BLOB) -> bytes:
        """Fetch a blob of an artifact, and verify its digest. Raises RegistryError, also if it exceeds `limit`."""
        place = self._place(repository)
        question = place.blob(blob.digest, limit)
        if blob.size > limit:
            raise _odd(place, question.asked, NotAnImageError(f"it has more than {limit} bytes"))
        response = self._authenticator.ask(place.endpoint, question)
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        proved(place, question, response, blob.digest)
        return response.body

    def _page(self, place: Place, digest: Digest, query: str) -> tuple[tuple[Referrer, ...], str | None] | None:
        """Return one page and the query of the next page; None if the registry has no referrers API."""
        route = f"/v2/{quote(place.path)}/referrers/{digest}{query}"
        question = Question("GET", route, place.path, MAX_MANIFEST, accept=OCI_INDEX)
        response = self._authenticator.ask(place.endpoint, question)
        if response.status in NO_SUCH_ROUTE:
            return None
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        if media_type(response.headers.get("content-type", "")) != OCI_INDEX:  # an HTML page, for instance
            return None
        try:
            return parse_referrers(response.body), next_page(response.headers.get("link", ""))
        except NotAnImageError as error:
            raise _odd(place, question.asked, error) from error

    def _stand_in(self, place: Place, digest: Digest) -> tuple[Referrer, ...]:
        """Return the referrers in the index behind the referrers tag, which clients keep if a registry has no API.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
        """
        question = place.manifest(str(digest).replace(":", "-"))
        response = self._authenticator.ask(place.endpoint, question)
        if response.status == HTTPStatus.NOT_FOUND:
            return ()
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        try:
            found = parse_referrers(response.body)
        except NotAnImageError as error:
            raise _odd(place, question.asked, error) from error
        if len(found) > MAX_REFERRERS:
            raise _odd(place, question.asked, NotAnImageError(f"it has more than {MAX_REFERRERS} referrers"))
        return found

    def _place(self, repository: str) -> Place:
        return place_of(self._access, TagRef(repository, ""))


def _artifact(place: Place, question: Question, response: Response, digest: Digest | None) -> Artifact:
    if response.status != HTTPStatus.OK:
        raise place.refusal(response, question)
    found = proved(place, question, response, digest)
    try:
        return parse_artifact(found, response.body)
    except NotAnImageError as error:
        raise _odd(place, question.asked, error) from error


def _odd(place: Place, asked: str, error: NotAnImageError) -> RegistryError:
    message = f"{place.endpoint.host}: cannot read {asked}: {error}"
    is_failure = isinstance(error, NotARegistryError)
    return RegistryError(place.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)
