"""Looks up the commits and the release notes between two source revisions on GitHub and GitLab.

The repository, the commits and the version come from labels of images, so that everyone who can publish an image
chooses them. Requests are therefore sent only to the two public forges, and never with a token of a configured forge.
Such a token could read private repositories, and pull requests would then show their release notes.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote

from bot.model.source_changes import (
    GITHUB_HOST,
    GITLAB_HOST,
    ReleaseNotes,
    SourceChanges,
    SourceComparison,
    SourceLookup,
    UnknownSourceChanges,
)
from bot.net import HostTrust, HttpClient, HttpError, RateLimitedError, Response, UnreachableError, Url

API_ADDRESSES: Mapping[str, str] = {
    GITHUB_HOST: "https://api.github.com",
    GITLAB_HOST: "https://gitlab.com/api/v4",
}
MAX_RESPONSE = 1024 * 1024
"""The largest response, in bytes. A page of a hundred commits is about 100 KB, and GitHub limits release notes to
125,000 characters."""
MAX_LOOKUPS = 1000
"""The largest number of lookups in one run. GitHub allows 60 requests per hour without a token, and 5,000 with a
token."""
MAX_REDIRECTS = 2
"""The largest number of redirects inside the API of a forge. A renamed repository needs one redirect."""
MAX_LINES = 40
"""The number of lines of release notes that are kept."""
MAX_LINE_LENGTH = 300
"""The number of characters of a line that are kept; most lines are the title of one change."""
MAX_COMMITS = 10_000_000
"""The largest number of commits that is believed. Linux has about a million commits."""
COMMITS_PER_PAGE = 100
"""The maximum number of commits that GitLab returns in one response."""

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,99}", re.ASCII)
"""Matches a version that can be the name of a tag, without the letter `v`. It cannot be `..`, a step in a path."""


class _LookupFailedError(Exception):
    """A request failed. The message is the second half of a sentence, to which the caller prepends the subject."""


@dataclass(frozen=True, slots=True)
class _ReleaseData:
    """The release of one tag, as a forge returns it."""

    tag: str
    name: object
    notes: object


class ForgeSourceHistory:
    """The public APIs of GitHub and GitLab. Implements `bot.ports.SourceHistory`. Thread-safe."""

    def __init__(
        self,
        environment: Mapping[str, str],
        github_token: str | None = None,
        addresses: Mapping[str, str] = API_ADDRESSES,
    ) -> None:
        """Create the history.

        Args:
            environment: Contains the proxy settings and the CA file.
            github_token: A token that the operator named for these lookups; None to send no token. Only GitHub's API
                receives the token.
            addresses: The URL of the API for each forge.
        """
        self._addresses, self._github_token = addresses, github_token
        apis = [Url.parse(each) for each in addresses.values()]
        self._http = HttpClient(
            {each.authority: HostTrust(is_insecure=True) for each in apis if each.scheme == "http"},
            environment=environment,
        )
        self._lock = threading.Lock()
        self._lookup_count = 0
        self._failed_hosts: dict[str, str] = {}
        """The reason why basebump does not contact a forge again in this run, by host: the rate limit is reached, or
        the forge does not respond."""

    def fetch_changes(self, comparison: SourceComparison, version: str | None) -> SourceLookup:
        """Return the number of commits between two commits, and the release notes of `version` if it is not None.

        If only the release cannot be looked up, the result has the number of commits, and the reason why the release is
        missing.
        """
        with self._lock:
            self._lookup_count += 1
            is_over_limit = self._lookup_count > MAX_LOOKUPS
        if is_over_limit:
            return UnknownSourceChanges(f"this run has already looked up {MAX_LOOKUPS} sources, the limit")
        try:
            if comparison.host == GITHUB_HOST:
                changes = self._fetch_github_commits(comparison)
            else:
                changes = self._fetch_gitlab_commits(comparison)
        except _LookupFailedError as error:
            return UnknownSourceChanges(str(error))
        if version is None:
            return changes
        try:
            return replace(changes, release=self._fetch_release(comparison, version))
        except _LookupFailedError as error:
            return replace(changes, release_failure=str(error))

    def _fetch_github_commits(self, comparison: SourceComparison) -> SourceChanges:
        """Return the number of commits on GitHub.

        The changed files are only on the first page, and can have several megabytes. Therefore the second page is
        requested, which also has the numbers.
        https://docs.github.com/en/rest/commits/commits#compare-two-commits
        """
        path = f"/repos/{comparison.repository}/compare/{comparison.old}...{comparison.new}?per_page=1&page=2"
        document = _parse_object(self._request_existing(comparison, path))
        return SourceChanges(
            commits=_parse_count(document.get("ahead_by")), dropped_commits=_parse_count(document.get("behind_by"))
        )

    def _fetch_gitlab_commits(self, comparison: SourceComparison) -> SourceChanges:
        """Return the number of commits on GitLab, whose API has no request for the number alone.

        https://docs.gitlab.com/api/commits/#list-repository-commits
        """
        commits = f"{comparison.old}..{comparison.new}"
        path = f"{_get_gitlab_project(comparison)}/repository/commits?ref_name={commits}&per_page={COMMITS_PER_PAGE}"
        response = self._request_existing(comparison, path)
        found = _parse_json(response)
        if not isinstance(found, list) or len(found) > COMMITS_PER_PAGE:
            raise _LookupFailedError("the response is not a list of commits")
        return SourceChanges(commits=len(found), is_lower_bound=bool(response.headers.get("x-next-page", "").strip()))

    def _fetch_release(self, comparison: SourceComparison, version: str) -> ReleaseNotes | None:
        """Return the release whose tag is the version, with or without the letter `v`; None if it is missing."""
        for tag in _list_tags(version):
            if comparison.host == GITHUB_HOST:
                path, name = f"/repos/{comparison.repository}/releases/tags/{quote(tag, safe='')}", "body"
                page = f"https://{comparison.host}/{comparison.repository}/releases/tag/{quote(tag, safe='')}"
            else:
                path, name = f"{_get_gitlab_project(comparison)}/releases/{quote(tag, safe='')}", "description"
                page = f"https://{comparison.host}/{comparison.repository}/-/releases/{quote(tag, safe='')}"
            response = self._request(comparison, path)
            if response.status == HTTPStatus.OK:
                document = _parse_object(response)
                return _build_release(_ReleaseData(tag, document.get("name"), document.get(name)), page)
        return None

    def _request_existing(self, comparison: SourceComparison, path: str) -> Response:
        response = self._request(comparison, path)
        if response.status == HTTPStatus.NOT_FOUND:
            raise _LookupFailedError(f"{comparison.host} has no public repository with these commits")
        return response

    def _request(self, comparison: SourceComparison, path: str) -> Response:
        """Send a request to the API of a forge, and return a response with the status 200 or 404.

        Redirects inside the same API are followed, because a renamed repository redirects. Other redirects are refused.
        """
        host = comparison.host
        if host in self._failed_hosts:
            raise _LookupFailedError(self._failed_hosts[host])
        api = Url.parse(self._addresses[host])
        address = f"{self._addresses[host]}{path}"
        try:
            for _ in range(MAX_REDIRECTS + 1):
                response = self._http.request(
                    "GET", address, limit=MAX_RESPONSE, headers=self._build_headers(host), max_redirects=0
                )
                location = response.headers.get("location")
                if response.status // 100 != 3 or location is None:  # noqa: PLR2004 - the class of redirects
                    break
                target = Url.parse(location, base=Url.parse(address))
                if target.origin != api.origin:
                    raise _LookupFailedError(f"{host} redirects to another host")
                address = str(target)
        except (UnreachableError, RateLimitedError) as error:
            raise self._fail(host, f"{host} could not be reached: {error}") from None
        except HttpError as error:  # the publisher of one image can cause this error, so other lookups continue
            raise _LookupFailedError(f"the response of {host} could not be used: {error}") from None
        return self._check_status(host, response)

    def _build_headers(self, host: str) -> Mapping[str, str]:
        if host != GITHUB_HOST:
            return {"Accept": "application/json"}
        token = {"Authorization": f"Bearer {self._github_token}"} if self._github_token else {}
        return {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28", **token}

    def _check_status(self, host: str, response: Response) -> Response:
        if response.status in (HTTPStatus.OK, HTTPStatus.NOT_FOUND):
            return response
        # https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
        has_limit = response.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in response.headers
        is_limited = response.status == HTTPStatus.FORBIDDEN and has_limit
        if is_limited or response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self._fail(host, f"{host} allows no more requests at the moment")
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise self._fail(host, f"{host} refuses the token")
        raise _LookupFailedError(f"{host} answered {response.status}")

    def _fail(self, host: str, reason: str) -> _LookupFailedError:
        """Return the error, and record that basebump must not contact the forge again in this run."""
        self._failed_hosts[host] = reason
        return _LookupFailedError(reason)


def _get_gitlab_project(comparison: SourceComparison) -> str:
    return f"/projects/{quote(comparison.repository, safe='')}"


def _list_tags(version: str) -> Iterator[str]:
    bare = version.removeprefix("v")
    if _VERSION.fullmatch(bare):
        yield from (f"v{bare}", bare)


def _parse_json(response: Response) -> object:
    try:
        parsed: object = json.loads(response.body)
    except (ValueError, RecursionError):
        raise _LookupFailedError("the response is not JSON") from None
    return parsed


def _parse_object(response: Response) -> Mapping[str, object]:
    parsed = _parse_json(response)
    if not isinstance(parsed, dict):
        raise _LookupFailedError("the response is not a JSON object")
    return parsed


def _parse_count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_COMMITS:
        raise _LookupFailedError("the response does not contain the number of commits")
    return value


def _build_release(release: _ReleaseData, page: str) -> ReleaseNotes:
    name = release.name.strip() if isinstance(release.name, str) else ""
    notes = release.notes if isinstance(release.notes, str) else ""
    lines = [line for each in notes.splitlines() if (line := each.strip())]
    return ReleaseNotes(
        name=(name or release.tag)[:MAX_LINE_LENGTH],
        url=page,
        lines=tuple(line[:MAX_LINE_LENGTH] for line in lines[:MAX_LINES]),
        cut=max(0, len(lines) - MAX_LINES),
    )
