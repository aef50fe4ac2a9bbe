"""An HTTP client for untrusted URLs, such as URLs that come from a scanned repository or from a server's response.

The client checks every redirect, retries failed requests a few times, limits the size of response bodies, and has one
session per thread.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy

import requests
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.exceptions import HTTPError as TransportError
from urllib3.util.connection import create_connection

from bot import __version__
from bot.net.body import limit_body
from bot.net.causes import describe_cause
from bot.net.deadlines import SLOWEST_RATE, DeadlineAdapter, open_unchecked_socket
from bot.net.exchange_errors import BlockedError, BlockedRedirectError, HttpError, UnreachableError
from bot.net.guard import HostTrust, RequestGuard, ResolveHost, resolve_host
from bot.net.pace import MAX_PAUSE, HostPace
from bot.net.proxy import HttpsProxy
from bot.net.url import Url


class GuardedAdapter(DeadlineAdapter):
    """A `requests` adapter that checks the addresses of hosts before it connects to them.

    The IP address of the operator's proxy is not checked, because a proxy is usually in the private network. A proxy
    resolves the names of the hosts itself. If a proxy is used, HttpClient therefore checks the host names instead of
    the IP addresses.
    """

    def __init__(self, guard: RequestGuard) -> None:
        super().__init__(open_socket=partial(_connect_guarded, guard))


def _connect_guarded(guard: RequestGuard, connection: HTTPConnection) -> socket.socket:
    """Connect to the proxy of the connection, or to the first IP address of the host that accepts the connection.

    TLS and the Host header still use the host name. If the connection has a proxy, only the proxy is contacted. Raises
    BlockedError if any IP address of the host is not allowed, and an error of urllib3 if no IP address accepts the
    connection.
    """
    if connection.proxy is not None:
        return open_unchecked_socket(connection)
    try:
        addresses = guard.resolve_addresses(connection.host, connection.port)
    except OSError as error:
        raise NameResolutionError(connection.host, connection, socket.gaierror(*error.args)) from error
    failure: OSError = OSError("it has no address")
    for address in addresses:
        try:
            return create_connection(
                (address, connection.port), connection.timeout, socket_options=connection.socket_options
            )
        except OSError as error:
            failure = error
    if isinstance(failure, TimeoutError):
        raise ConnectTimeoutError(connection, "the connection timed out") from failure
    raise NewConnectionError(connection, str(failure)) from failure


CONNECT_TIMEOUT = 10.0
"""The time limit for a connection, in seconds. This is enough for two lost SYN packets, because TCP waits 1 + 2 + 4
seconds."""
READ_TIMEOUT = 30.0
"""The longest time without a received byte, in seconds. A registry that contacts its upstream takes several seconds."""
MAX_REDIRECTS = 5
"""The largest number of redirects of a request. registry.k8s.io needs one redirect. Blobs behind a mirror need two."""
MAX_TRIES = 3
"""The largest number of attempts per request, the same as in go-containerregistry."""
RETRY_PAUSES = (1.0, 3.0)
"""The seconds before the second and the third attempt, unless the server asks for another pause."""
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
REDIRECT_STATUSES = frozenset({301, 302, 303, 307, 308})
_CHUNK_SIZE = 64 * 1024
MAX_REDIRECT_BODY = 64 * 1024
"""The number of bytes of a redirect's body that are read and discarded, so that the connection can be used again.
Registries send a short page with a link. If the body is longer, it is not read, and the connection is closed."""


@dataclass(frozen=True, slots=True)
class Response:
    """A response with any status. The body is not larger than the `limit` of the request."""

    status: int
    headers: Mapping[str, str]
    """The headers by their names in lower case. The values of a repeated header are joined by `, `."""
    body: bytes


@dataclass(frozen=True, slots=True)
class _RequestParts:
    """The parts of a request that stay the same when the client follows a redirect."""

    method: str
    body: bytes | None
    limit: int
    max_redirects: int


class HttpClient:
    """Sends requests to untrusted URLs. Thread-safe."""

    def __init__(
        self,
        listed_hosts: Mapping[str, HostTrust] | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolve: ResolveHost = resolve_host,
    ) -> None:
        """Create a client. The keys of `listed_hosts` are the hosts that the configuration lists, as `host[:port]`.

        Only listed hosts may have private IP addresses. Plain http is allowed only for listed hosts with `is_insecure`.
        HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are read from `environment`.

        Raises ValueError if a listed host is invalid.
        """
        self._guard = RequestGuard(listed_hosts or {}, resolve)
        self._proxy = HttpsProxy.read_environment(environment)
        self._ca = environment.get("SSL_CERT_FILE") or None
        self._sleep, self._clock, self._now = sleep, clock, now
        self._thread_local = threading.local()
        self._lock = threading.Lock()
        self._paces: dict[str, HostPace] = {}
        self._exhausted_hosts: set[str] = set()
        """The hosts whose last request failed after all attempts. Until such a host responds again, each request to it
        is tried only once."""

    def request(
        self,
        method: str,
        url: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_redirects: int = MAX_REDIRECTS,
    ) -> Response:
        """Send a request and return the response. Retry up to MAX_TRIES attempts in total.

        - `limit` is the maximum size of the response body in bytes.
        - `max_redirects` is the number of redirects that are followed. If it is 0, a redirect is returned without its
          body.
        - The Authorization header in `headers` is sent only to the origin of `url`.

        If the last attempt gets an error status, its response is returned.

        Raises BlockedError if the guard does not allow the request, UnreachableError if there is no complete response,
        OversizedError if the response is larger than `limit`, and RateLimitedError if the host asked for a long pause.
        """
        parts = _RequestParts(method, body, limit, max_redirects)
        target = Url.parse(url)
        tries = 1 if target.authority in self._exhausted_hosts else MAX_TRIES
        pauses = iter(RETRY_PAUSES[: tries - 1])
        while True:
            pause = next(pauses, None)
            try:
                response, answering = self._follow_redirects(parts, target, headers or {})
            except UnreachableError as error:
                if pause is None or error.is_permanent:
                    self._exhausted_hosts.add(target.authority)
                    raise
                self._sleep(pause)
                continue
            if response.status not in RETRIED_STATUSES or _is_quota_exhausted(response):
                self._exhausted_hosts.discard(target.authority)
                return response
            requested_pause = self._parse_retry_after(response, RETRY_PAUSES[-1] if pause is None else pause)
            is_complaint = response.status == HTTPStatus.TOO_MANY_REQUESTS or "retry-after" in response.headers
            if is_complaint:
                self._get_pace(answering).pause_requests(requested_pause)
            # A retry before the time that the host asked for would fail again.
            if pause is None or requested_pause > MAX_PAUSE:
                self._exhausted_hosts.add(target.authority)
                return response
            if not is_complaint:  # the pace already delays all requests to a host that complained
                self._sleep(requested_pause)

    def _get_pace(self, target: Url) -> HostPace:
        with self._lock:
            return self._paces.setdefault(target.authority, HostPace(target.authority, self._sleep, self._clock))

    def _parse_retry_after(self, response: Response, default: float) -> float:
        """Return the number of seconds in the Retry-After header (RFC 9110, 10.2.3).

        If the header is missing or invalid, return `default`.
        """
        header = response.headers.get("retry-after", "").strip()
        if header.isascii() and header.isdigit():
            return float(header[:10])
        try:
            moment = parsedate_to_datetime(header)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - self._now()).total_seconds()
        except (ValueError, OverflowError):
            return default
        return max(seconds, 0.0)

    def _follow_redirects(self, parts: _RequestParts, target: Url, headers: Mapping[str, str]) -> tuple[Response, Url]:
        """Send a request and follow its redirects; return the last response and the URL that sent it.

        Raises BlockedRedirectError if a redirect is not allowed, or if there are too many.
        """
        original = target
        response, hops = self._send_guarded(parts, target, headers), 0
        while (
            parts.max_redirects
            and response.status in REDIRECT_STATUSES
            and (location := response.headers.get("location"))
        ):
            if hops == parts.max_redirects:
                raise BlockedRedirectError(f"{target.display_text} redirects more than {parts.max_redirects} times")
            hops += 1
            try:
                next_url = Url.parse(location, base=target)
                if next_url.origin != target.origin:
                    headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
                response, target = self._send_guarded(parts, next_url, headers, original), next_url
            except BlockedError as error:  # its hint is left out: no redirect must suggest listing a host
                raise BlockedRedirectError(
                    f"{target.display_text} redirects to a blocked URL: {error.reason}"
                ) from error
        return response, target

    def _send_guarded(
        self, parts: _RequestParts, target: Url, headers: Mapping[str, str], redirecting: Url | None = None
    ) -> Response:
        """Send a request if the guard allows its URL, when the pace of the host permits it.

        `redirecting` is the URL of the first request if `target` is the target of a redirect. A slow exchange then also
        counts for the host of this URL. Without this rule, a host could redirect each request to another slow host, and
        no host would reach its limit.
        """
        self._guard.check_url(target)
        uses_proxy = self._proxy.is_used_for(target)
        if uses_proxy:
            self._guard.check_proxied_url(target)
        with self._get_pace(target).wait_for_turn() as turn:
            started_at = self._clock()
            try:
                response = self._send_once(parts, target, headers, uses_proxy=uses_proxy)
                turn.received_bytes = len(response.body)
                return response
            finally:
                if redirecting is not None and redirecting.authority != target.authority:
                    start = started_at + turn.received_bytes / SLOWEST_RATE
                    self._get_pace(redirecting).record_exchange(start, self._clock())

    def _send_once(
        self, parts: _RequestParts, target: Url, headers: Mapping[str, str], *, uses_proxy: bool
    ) -> Response:
        trust = self._guard.get_trust(target)
        try:
            with self._get_session(parts.limit).request(
                parts.method,
                str(target),
                headers=dict(headers),
                data=parts.body,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                verify=(trust and trust.ca) or self._ca or True,
                proxies={"https": self._proxy.url} if uses_proxy and self._proxy.url else {},
            ) as response:
                lower_headers = {name.lower(): value for name, value in response.headers.items()}
                if parts.method == "HEAD":
                    content = b""
                elif response.status_code in REDIRECT_STATUSES and "location" in lower_headers:
                    content = b""
                    response.raw.read(MAX_REDIRECT_BODY, decode_content=False)
                else:
                    content = _read_body(response, target, parts.limit)
                return Response(response.status_code, lower_headers, content)
        except HttpError:
            raise
        except UnicodeError:  # with a proxy, Python 3.13 detects only here that a label is empty or too long
            raise UnreachableError(
                f"{target.display_text} did not answer: its host name is invalid", is_permanent=True
            ) from None
        except (OSError, TransportError) as error:
            cause, lasting = describe_cause(error)
            raise UnreachableError(f"{target.display_text} did not answer: {cause}", is_permanent=lasting) from error

    def _get_session(self, limit: int) -> requests.Session:
        """Return the session of this thread. Its requests may take as long as a response of `limit` bytes needs."""
        if not hasattr(self._thread_local, "session"):
            session = _RedirectFreeSession()
            # ~/.netrc would replace the Authorization header, and variables for other programs would select a proxy.
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            # basebump computes digests from the stored bytes, so it does not request compression.
            session.headers.update({"User-Agent": f"basebump/{__version__}", "Accept-Encoding": "identity"})
            adapter = GuardedAdapter(self._guard)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._thread_local.session, self._thread_local.adapter = session, adapter
        self._thread_local.adapter.set_limit(limit)
        current: requests.Session = self._thread_local.session
        return current


class _RedirectFreeSession(requests.Session):
    """A session that treats a redirect like any other response.

    Even if it must not follow redirects, `requests` reads the whole body of a redirect into memory and parses its
    target, which raises ValueError if the target is invalid.
    """

    def get_redirect_target(self, _resp: requests.Response) -> None:
        return None


def _is_quota_exhausted(response: Response) -> bool:
    """Return True if the host refused a request because its pull quota is used up.

    Such a request is not retried, because the host would also refuse the retry. Requests that the host does not count
    as pulls, such as HEAD, still succeed. Therefore the host's other requests are not paused.
    """
    remaining = response.headers.get("ratelimit-remaining", "").partition(";")[0].strip()
    return response.status == HTTPStatus.TOO_MANY_REQUESTS and remaining == "0"


def _read_body(response: requests.Response, target: Url, limit: int) -> bytes:
    """Read the body of a response. Raises OversizedError if the body has more than `limit` bytes."""
    chunks = iter(lambda: response.raw.read1(_CHUNK_SIZE, decode_content=True), b"")
    return b"".join(limit_body(chunks, limit, target.display_text))
