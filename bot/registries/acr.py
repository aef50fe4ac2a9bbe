"""What only a registry knows of its images: Azure's push times, moves and locks, and how long a publisher supports one.

`azure-containerregistry` asks, and our own client carries its questions: the library would trade for a new access token
with every question, and stop to renew its refresh token just when that is needed; and it knows neither names with
passwords nor our guard. So what it is given never has to be authenticated by it.
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
from bot.model.image import Recorded
from bot.model.reference import Digest, Line
from bot.model.vocabulary import Reason
from bot.net import Response, plain
from bot.registries.access import Access, Endpoint, account_of
from bot.registries.answers import METADATA_READ, refusal
from bot.registries.auth import Authenticator, Question
from bot.registries.manifest import OCI_INDEX, media_type

if TYPE_CHECKING:  # a quarter of a second, which only those pay who ask
    from azure.core.pipeline import PipelineResponse
    from azure.core.rest import HttpRequest

LIFECYCLE = "application/vnd.microsoft.artifact.lifecycle"
END_OF_LIFE = "vnd.microsoft.artifact.lifecycle.end-of-life.date"
"""https://github.com/microsoft/ContainerRegistry has what MCR publishes; `acr annotate` writes the same."""
MAX_REFERRERS = 4 * 1024 * 1024
"""Bytes, as of every manifest; of one kind an image has some two."""
MAX_TAGS = 1000
"""Of one digest that are passed on; a tag for each build of a year."""


class AcrFacts:
    """Implements `bot.ports.RegistryFacts`: for listed Azure registries, and for the one of Microsoft's images."""

    def __init__(self, access: Access, authenticator: Authenticator) -> None:
        self._access = access
        self._authenticator = authenticator

    def recorded(self, line: Line, digest: Digest) -> Recorded | None:
        """Return what an Azure registry recorded of `digest`: two requests, and a token once for a repository.

        None for others, for mirrors (a copy's times are not the image's), over plain http, where the registry has the
        digest no more, and where nobody may ask. Raises RegistryError: a credential that may pull but not read
        metadata is denied.
        """
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        endpoint = self._access.endpoint(line.host)
        if endpoint is None or endpoint.insecure or not self._is_azure(line.host, endpoint):
            return None
        try:
            return self._ask(endpoint, line, digest)
        except ResourceNotFoundError:
            return None
        except (AzureError, ValueError, TypeError, AttributeError) as error:  # the library's own reading of answers
            message = f"{endpoint.host} did not say what it recorded of {line.path}@{digest}: {plain(str(error))}"
            raise RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True) from None
        except RegistryError as error:
            if error.reason is Reason.NOT_FOUND_OR_DENIED:  # nobody's credential: anybody may pull, and no more
                return None
            raise

    def end_of_life(self, line: Line, digest: Digest) -> date | None:
        """Return the day on which its publisher ends support of `digest`, by the first page of its referrers.

        Of several days the latest, since images were marked by mistake, and marked again. None for registries other
        than Azure's and Microsoft's. Raises RegistryError.
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
        """Say whether a host is a listed Azure registry that is asked itself, not through a mirror."""
        account = account_of(host)
        is_listed = self._access.entry(account) is not None
        return is_listed and endpoint.account == account and self._access.is_azure(account)

    def _ask(self, endpoint: Endpoint, line: Line, digest: Digest) -> Recorded:
        """Ask by the library. Raises AzureError, RegistryError, and whatever answers that it cannot read end in."""
        from azure.containerregistry import ContainerRegistryClient
        from azure.core.exceptions import ResourceNotFoundError

        from bot.registries.azure_http import AzureTransport

        def send(request: HttpRequest) -> Response:
            return self._carry(endpoint, line.path, request)

        bodies: list[Any] = []

        def note(response: PipelineResponse[Any, Any]) -> None:
            bodies.append(response.http_response)

        # Made for each question: it holds nothing worth keeping, and nothing that could grow old.
        with ContainerRegistryClient(endpoint.url, transport=AzureTransport(send), retry_total=0) as client:
            manifest = client.get_manifest_properties(line.path, str(digest), raw_response_hook=note)
            try:
                tag = client.get_tag_properties(line.path, line.tag)
            except ResourceNotFoundError:
                tag = None
        return Recorded(
            pushed=manifest.created_on,
            moved=tag.last_updated_on if tag and tag.digest == digest else None,
            tag_made=tag.created_on if tag else None,
            tags=tuple(manifest.tags or ())[:MAX_TAGS],
            is_locked=manifest.can_write is False or manifest.can_delete is False,
            media_type=_media_type(bodies[-1].body()) if bodies else None,
        )

    def _carry(self, endpoint: Endpoint, repository: str, request: HttpRequest) -> Response:
        """Send a question of the library with our tokens, to the endpoint it is about and nowhere else."""
        path = request.url.removeprefix(endpoint.url)
        if request.method != "GET" or path == request.url or not path.startswith("/acr/v1/"):
            raise ValueError("the library asks something else than what was recorded")
        accept = request.headers.get("Accept")
        question = Question("GET", path, repository, MAX_REFERRERS, accept, actions=METADATA_READ)
        response = self._authenticator.ask(endpoint, question)
        if response.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise refusal(endpoint, path.removeprefix("/acr/v1/"), response, has_credential=True)
        return response


def _media_type(body: bytes) -> str | None:
    """Return the kind of a manifest, which the library reads and does not pass on."""
    try:
        found = json.loads(body)["manifest"]["mediaType"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return plain(found) if isinstance(found, str) else None


def _ends(body: bytes) -> Iterator[date]:
    """Yield every end of life that an index of referrers has, whether the registry filtered it or not."""
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
    """Read a day, or a moment of RFC 3339; the day is the one that stands there, wherever its midnight is."""
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None
