"""Queries an OSV API for the vulnerabilities of packages. Each package and each record is fetched once per run.

https://google.github.io/osv.dev/post-v1-querybatch/, https://google.github.io/osv.dev/get-v1-vulns/
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from threading import Lock
from urllib.parse import quote

from bot.net import HttpClient, HttpError, UnreachableError
from bot.scanners._ecosystems import OsvPackage
from bot.scanners._json import ReportObject, UnreadableReportError, parse_object, read_objects, read_text
from bot.scanners._scanner_program import ComputeOnce

MAX_QUERIES = 1000
"""The largest number of queries in one batch, which is the limit of the API."""
MAX_BATCHES = 200
"""The largest number of batches for one image, including the batches for further pages."""
MAX_BATCH_BYTES = 32 * 1024 * 1024
"""The largest response to a batch, in bytes. The API itself sends no more than this."""
MAX_RECORD_BYTES = 16 * 1024 * 1024
"""The largest record, in bytes. A record about the kernel lists every version of the kernel."""
MAX_RECORDS = 20_000
"""The largest number of vulnerabilities of one image. An old Debian image with a desktop has about 5,000."""


class OsvError(Exception):
    """The query failed. The message gives the reason."""


class OsvUnreachableError(OsvError):
    """basebump could not connect to the API."""


class OsvApi:
    """A client for the OSV API at one URL. Thread-safe.

    The result for a package is cached. Therefore all images of a run that contain the package get the same
    vulnerabilities.
    """

    def __init__(self, url: str, http: HttpClient) -> None:
        self._url, self._http = url, http
        self._lock = Lock()
        self._ids_by_package: dict[OsvPackage, tuple[str, ...]] = {}
        self._record_cache: ComputeOnce[str, ReportObject] = ComputeOnce()

    def query_vulnerabilities(self, packages: Sequence[OsvPackage]) -> Mapping[OsvPackage, tuple[str, ...]]:
        """Return the IDs of the vulnerabilities that affect each of the packages.

        Raises OsvError if a query fails, or if there are more than MAX_RECORDS IDs.
        """
        with self._lock:
            missing = [package for package in packages if package not in self._ids_by_package]
        new_ids = self._query_packages(missing) if missing else {}
        with self._lock:
            for package, identifiers in new_ids.items():
                self._ids_by_package.setdefault(package, identifiers)
            answers = {package: self._ids_by_package[package] for package in packages}
        if len({each for identifiers in answers.values() for each in identifiers}) > MAX_RECORDS:
            raise OsvError(f"{self._url} returned more than {MAX_RECORDS} vulnerabilities for one image")
        return answers

    def get_record(self, identifier: str) -> ReportObject:
        """Return the OSV record of one vulnerability. Raises OsvError if the query fails."""
        return self._record_cache.get(identifier, lambda: self._fetch_record(identifier))

    def _fetch_record(self, identifier: str) -> ReportObject:
        return self._send("GET", f"/v1/vulns/{quote(identifier, safe='')}", None, MAX_RECORD_BYTES)

    def _query_packages(self, packages: Sequence[OsvPackage]) -> Mapping[OsvPackage, tuple[str, ...]]:
        """Return the IDs of the vulnerabilities of each package, from all pages of the responses.

        Packages are queried in batches. A package whose result has a next page is added to a later batch.

        Raises OsvError if the query fails.
        """
        ids_by_package: dict[OsvPackage, list[str]] = {package: [] for package in packages}
        pending: list[tuple[OsvPackage, str]] = [(package, "") for package in ids_by_package]
        for _ in range(MAX_BATCHES):
            if not pending:
                return {package: tuple(dict.fromkeys(identifiers)) for package, identifiers in ids_by_package.items()}
            batch, pending = pending[:MAX_QUERIES], pending[MAX_QUERIES:]
            for (package, _), (identifiers, token) in zip(batch, self._query_batch(batch), strict=True):
                ids_by_package[package] += identifiers
                if token:
                    pending.append((package, token))
        raise OsvError(f"{self._url} did not return all vulnerabilities of an image within {MAX_BATCHES} requests")

    def _query_batch(self, batch: Iterable[tuple[OsvPackage, str]]) -> Sequence[tuple[Sequence[str], str]]:
        """Query the vulnerabilities of some packages with a single request.

        `batch` contains pairs of a package and the token of the page to fetch. The token is empty for the first page.
        The result contains one pair for each package, in the same order: the vulnerability IDs, and the token of the
        next page. The token is empty if there is no next page.

        Raises OsvError if the query fails.
        """
        queries = [
            {
                "package": {"ecosystem": package.ecosystem, "name": package.name},
                "version": package.version,
                **({"page_token": token} if token else {}),
            }
            for package, token in batch
        ]
        answer = self._send("POST", "/v1/querybatch", json.dumps({"queries": queries}).encode(), MAX_BATCH_BYTES)
        try:
            results = [_parse_result(each) for each in read_objects(answer.get("results"))]
        except UnreadableReportError as error:
            raise OsvError(f"{self._url} did not return a list of results") from error
        if len(results) != len(queries):
            raise OsvError(f"{self._url} returned {len(results)} results for {len(queries)} queries")
        return results

    def _send(self, method: str, path: str, body: bytes | None, limit: int) -> ReportObject:
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        try:
            response = self._http.request(
                method, f"{self._url}{path}", limit=limit, headers=headers, body=body, max_redirects=0
            )
        except UnreachableError as error:
            raise OsvUnreachableError(str(error)) from error
        except HttpError as error:
            raise OsvError(str(error)) from error
        if response.status != HTTPStatus.OK:
            raise OsvError(f"{self._url} answered {response.status} for {path}")
        try:
            return parse_object(response.body)
        except UnreadableReportError as error:
            raise OsvError(f"{self._url} did not return a JSON object for {path}") from error


def _parse_result(result: ReportObject) -> tuple[Sequence[str], str]:
    return [read_text(each.get("id")) for each in read_objects(result.get("vulns"))], read_text(
        result.get("next_page_token")
    )
