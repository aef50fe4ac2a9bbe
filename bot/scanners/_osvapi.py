"""Queries an OSV API for the vulnerabilities of packages; fetches each package and each record once in a run.

https://google.github.io/osv.dev/post-v1-querybatch/, https://google.github.io/osv.dev/get-v1-vulns/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from threading import Lock
from urllib.parse import quote

from bot.net import HttpClient, HttpError, UnreachableError
from bot.scanners._ecosystems import Sought
from bot.scanners._json import Object, UnreadableReportError, document, objects, text
from bot.scanners._program import Once

MAX_QUERIES = 1000
"""Queries in one batch; the limit of the API."""
MAX_BATCHES = 200
"""Batches for one image, including further pages."""
MAX_BATCH = 32 * 1024 * 1024
"""Bytes of a response to a batch; the most that the API itself sends."""
MAX_RECORD = 16 * 1024 * 1024
"""Bytes of one record; a record about the kernel lists every version of it."""
MAX_RECORDS = 20_000
"""Vulnerabilities of one image; an old Debian with a desktop has some five thousand."""


class OsvError(Exception):
    """The API failed to answer; the message says why."""


class OsvUnreachableError(OsvError):
    """No connection to the API could be made."""


class OsvApi:
    """A client for the OSV API at one URL.

    Safe to share between threads. Within a run, it returns the same answer for the same package.
    """

    def __init__(self, url: str, http: HttpClient) -> None:
        self._url, self._http = url, http
        self._lock = Lock()
        self._known: dict[Sought, tuple[str, ...]] = {}
        self._records: Once[str, Object] = Once()

    def vulnerabilities(self, packages: Sequence[Sought]) -> Mapping[Sought, tuple[str, ...]]:
        """Return the vulnerability ids of each package. Raises OsvError."""
        with self._lock:
            asked = [package for package in packages if package not in self._known]
        found = self._ask(asked) if asked else {}
        with self._lock:
            for package, identifiers in found.items():
                self._known.setdefault(package, identifiers)
            answers = {package: self._known[package] for package in packages}
        if len({each for identifiers in answers.values() for each in identifiers}) > MAX_RECORDS:
            raise OsvError(f"the image has more than {MAX_RECORDS} vulnerabilities")
        return answers

    def record(self, identifier: str) -> Object:
        """Return the OSV record of one vulnerability. Raises OsvError."""
        return self._records.get(identifier, lambda: self._record(identifier))

    def _record(self, identifier: str) -> Object:
        return self._send("GET", f"/v1/vulns/{quote(identifier, safe='')}", None, MAX_RECORD)

    def _ask(self, packages: Sequence[Sought]) -> Mapping[Sought, tuple[str, ...]]:
        """Query packages in batches, and query again those whose answer has another page."""
        found: dict[Sought, list[str]] = {package: [] for package in packages}
        pending: list[tuple[Sought, str]] = [(package, "") for package in found]
        for _ in range(MAX_BATCHES):
            if not pending:
                return {package: tuple(dict.fromkeys(identifiers)) for package, identifiers in found.items()}
            batch, pending = pending[:MAX_QUERIES], pending[MAX_QUERIES:]
            for (package, _), (identifiers, token) in zip(batch, self._batch(batch), strict=True):
                found[package] += identifiers
                if token:
                    pending.append((package, token))
        raise OsvError(f"{self._url} needs more than {MAX_BATCHES} batches for one image")

    def _batch(self, batch: Iterable[tuple[Sought, str]]) -> Sequence[tuple[Sequence[str], str]]:
        """Query one batch; return the vulnerability ids of each package and the token of its next page."""
        queries = [
            {
                "package": {"ecosystem": package.ecosystem, "name": package.name},
                "version": package.version,
                **({"page_token": token} if token else {}),
            }
            for package, token in batch
        ]
        answer = self._send("POST", "/v1/querybatch", json.dumps({"queries": queries}).encode(), MAX_BATCH)
        try:
            results = [_result(each) for each in objects(answer.get("results"))]
        except UnreadableReportError as error:
            raise OsvError(f"{self._url} answered something that is not a list of results") from error
        if len(results) != len(queries):
            raise OsvError(f"{self._url} answered {len(results)} of {len(queries)} queries")
        return results

    def _send(self, method: str, path: str, body: bytes | None, limit: int) -> Object:
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        try:
            response = self._http.request(
                method, f"{self._url}{path}", limit=limit, headers=headers, body=body, redirects=0
            )
        except UnreachableError as error:
            raise OsvUnreachableError(str(error)) from error
        except HttpError as error:
            raise OsvError(str(error)) from error
        if response.status != HTTPStatus.OK:
            raise OsvError(f"{self._url} answered {response.status} for {path}")
        try:
            return document(response.body)
        except UnreadableReportError as error:
            raise OsvError(f"{self._url} answered something that is not a JSON object for {path}") from error


def _result(found: Object) -> tuple[Sequence[str], str]:
    return [text(each.get("id")) for each in objects(found.get("vulns"))], text(found.get("next_page_token"))
