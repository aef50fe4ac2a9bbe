"""Queries Azure Resource Graph page by page, within the limits of its throttling.

https://learn.microsoft.com/en-us/rest/api/azureresourcegraph/resourcegraph/resources/resources
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus

from bot.model.errors import BasebumpError
from bot.net import HttpClient, HttpError, Response, sanitize_text
from bot.scanners._json import ReportObject, UnreadableReportError, parse_object, read_object, read_objects, read_text

API_VERSION = "2022-10-01"
MAX_RESPONSE_BYTES = 32 * 1024 * 1024
"""The largest response, in bytes. The service itself sends at most half of this size."""
MAX_PAGES = 1000
"""The largest number of pages of one query."""
MAX_WAITS = 5
"""The largest number of attempts to fetch one page while the service throttles the identity."""
MAX_PAUSE = 60.0
"""The longest pause, in seconds. The service counts the queries of an identity in windows of five seconds."""
TOO_LARGE = "ResponsePayloadTooLarge"
"""The error code for a page that is larger than the service's size limit."""
REQUIRED_ROLE = "Security Reader"
_QUOTA_RESET = re.compile(r"([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?")


class ResourceGraphError(Exception):
    """The query failed. The message gives the reason."""


class ResourceGraph:
    """Runs queries in Azure Resource Graph. The results contain only resources that the identity is allowed to read.

    `manager` is the host name of Azure Resource Manager in this cloud. `get_token` returns an access token for this
    host, and raises BasebumpError if no token is issued. The token is sent only to this host.
    """

    def __init__(
        self,
        manager: str,
        get_token: Callable[[], str],
        http: HttpClient,
        *,
        subscriptions: Sequence[str] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.manager, self._get_token, self._http = manager, get_token, http
        self._subscriptions, self._sleep = tuple(subscriptions), sleep

    def query_rows(self, query: str, page_size: int) -> Iterator[ReportObject]:
        """Yield all rows of a query, fetched in pages of at most `page_size` rows.

        Raises ResourceGraphError if the query fails.
        """
        skip_token, used_tokens, size = "", set[str](), page_size
        while True:
            answer, size = self._fetch_page(query, skip_token, size)
            try:
                rows, skip_token = read_objects(answer.get("data")), read_text(answer.get("$skipToken"))
            except UnreadableReportError as error:
                raise ResourceGraphError(
                    f"{self.manager} did not return a list of rows for the Azure Resource Graph query"
                ) from error
            yield from rows
            if not skip_token and str(answer.get("resultTruncated")).lower() == "true":
                raise ResourceGraphError(
                    f"{self.manager} has more rows for the Azure Resource Graph query, but did not name a next page"
                )
            if not skip_token:
                return
            if skip_token in used_tokens:
                raise ResourceGraphError(
                    f"{self.manager} returned the same page twice for the Azure Resource Graph query"
                )
            if len(used_tokens) >= MAX_PAGES:
                raise ResourceGraphError(
                    f"{self.manager} returned more than {MAX_PAGES} pages for the Azure Resource Graph query"
                )
            used_tokens.add(skip_token)

    def _fetch_page(self, query: str, skip_token: str, size: int) -> tuple[ReportObject, int]:
        """Fetch one page of at most `size` rows. Return the response and the page size to use for the next page.

        If the service refuses the page because it has too many bytes, half as many rows are requested. The smaller size
        is then also used for the next page.

        `skip_token` is the token of the page to fetch; it is empty for the first page.

        Raises ResourceGraphError if the query fails.
        """
        while True:
            response, token = self._request_page(query, skip_token, size)
            if response.status == HTTPStatus.OK:
                break
            code, detail = _parse_error(response, token)
            if code != TOO_LARGE or size == 1:
                raise self._build_error(response.status, detail)
            size //= 2
        try:
            return parse_object(response.body), size
        except UnreadableReportError as error:
            raise ResourceGraphError(
                f"{self.manager} did not return a JSON object for the Azure Resource Graph query"
            ) from error

    def _request_page(self, query: str, skip_token: str, size: int) -> tuple[Response, str]:
        options = {"$top": size, "resultFormat": "objectArray", **({"$skipToken": skip_token} if skip_token else {})}
        scope = {"subscriptions": list(self._subscriptions)} if self._subscriptions else {}
        body = json.dumps({"query": query, "options": options, **scope}).encode()
        url = f"https://{self.manager}/providers/Microsoft.ResourceGraph/resources?api-version={API_VERSION}"
        for _ in range(MAX_WAITS):
            try:
                token = self._get_token()
                headers = {
                    "Authorization": f"Bearer {token}",
                    "Accept": "application/json",
                    "Content-Type": "application/json",
                }
                response = self._http.request(
                    "POST", url, headers=headers, body=body, limit=MAX_RESPONSE_BYTES, max_redirects=0
                )
            except (HttpError, BasebumpError) as error:
                raise ResourceGraphError(f"the Azure Resource Graph query at {self.manager} failed: {error}") from error
            is_throttled = response.status == HTTPStatus.TOO_MANY_REQUESTS
            if is_throttled or response.headers.get("x-ms-user-quota-remaining", "").strip() == "0":
                self._sleep(_parse_pause(response))
            if not is_throttled:
                break
        return response, token

    def _build_error(self, status: int, detail: str) -> ResourceGraphError:
        answered = f"{self.manager} answered {status}{detail}"
        match status:
            case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
                return ResourceGraphError(
                    f"{answered}; hint: give the identity the role {REQUIRED_ROLE} on the subscriptions"
                )
            case HTTPStatus.TOO_MANY_REQUESTS:
                return ResourceGraphError(f"{answered}; hint: run less often, or with another identity")
        return ResourceGraphError(answered)


def _parse_pause(response: Response) -> float:
    """Return the number of seconds to wait before the next query, at most MAX_PAUSE.

    Azure states this time in the header `x-ms-user-quota-resets-after`. If the header is missing, return 5.

    https://learn.microsoft.com/en-us/azure/governance/resource-graph/concepts/guidance-for-throttled-requests
    """
    match = _QUOTA_RESET.fullmatch(response.headers.get("x-ms-user-quota-resets-after", "").strip())
    hours, minutes, seconds = map(int, match.groups()) if match else (0, 0, 5)
    return min(3600.0 * hours + 60.0 * minutes + seconds, MAX_PAUSE)


def _parse_error(response: Response, token: str) -> tuple[str, str]:
    """Return the error in a response: its code, and a text such as ` (CODE: message)` to append to a message.

    If the error has details, the code and message are those of the first detail, because a detail is more specific.
    `token` is the access token of the request. It is masked in the text. If the response contains no error, both
    results are empty strings.

    https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#handling-errors
    """
    try:
        error = read_object(parse_object(response.body).get("error"))
        inner = [*read_objects(error.get("details")), error]
        code, message = read_text(inner[0].get("code")), read_text(inner[0].get("message"))
    except UnreadableReportError:
        return "", ""  # an HTML page adds no detail to the status code
    return code, f" ({sanitize_text(f'{code}: {message}'.rstrip(': '), (token,))})" if code else ""
