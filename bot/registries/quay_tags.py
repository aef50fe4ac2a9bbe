"""Reads the history of tags that quay.io records, and finds out which digests still have a tag on quay.io.

Other registries record only the current digest of a tag, so that they return no earlier digests.

https://docs.redhat.com/en/documentation/red_hat_quay/3/html/red_hat_quay_api_reference/tag
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from bot.model.errors import RegistryError
from bot.model.image import RegistryRecord
from bot.model.image_name import Digest, TagRef, parse_sha256
from bot.model.vocabulary import Reason
from bot.net import HttpClient, HttpError
from bot.registries.endpoints import EndpointDirectory, RegistryEndpoint
from bot.registries.response_errors import make_refusal_error, make_unanswered_error

QUAY = "quay.io"
PER_PAGE = 100
"""The largest page size of the API."""
MAX_PAGES = 5
"""The largest number of pages that are read to find out which digests still have a tag. Digests with tags on later
pages count as untagged."""
MAX_ANSWER = 1024 * 1024
"""The largest response, in bytes. A page of a hundred tags has about 30,000 bytes."""


@dataclass(frozen=True, slots=True)
class QuayTags:
    """The tags of the public repositories on quay.io, read without a login.

    For private repositories, the API for tags requires another kind of token than the registry. Therefore basebump
    reads no history of private repositories.
    """

    endpoints: EndpointDirectory
    http: HttpClient
    host: str = QUAY

    def fetch_earlier_records(self, tag_ref: TagRef) -> Mapping[Digest, RegistryRecord]:
        """Return the digests to which a tag pointed, newest first, each with the tags that point to the digest now.

        Return an empty mapping for other registries, for a mirror of quay.io, and if the repository is private or does
        not exist. Raises RegistryError if a request fails.
        """
        endpoint = self.endpoints.find_endpoint(tag_ref.host)
        if tag_ref.host != self.host or endpoint is None or endpoint.credential_host != self.host:
            return {}
        entries = self._fetch_page(endpoint, tag_ref, {"specificTag": tag_ref.tag})
        if not entries:
            return {}
        newest_first = sorted(
            (each for each in entries if each.get("name") == tag_ref.tag), key=_get_start, reverse=True
        )
        digests = (parse_sha256(str(each.get("manifest_digest"))) for each in newest_first)
        tags = self._fetch_tags(endpoint, tag_ref)
        return {digest: RegistryRecord(None, tuple(tags.get(digest, ()))) for digest in digests if digest is not None}

    def _fetch_tags(self, endpoint: RegistryEndpoint, tag_ref: TagRef) -> Mapping[Digest, list[str]]:
        """Return the current tags of each digest in the repository, from the first MAX_PAGES pages."""
        tags: dict[Digest, list[str]] = defaultdict(list)
        for page in range(1, MAX_PAGES + 1):
            entries = self._fetch_page(endpoint, tag_ref, {"onlyActiveTags": "true", "page": page})
            for each in entries:
                digest = parse_sha256(str(each.get("manifest_digest")))
                if digest is not None:
                    tags[digest].append(str(each.get("name")))
            if len(entries) < PER_PAGE:
                break
        return tags

    def _fetch_page(self, endpoint: RegistryEndpoint, tag_ref: TagRef, query: Mapping[str, object]) -> list[Any]:
        path = f"/api/v1/repository/{quote(tag_ref.path)}/tag/?{urlencode({**query, 'limit': PER_PAGE})}"
        try:
            response = self.http.request("GET", endpoint.url + path, headers={}, limit=MAX_ANSWER)
        except HttpError as error:
            raise make_unanswered_error(endpoint, error) from error
        if response.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}:
            return []
        subject = f"the history of {tag_ref.path}:{tag_ref.tag}"
        if response.status != HTTPStatus.OK:
            raise make_refusal_error(endpoint, subject, response, has_credential=False)
        try:
            return [each for each in json.loads(response.body)["tags"] if isinstance(each, dict)]
        except (ValueError, KeyError, TypeError, RecursionError):
            message = f"{endpoint.host}: the answer for {subject} does not have the documented form"
            raise RegistryError(endpoint.registry, Reason.REGISTRY_ERROR, message, is_failure=True) from None


def _get_start(entry: Mapping[str, Any]) -> float:
    """Return the time in seconds at which the tag began to point to a digest; 0 if the entry states no time."""
    start = entry.get("start_ts")
    return start if isinstance(start, int | float) else 0
