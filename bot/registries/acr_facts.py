"""Fetches metadata that manifests do not contain: push times, update times and locks on Azure, and end-of-life dates.

The `azure-containerregistry` library builds the requests and parses the responses. The requests are sent by basebump's
own HTTP client, with basebump's own tokens. The library's client is not used for three reasons:

- It requests a new access token for every request.
- It renews its refresh token only when a request needs the token, so that the request has to wait.
- It supports neither usernames with passwords nor the guard of `bot.net`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

from bot.model.errors import RegistryError
from bot.model.hosts import LIFECYCLE_HOST
from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef, parse_sha256
from bot.model.vocabulary import Reason
from bot.net import Response, sanitize_text
from bot.registries.auth import RegistryAuthenticator, RegistryRequest
from bot.registries.endpoints import EndpointDirectory, RegistryEndpoint, normalise_host
from bot.registries.manifest import OCI_INDEX, parse_media_type
from bot.registries.response_errors import METADATA_READ, make_refusal_error

if TYPE_CHECKING:  # the import takes a quarter of a second, so only runs that read such metadata import it
    from azure.containerregistry import ContainerRegistryClient
    from azure.core.pipeline import PipelineResponse
    from azure.core.rest import HttpRequest

LIFECYCLE = "application/vnd.microsoft.artifact.lifecycle"
END_OF_LIFE = "vnd.microsoft.artifact.lifecycle.end-of-life.date"
"""The type of artifacts with an end-of-life date. MCR publishes them (https://github.com/microsoft/ContainerRegistry),
and `acr annotate` writes the same type."""
MAX_REFERRERS_SIZE = 4 * 1024 * 1024
"""The largest list of referrers, in bytes; the same limit as for manifests. An image has about two referrers of this
type."""
MAX_TAGS = 1000
"""The largest number of tags that are returned for one digest; enough for one tag per build during a year of builds."""
NEWEST_PAGE_SIZE = 50
"""The number of manifests among which the newest digests with tags are searched. An index for five platforms has about
fifteen manifests, because each platform also has a signature and an attestation."""
MAX_NEWEST = 5
"""The largest number of newest digests that are returned."""
_ARTIFACT_TAG = re.compile(r"sha256-[0-9a-f]{64}(?:\.[a-z]+)?")
"""Matches the tags of signatures and other artifacts. Such a tag contains the digest of the artifact's image."""

_Result = TypeVar("_Result")


class AcrFacts:
    """Fetches push times, locks and end-of-life dates of images.

    The Azure registries in the configuration are supported. End-of-life dates are also fetched from Microsoft's public
    registry.
    """

    def __init__(self, endpoints: EndpointDirectory, authenticator: RegistryAuthenticator) -> None:
        self._endpoints = endpoints
        self._authenticator = authenticator

    def fetch_record(self, tag_ref: TagRef, digest: Digest) -> RegistryRecord | None:
        """Return the push and update times, tags and lock state that an Azure registry stores for an image.

        This sends two requests, and needs one token per repository.

        Returns None in these cases:

        - The registry is not a configured Azure registry.
        - Requests are sent to a mirror. A mirror stores the push times of its own copies of images.
        - The registry is contacted over plain http.
        - The registry no longer has `digest`.
        - No credential is configured, and the registry does not allow anonymous access to metadata.

        Raises RegistryError if a request fails, for example because the credential allows pulls but no access to
        metadata.
        """
        endpoint = self._find_direct_endpoint(tag_ref.host)
        if endpoint is None:
            return None
        responses: list[Any] = []

        def keep_response(response: PipelineResponse[Any, Any]) -> None:
            responses.append(response.http_response)

        def query(client: ContainerRegistryClient) -> RegistryRecord:
            from azure.core.exceptions import ResourceNotFoundError

            manifest = client.get_manifest_properties(tag_ref.path, str(digest), raw_response_hook=keep_response)
            try:
                tag = client.get_tag_properties(tag_ref.path, tag_ref.tag)
            except ResourceNotFoundError:
                tag = None
            return RegistryRecord(
                pushed_at=manifest.created_on,
                tag_created_at=tag.created_on if tag else None,
                tags=tuple(manifest.tags or ())[:MAX_TAGS],
                is_locked=manifest.can_write is False or manifest.can_delete is False,
                media_type=_parse_media_type(responses[-1].body()) if responses else None,
            )

        return self._query_metadata(endpoint, tag_ref.path, f"{tag_ref.path}@{digest}", query)

    def list_newest_digests(self, repository: str) -> Sequence[Digest]:
        """Return the tagged digests that were pushed to a repository last, newest first. This sends one request.

        The result is empty in the cases in which `fetch_record` returns None. Tags of signatures and other artifacts
        are ignored. Raises RegistryError if a request fails.
        """
        tag_ref = TagRef(repository, "")
        endpoint = self._find_direct_endpoint(tag_ref.host)
        if endpoint is None:
            return ()

        def query(client: ContainerRegistryClient) -> Sequence[Digest]:
            from azure.containerregistry import ArtifactManifestOrder

            newest_first = ArtifactManifestOrder.LAST_UPDATED_ON_DESCENDING
            pages = client.list_manifest_properties(
                tag_ref.path, order_by=newest_first, results_per_page=NEWEST_PAGE_SIZE
            ).by_page()
            found = (each for each in next(pages, ()) if any(not _is_artifact_tag(tag) for tag in each.tags or ()))
            digests = (parse_sha256(str(each.digest)) for each in found)
            return [each for each in digests if each is not None][:MAX_NEWEST]

        return self._query_metadata(endpoint, tag_ref.path, f"the images of {tag_ref.path}", query) or ()

    def fetch_end_of_life(self, tag_ref: TagRef, digest: Digest) -> date | None:
        """Return the date on which the publisher ends support of an image, or None if no date is published.

        Publishers attach the date to the image as a referrer. To correct a wrong date, they attach another referrer.
        Therefore this method returns the latest date on the first page of referrers.

        Dates are fetched only from the configured Azure registries and from Microsoft's public registry. For all other
        registries, return None.

        Raises RegistryError if a request fails.
        """
        endpoint = self._endpoints.find_endpoint(tag_ref.host)
        if endpoint is None or not (
            tag_ref.host == LIFECYCLE_HOST or self._is_direct_azure_registry(tag_ref.host, endpoint)
        ):
            return None
        path = endpoint.prefix + tag_ref.path
        query = urlencode({"artifactType": LIFECYCLE})
        request = RegistryRequest(
            "GET", f"/v2/{quote(path)}/referrers/{digest}?{query}", path, MAX_REFERRERS_SIZE, accept=OCI_INDEX
        )
        response = self._authenticator.send_request(endpoint, request)
        if response.status == HTTPStatus.NOT_FOUND:
            return None
        if response.status != HTTPStatus.OK:
            subject = f"the list of referrers of {path}@{digest}"
            raise make_refusal_error(endpoint, subject, response, has_credential=False)
        if parse_media_type(response.headers.get("content-type", "")) != OCI_INDEX:
            return None
        return max(_parse_end_dates(response.body), default=None)

    def _is_direct_azure_registry(self, host: str, endpoint: RegistryEndpoint) -> bool:
        """Return True if `host` is a configured Azure registry, and `endpoint` is not a mirror of it."""
        own_host = normalise_host(host)
        is_listed = self._endpoints.get_entry(own_host) is not None
        return is_listed and endpoint.credential_host == own_host and self._endpoints.is_azure_registry(own_host)

    def _find_direct_endpoint(self, host: str) -> RegistryEndpoint | None:
        """Return the endpoint of a configured Azure registry; None if basebump cannot query the registry's metadata."""
        endpoint = self._endpoints.find_endpoint(host)
        is_usable = endpoint is not None and not endpoint.is_insecure
        return endpoint if endpoint and is_usable and self._is_direct_azure_registry(host, endpoint) else None

    def _query_metadata(
        self,
        endpoint: RegistryEndpoint,
        repository: str,
        subject: str,
        query: Callable[[ContainerRegistryClient], _Result],
    ) -> _Result | None:
        """Return the result of a query with the `azure-containerregistry` library; None if there is no such metadata.

        Raises RegistryError if a request fails, or if the library cannot parse a response.
        """
        from azure.containerregistry import ContainerRegistryClient
        from azure.core.exceptions import AzureError, ResourceNotFoundError

        from bot.registries.azure_http import AzureTransport

        def send(request: HttpRequest) -> Response:
            return self._send_library_request(endpoint, repository, request)

        try:
            # Each call creates a new client, because a client keeps no data that is worth caching, and no token that
            # could expire.
            with ContainerRegistryClient(endpoint.url, transport=AzureTransport(send), retry_total=0) as client:
                return query(client)
        except ResourceNotFoundError:
            return None
        except (AzureError, ValueError, TypeError, AttributeError) as error:  # raised when the library parses responses
            message = f"{endpoint.host}: cannot read the metadata of {subject}: {sanitize_text(str(error))}"
            raise RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True) from None
        except RegistryError as error:
            if error.reason is Reason.NOT_FOUND_OR_DENIED:  # without a credential, the registry allows only pulls
                return None
            raise

    def _send_library_request(self, endpoint: RegistryEndpoint, repository: str, request: HttpRequest) -> Response:
        """Send a request that the `azure-containerregistry` library built, with basebump's own tokens.

        Raises ValueError if the request is for another host, or is not a GET request for metadata. Raises RegistryError
        if the request fails.
        """
        path = request.url.removeprefix(endpoint.url)
        if request.method != "GET" or path == request.url or not path.startswith("/acr/v1/"):
            raise ValueError(
                "the Azure library sent an unexpected request; only requests for recorded metadata are allowed"
            )
        accept = request.headers.get("Accept")
        registry_request = RegistryRequest("GET", path, repository, MAX_REFERRERS_SIZE, accept, actions=METADATA_READ)
        response = self._authenticator.send_request(endpoint, registry_request)
        if response.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise make_refusal_error(endpoint, path.removeprefix("/acr/v1/"), response, has_credential=True)
        return response


def _is_artifact_tag(tag: object) -> bool:
    return _ARTIFACT_TAG.fullmatch(str(tag)) is not None


def _parse_media_type(body: bytes) -> str | None:
    """Return the media type in a response about a manifest; None if the response states none.

    The library does not expose this field, so basebump reads it from the response itself.
    """
    try:
        media_type = json.loads(body)["manifest"]["mediaType"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return sanitize_text(media_type) if isinstance(media_type, str) else None


def _parse_end_dates(body: bytes) -> Iterator[date]:
    """Yield every end-of-life date in `body`, an index of referrers. Referrers of other types are skipped."""
    try:
        referrers = json.loads(body)["manifests"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return
    for referrer in referrers if isinstance(referrers, list) else ():
        if isinstance(referrer, dict) and referrer.get("artifactType") == LIFECYCLE:
            annotations = referrer.get("annotations")
            text = annotations.get(END_OF_LIFE) if isinstance(annotations, dict) else None
            day = _parse_day(text) if isinstance(text, str) else None
            if day is not None:
                yield day


def _parse_day(text: str) -> date | None:
    """Parse a date or an RFC 3339 timestamp. Return the date as written, in the timestamp's own time zone.

    Return None if `text` has neither form.
    """
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        return None
