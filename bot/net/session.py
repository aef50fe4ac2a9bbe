"""Sessions of `requests` for third-party client libraries, with limits on the responses to each call."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3 import BaseHTTPResponse

from bot import __version__
from bot.net.body import limit_body
from bot.net.deadlines import DeadlineAdapter
from bot.net.exchange_errors import BlockedError, HttpError, OversizedError
from bot.net.pace import HostPace
from bot.net.proxy import HttpsProxy
from bot.net.url import Url

MAX_CALL_REQUESTS = 2_000
"""The maximum number of requests of one call, such as the pages of a list with 200,000 items. The list of the
files of a GitLab project has up to 1,000 pages."""
MAX_CALL_BYTES = 256 * 1024 * 1024
"""The maximum number of bytes of all responses to one call. A list of 10,000 open pull requests with 25 kilobytes each
is within the limit."""
MAX_CALL_SECONDS = 900.0
"""The maximum duration of one call, in seconds. Each of the 1,000 pages of the longest list may then take almost a
second."""


@dataclass(slots=True)
class CallBudget:
    """The requests, bytes and seconds that one call of a client library may still use."""

    clock: Callable[[], float] = time.monotonic
    requests: int = 0
    """The number of requests that the call has sent until now."""
    received_bytes: int = 0
    ends_at: float = field(init=False)
    """The last time at which the call may send a request, according to `clock`."""

    def __post_init__(self) -> None:
        self.ends_at = self.clock() + MAX_CALL_SECONDS

    def take_request(self, host: str) -> None:
        """Count a request to `host`. Raises OversizedError if the call has used up its requests, bytes or time."""
        self.requests += 1
        exceeded_limit = (
            f"{MAX_CALL_REQUESTS} pages"
            if self.requests > MAX_CALL_REQUESTS
            else f"{MAX_CALL_BYTES} bytes"
            if self.received_bytes > MAX_CALL_BYTES
            else f"{MAX_CALL_SECONDS:.0f} seconds"
            if self.clock() > self.ends_at
            else ""
        )
        if exceeded_limit:
            raise OversizedError(
                f"a list of {host} was not read to its end, because reading it takes more than {exceeded_limit}"
            )


MAX_REDIRECTS = 3
"""The largest number of redirects. APIs redirect at most once: from the old location of a resource to the new
location."""


class OperatorSession(requests.Session):
    """A session with the operator's proxy and certificates, deadlines for exchanges and a size limit for bodies.

    The session uses no `.netrc` and no cookies. It reads HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE from the environment.

    The session raises OversizedError if a body is larger than `limit`. For all other failures, including a missed
    deadline (`bot.net.deadlines`), `requests` raises its own exceptions.
    """

    def __init__(self, *, limit: int, environment: Mapping[str, str] = os.environ) -> None:
        """Create a session. `limit` is the maximum size of a response body in bytes."""
        super().__init__()
        self._proxy = HttpsProxy.read_environment(environment)
        self.trust_env = False
        self.verify = environment.get("SSL_CERT_FILE") or True
        self.max_redirects = MAX_REDIRECTS
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers["User-Agent"] = f"basebump/{__version__}"
        self.headers["Accept-Encoding"] = "gzip"
        for scheme in ("https://", "http://"):
            self.mount(scheme, _BoundedAdapter(limit))

    def merge_environment_settings(self, url: Any, proxies: Any, *settings: Any) -> Any:
        """Add the proxy to the settings of a request to `url`. `requests` calls this method for every request."""
        is_used = self._proxy.is_used_for(Url.parse(url))
        own_proxies = {"https": self._proxy.url} if is_used and self._proxy.url else {}
        return super().merge_environment_settings(url, own_proxies | dict(proxies or {}), *settings)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the target of a redirect; None for any other response. `requests` calls this method.

        Raises BlockedError for a malformed target, for which `requests` would raise ValueError.
        """
        try:
            target = super().get_redirect_target(resp)
            urlsplit(target or "")
        except ValueError:
            origin = Url.parse(resp.url).display_text
            raise BlockedError(f"{origin} redirects to a URL whose syntax is not valid") from None
        return target


class ApiSession(OperatorSession):
    """A session that sends requests to one origin only, and refuses redirects and links to other origins.

    Raises BlockedError for a request to another origin.
    """

    def __init__(
        self,
        url: str,
        *,
        limit: int,
        environment: Mapping[str, str] = os.environ,
        pace: HostPace | None = None,
    ) -> None:
        """Create a session for the origin of `url`.

        Args:
            url: A URL of the API.
            limit: The maximum size of a response body in bytes.
            environment: The environment variables.
            pace: Limits the time that slow exchanges of all sessions with the same server may take; None for a limit of
                this session alone.
        """
        super().__init__(limit=limit, environment=environment)
        self._origin = Url.parse(url)
        self._pace = pace or HostPace(self._origin.authority, time.sleep, time.monotonic)
        self._call_budget: CallBudget | None = None

    @contextmanager
    def limit_call(self) -> Iterator[None]:
        """Limit the requests that are sent within the `with` block.

        If blocks are nested, each block has its own limits.

        A request beyond the limits raises OversizedError.
        """
        outer_budget, self._call_budget = self._call_budget, CallBudget()
        try:
            yield
        finally:
            self._call_budget = outer_budget

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        """Send a request, follow its redirects, and read the body of the response.

        Raises the errors of `send` and `limit_call`, and UnreachableError if slow exchanges with the server have taken
        too much time.
        """
        budget = self._call_budget or CallBudget()
        budget.take_request(self._origin.authority)
        with self._pace.wait_for_turn() as turn:
            response = super().request(*args, **kwargs)
            turn.received_bytes = len(response.content)
        budget.received_bytes += turn.received_bytes
        return response

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send a request. `requests` also calls this method for every redirect.

        Raises BlockedError if the request is to another origin.
        """
        target = Url.parse(request.url or "")
        if target.origin != self._origin.origin:
            raise BlockedError(
                f"{self._origin.authority} redirects or links to {target.display_text}, "
                "which is another host; not followed"
            )
        return super().send(request, **kwargs)


class _BoundedAdapter(DeadlineAdapter):
    """An adapter that limits the size of response bodies and the duration of exchanges."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        super().__init__(limit)

    def build_response(self, req: requests.PreparedRequest, resp: BaseHTTPResponse) -> requests.Response:
        response = super().build_response(req, resp)
        response.raw = _BoundedBody(resp, self._limit, Url.parse(req.url or "").display_text)
        return response


class _BoundedBody:
    """Wraps a response body of `urllib3`, and limits its size."""

    def __init__(self, raw: BaseHTTPResponse, limit: int, subject: str) -> None:
        self._raw = raw
        self._limit = limit
        self._subject = subject

    def stream(self, amount: int, *, decode_content: bool) -> Iterator[bytes]:
        """Yield the body in chunks; `requests` calls this method.

        Raises OversizedError if the body is larger than the limit.
        """
        try:
            yield from limit_body(self._raw.stream(amount, decode_content=decode_content), self._limit, self._subject)
        except HttpError:
            self._raw.close()
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)
