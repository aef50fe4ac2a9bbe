"""Asking registries for what is attached to images, with the client and the credentials of all other questions."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from bot.model.artifact import Artifact, Blob, Referrer
from bot.model.errors import RegistryError
from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.access import Access
from bot.registries.attached import MAX_REFERRERS, parse_artifact, parse_referrers
from bot.registries.auth import Authenticator, Question
from bot.registries.manifest import OCI_INDEX, NotAnImageError, NotARegistryError, media_type
from bot.registries.place import MAX_MANIFEST, Place, place_of, proved
from bot.registries.taglist import next_page

MAX_BLOB = 4 * 1024 * 1024
"""Bytes; a signature has some thousand, with all its certificates and a log's proof ten thousand."""
MAX_PAGES = 10
"""Of referrers; no registry is known to send more than one for an image."""
WITHOUT_REFERRERS_API = frozenset({"ghcr.io"})
"""Hosts that are not asked: GitHub's sends the question on to a page of github.com, which then limits who asks."""
NO_SUCH_ROUTE = frozenset({400, 404, 405, 406, 501})
"""How registries answer that do not know the question; a registry that does has an empty list for no referrers.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers
"""


class OciArtifacts:
    """Implements `bot.ports.Artifacts`; safe to share by threads."""

    def __init__(self, access: Access, authenticator: Authenticator) -> None:
        self._access = access
        self._authenticator = authenticator

    def tagged(self, repository: str, tag: str) -> Artifact | None:
        """Return the artifact that a tag points to; None where there is no such tag. Raises RegistryError."""
        place = self._place(repository)
        question = place.manifest(quote(tag, safe=""))
        response = self._authenticator.ask(place.endpoint, question)
        return None if response.status == HTTPStatus.NOT_FOUND else _artifact(place, question, response, None)

    def referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the referrers of a digest, over all pages.

        Where the registry does not know the question, the tag that stands in for the list is asked for. Raises
        RegistryError, also where there are more than are looked at.
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
        why = NotAnImageError("the list is longer than is read, or breaks off")
        raise _odd(place, f"the referrers of {place.path}@{digest}", why)

    def artifact(self, repository: str, digest: Digest) -> Artifact:
        """Fetch the artifact behind a digest, and hash it. Raises RegistryError."""
        place = self._place(repository)
        question = place.manifest(digest)
        return _artifact(place, question, self._authenticator.ask(place.endpoint, question), digest)

    def blob(self, repository: str, blob: Blob, limit: int = MAX_BLOB) -> bytes:
        """Fetch a piece of an artifact, and hash it. Raises RegistryError, also where it is larger than is read."""
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
        """Return one page and the query of the next; None where the registry does not know the question."""
        route = f"/v2/{quote(place.path)}/referrers/{digest}{query}"
        question = Question("GET", route, place.path, MAX_MANIFEST, accept=OCI_INDEX)
        response = self._authenticator.ask(place.endpoint, question)
        if response.status in NO_SUCH_ROUTE:
            return None
        if response.status != HTTPStatus.OK:
            raise place.refusal(response, question)
        if media_type(response.headers.get("content-type", "")) != OCI_INDEX:  # a page for browsers, for instance
            return None
        try:
            return parse_referrers(response.body), next_page(response.headers.get("link", ""))
        except NotAnImageError as error:
            raise _odd(place, question.asked, error) from error

    def _stand_in(self, place: Place, digest: Digest) -> tuple[Referrer, ...]:
        """Read the index behind the tag that clients keep where a registry has no such API.

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
            raise _odd(place, question.asked, NotAnImageError("there are more than are looked at"))
        return found

    def _place(self, repository: str) -> Place:
        return place_of(self._access, Line(repository, ""))


def _artifact(place: Place, question: Question, response: Response, digest: Digest | None) -> Artifact:
    if response.status != HTTPStatus.OK:
        raise place.refusal(response, question)
    found = proved(place, question, response, digest)
    try:
        return parse_artifact(found, response.body)
    except NotAnImageError as error:
        raise _odd(place, question.asked, error) from error


def _odd(place: Place, asked: str, error: NotAnImageError) -> RegistryError:
    message = f"what {place.endpoint.host} has at {asked} cannot be read: {error}"
    is_failure = isinstance(error, NotARegistryError)
    return RegistryError(place.endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)
