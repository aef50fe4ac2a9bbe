"""Asking registries for what is attached to images, with the client and the credentials of all other questions."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from bot.model.artifact import Artifact, Blob, Referrer
from bot.model.errors import RegistryError
from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.access import Access, Endpoint
from bot.registries.answers import proved, refusal, unlisted
from bot.registries.attached import MAX_REFERRERS, parse_artifact, parse_referrers
from bot.registries.auth import Authenticator, Question
from bot.registries.manifest import ACCEPT, INDEX_TYPES, NotAnImageError, NotARegistryError, media_type
from bot.registries.taglist import next_page

MAX_MANIFEST = 4 * 1024 * 1024
"""Bytes; what the specification asks registries to take."""
MAX_BLOB = 4 * 1024 * 1024
"""Bytes; a signature has some thousand, with all its certificates and a log's proof ten thousand."""
MAX_PAGES = 10
"""Of referrers; no registry is known to send more than one for an image."""
OCI_INDEX = INDEX_TYPES[0]
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
        endpoint, path = self._place(repository)
        question = _manifest(path, quote(tag, safe=""))
        response = self._authenticator.ask(endpoint, question)
        return None if response.status == HTTPStatus.NOT_FOUND else _artifact(endpoint, question, response, None)

    def referrers(self, repository: str, digest: Digest) -> tuple[Referrer, ...]:
        """Return the referrers of a digest, over all pages.

        Where the registry does not know the question, the tag that stands in for the list is asked for. Raises
        RegistryError, also where there are more than are looked at.
        """
        endpoint, path = self._place(repository)
        first = None if endpoint.host in WITHOUT_REFERRERS_API else self._page(endpoint, path, digest, "")
        if first is None:
            return self._stand_in(endpoint, path, digest)
        found, query = first
        for _ in range(MAX_PAGES):
            if query is None and len(found) <= MAX_REFERRERS:
                return found
            page = self._page(endpoint, path, digest, f"?{query}") if query is not None else None
            if page is None:
                break
            found, query = (*found, *page[0]), page[1]
        why = NotAnImageError("the list is longer than is read, or breaks off")
        raise _odd(endpoint, f"the referrers of {path}@{digest}", why)

    def artifact(self, repository: str, digest: Digest) -> Artifact:
        """Fetch the artifact behind a digest, and hash it. Raises RegistryError."""
        endpoint, path = self._place(repository)
        question = _manifest(path, digest)
        return _artifact(endpoint, question, self._authenticator.ask(endpoint, question), digest)

    def blob(self, repository: str, blob: Blob) -> bytes:
        """Fetch a piece of an artifact, and hash it. Raises RegistryError, also where it is larger than is read."""
        endpoint, path = self._place(repository)
        question = Question("GET", f"/v2/{quote(path)}/blobs/{blob.digest}", path, MAX_BLOB)
        if blob.size > MAX_BLOB:
            raise _odd(endpoint, question.asked, NotAnImageError(f"it has more than {MAX_BLOB} bytes"))
        response = self._authenticator.ask(endpoint, question)
        if response.status != HTTPStatus.OK:
            raise refusal(endpoint, question.asked, response, has_credential=False)
        proved(endpoint, question.asked, response, blob.digest)
        return response.body

    def _page(
        self, endpoint: Endpoint, path: str, digest: Digest, query: str
    ) -> tuple[tuple[Referrer, ...], str | None] | None:
        """Return one page and the query of the next; None where the registry does not know the question."""
        route = f"/v2/{quote(path)}/referrers/{digest}{query}"
        question = Question("GET", route, path, MAX_MANIFEST, accept=OCI_INDEX)
        response = self._authenticator.ask(endpoint, question)
        if response.status in NO_SUCH_ROUTE:
            return None
        if response.status != HTTPStatus.OK:
            raise refusal(endpoint, question.asked, response, has_credential=False)
        if media_type(response.headers.get("content-type", "")) != OCI_INDEX:  # a page for browsers, for instance
            return None
        try:
            return parse_referrers(response.body), next_page(response.headers.get("link", ""))
        except NotAnImageError as error:
            raise _odd(endpoint, question.asked, error) from error

    def _stand_in(self, endpoint: Endpoint, path: str, digest: Digest) -> tuple[Referrer, ...]:
        """Read the index behind the tag that clients keep where a registry has no such API.

        https://github.com/opencontainers/distribution-spec/blob/main/spec.md#referrers-tag-schema
        """
        question = _manifest(path, str(digest).replace(":", "-"))
        response = self._authenticator.ask(endpoint, question)
        if response.status == HTTPStatus.NOT_FOUND:
            return ()
        if response.status != HTTPStatus.OK:
            raise refusal(endpoint, question.asked, response, has_credential=False)
        try:
            found = parse_referrers(response.body)
        except NotAnImageError as error:
            raise _odd(endpoint, question.asked, error) from error
        if len(found) > MAX_REFERRERS:
            raise _odd(endpoint, question.asked, NotAnImageError("there are more than are looked at"))
        return found

    def _place(self, repository: str) -> tuple[Endpoint, str]:
        line = Line(repository, "")
        endpoint = self._access.endpoint(line.host)
        if endpoint is None:
            raise unlisted(line.host)
        return endpoint, endpoint.prefix + line.path


def _manifest(path: str, reference: str) -> Question:
    return Question("GET", f"/v2/{quote(path)}/manifests/{reference}", path, MAX_MANIFEST, ACCEPT)


def _artifact(endpoint: Endpoint, question: Question, response: Response, digest: Digest | None) -> Artifact:
    if response.status != HTTPStatus.OK:
        raise refusal(endpoint, question.asked, response, has_credential=False)
    found = proved(endpoint, question.asked, response, digest)
    try:
        return parse_artifact(found, response.body)
    except NotAnImageError as error:
        raise _odd(endpoint, question.asked, error) from error


def _odd(endpoint: Endpoint, asked: str, error: NotAnImageError) -> RegistryError:
    message = f"what {endpoint.host} has at {asked} cannot be read: {error}"
    is_failure = isinstance(error, NotARegistryError)
    return RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=is_failure)
