"""Metadata that only the registry has: Azure's push and update times and locks, and end-of-life dates.

The `azure-containerregistry` library builds the requests and parses the responses, and basebump's own HTTP client sends
them. The library's own client would request a new access token for every request, would block to renew its refresh
token just when the token is needed, and supports neither username and password nor the guard of `bot.net`. Therefore
the library never has to authenticate.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from bot.model.errors import RegistryError
from bot.model.hosts import LIFECYCLE_HOST
from bot.model.image import RegistryRecord
from bot.model.reference import Digest, TagRef
from bot.model.vocabulary import Reason
from bot.net import Response, plain
from bot.registries.access import Access, Endpoint, account_of
from bot.registries.answers import METADATA_READ, refusal
from bot.registries.auth import Authenticator, Question
from bot.registries.manifest import OCI_INDEX, media_type

if TYPE_CHECKING:  # importing takes a quarter of a second, which only runs that read such metadata should pay
    from azure.core.pipeline import PipelineResponse
    from azure.core.rest import HttpRequest

LIFECYCLE = "application/vnd.microsoft.artifact.lifecycle"
END_OF_LIFE = "vnd.microsoft.artifact.lifecycle.end-of-life.date"
"""https://github.com/microsoft/ContainerRegistry documents what MCR publishes; `acr annotate` writes the same."""
MAX_REFERRERS = 4 * 1024 * 1024
"""Bytes, the same limit as for manifests. An image has about two referrers of this type."""
MAX_TAGS = 1000
"""Limit of the tags that are returned for one digest; enough for a tag per build in a year of builds."""


class AcrFacts:
    """Implements `bot.ports.RegistryFacts` for configured Azure registries and for Microsoft's public registry."""

    def __init__(self, access: Access, authenticator: Authenticator) -> None:
        self._access = access
        self._authenticator = authenticator

    def fetch_record(self, line: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return what an Azure registry recorded for `digest`. Costs two requests, and one token per repository.

        Returns None for other registries, for mirrors (times of a copy are not those of the image), over plain http, if
        the registry no longer has the digest, and if anonymous access to metadata is not allowed. Raises RegistryError,
        also if the credential may pull images but not read metadata.
        """
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        endpoint = self._access.endpoint(line.host)
        if endpoint is None or endpoint.insecure or not self._is_azure(line.host, endpoint):
            return None
        try:
            return self._ask(endpoint, line, digest)
        except ResourceNotFoundError:
            return None
        except (AzureError, ValueError, TypeError, AttributeError) as error:  # raised by the library's response parsing
            message = f"{endpoint.host}: cannot read the metadata of {line.path}@{digest}: {plain(str(error))}"
            raise RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True) from None
        except RegistryError as error:
            if error.reason is Reason.NOT_FOUND_OR_DENIED:  # no credential, and anonymous access covers pulls only
                return None
            raise

    def fetch_end_of_life(self, line: TagRef, digest: Digest) -> date | None:
        """Return the date on which the publisher ends support of `digest`, from the first page of its referrers.

        If there are several dates, the latest counts, because publishers have annotated images by mistake and
        corrected this with another referrer. Returns None for registries other than Azure's and Microsoft's. Raises
        RegistryError.
        """
        endpoint = self._access.endpoint(line.host)
        if endpoint is None or not (line.host == LIFECYCLE_HOST or self._is_azure(line.host, endpoint)):
            return None
        path = endpoint.prefix + line.path
        query = urlencode({"artifactType": LIFECYCLE})
        question = Question(
            "GET", f"/v2/{quote(path)}/referrers/{digest}?{query}", path, MAX_REFERRERS, accept=OCI_INDEX
        )
        response = self._authenticator.ask(endpoint, question)
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if response.status != HTTPStatus.OK:
            raise refusal(endpoint, f"the referrers of {path}@{digest}", response, has_credential=False)
        if media_type(response.headers.get("content-type", "")) != OCI_INDEX:
            return None
        return max(_ends(response.body), default=None)

    def _is_azure(self, host: str, endpoint: Endpoint) -> bool:
        """Return True if a host is a configured Azure registry that is contacted directly, not through a mirror."""
        account = account_of(host)
        is_listed = self._access.entry(account) is not None
        return is_listed and endpoint.account == account and self._access.is_azure(account)

    def _ask(self, endpoint: Endpoint, line: TagRef, digest: Digest) -> RegistryRecord:
        """Fetch the metadata with the library.

        Raises AzureError, RegistryError, and any error of the library's response parsing.
        """
        from azure.containerregistry import ContainerRegistryClient
        from azure.core.exceptions import ResourceNotFoundError

        from bot.registries.azure_http import AzureTransport

        def send(request: HttpRequest) -> Response:
            return self._carry(endpoint, line.path, request)

        bodies: list[Any] = []

        def note(response: PipelineResponse[Any, Any]) -> None:
            bodies.append(response.http_response)

        # A client for each call: it holds no state worth keeping, and no token that could expire.
        with ContainerRegistryClient(endpoint.url, transport=AzureTransport(send), retry_total=0) as client:
            manifest = client.get_manifest_properties(line.path, str(digest), raw_response_hook=note)
            try:
                tag = client.get_tag_properties(line.path, line.tag)
            except ResourceNotFoundError:
                tag = None
        return RegistryRecord(
            pushed_at=manifest.created_on,
            tag_updated_at=tag.last_updated_on if tag and tag.digest == digest else None,
            tag_created_at=tag.created_on if tag else None,
            tags=tuple(manifest.tags or ())[:MAX_TAGS],
            is_locked=manifest.can_write is False or manifest.can_delete is False,
            media_type=_media_type(bodies[-1].body()) if bodies else None,
        )

    def _carry(self, endpoint: Endpoint, repository: str, request: HttpRequest) -> Response:
        """Send a request of the library with basebump's own tokens, and only to the endpoint that it is about."""
        path = request.url.removeprefix(endpoint.url)
        if request.method != "GET" or path == request.url or not path.startswith("/acr/v1/"):
            raise ValueError("the library sent a request other than for recorded metadata")
        accept = request.headers.get("Accept")
        question = Question("GET", path, repository, MAX_REFERRERS, accept, actions=METADATA_READ)
        response = self._authenticator.ask(endpoint, question)
        if response.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise refusal(endpoint, path.removeprefix("/acr/v1/"), response, has_credential=True)
        return response


def _media_type(body: bytes) -> str | None:
    """Return the media type of a manifest, which the library receives but does not expose."""
    try:
        found = json.loads(body)["manifest"]["mediaType"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return plain(found) if isinstance(found, str) else None


def _ends(body: bytes) -> Iterator[date]:
    """Yield every end-of-life date in an index of referrers, which the registry may or may not have filtered."""
    try:
        referrers = json.loads(body)["manifests"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    for referrer in referrers if isinstance(referrers, list) else ():
        if isinstance(referrer, dict) and referrer.get("artifactType") == LIFECYCLE:
            annotations = referrer.get("annotations")
            text = annotations.get(END_OF_LIFE) if isinstance(annotations, dict) else None
            day = _day(text) if isinstance(text, str) else None
            if day is not None:
                yield day


def _day(text: str) -> date | None:
    """Parse a date or an RFC 3339 timestamp; the result is the date as written, in whatever time zone."""
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None
