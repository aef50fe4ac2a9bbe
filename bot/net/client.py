"""HTTP client: one session per thread, redirects checked one by one, few retries, bounded bodies."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy

import requests
from urllib3.exceptions import HTTPError as TransportError

from bot import __version__
from bot.net.body import bounded
from bot.net.causes import cause_of
from bot.net.errors import BlockedError, HttpError, StrayedError, UnreachableError
from bot.net.guard import Guard, HostTrust, Resolve, resolve
from bot.net.pace import MAX_PAUSE, Pace
from bot.net.proxy import Proxy
from bot.net.transport import GuardedAdapter
from bot.net.url import Url

CONNECT_TIMEOUT = 10.0
"""Seconds; enough for two lost SYN packets (1 + 2 + 4)."""
READ_TIMEOUT = 30.0
"""Seconds without a byte; a registry that has to contact its upstream takes several seconds."""
MAX_REDIRECTS = 5
"""registry.k8s.io needs one redirect, blobs behind a mirror need two."""
MAX_TRIES = 3
"""The same as in go-containerregistry."""
PAUSES = (1.0, 3.0)
"""Seconds before the second and the third attempt, unless the server states another time."""
RETRIED_STATUSES = frozenset({408, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True)
class Response:
    """A response with any status; `body` is within the limit of the request."""

    status: int
    headers: Mapping[str, str]
    """Names are in lower case; values of repeated headers are joined by `, `."""
    body: bytes


@dataclass(frozen=True, slots=True)
class _Question:
    """The parts of a request that stay the same over all redirects."""

    method: str
    body: bytes | None
    limit: int
    redirects: int


class HttpClient:
    """Sends requests to URLs that repository content may have influenced. Thread-safe."""

    def __init__(
        self,
        listed: Mapping[str, HostTrust] | None = None,
        *,
        environment: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        resolve: Resolve = resolve,
    ) -> None:
        """Take the hosts that the configuration lists, as `host[:port]`; only these may be private or insecure.

        HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are read from `environment`. Raises ValueError if a host is invalid.
        """
        self._guard = Guard(listed or {}, resolve)
        self._proxy = Proxy.from_environment(environment)
        self._ca = environment.get("SSL_CERT_FILE") or None
        self._sleep, self._clock, self._now = sleep, clock, now
        self._of_thread = threading.local()
        self._lock = threading.Lock()
        self._paces: dict[str, Pace] = {}
        self._exhausted: set[str] = set()
        """Hosts for which the last request failed on every attempt; until they answer again, they get one attempt."""

    def request(
        self,
        method: str,
        url: str,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        redirects: int = MAX_REDIRECTS,
    ) -> Response:
        """Send a request, with retries, and return the response; `limit` is the maximum size of its body in bytes.

        At most `max_redirects` redirects are followed; if that is 0, a redirect is returned like any other response.
        The Authorization header is sent only to the origin of `url`.
        Raises BlockedError, UnreachableError, OversizedError, RateLimitedError.
        """
        question = _Question(method, body, limit, redirects)
        target = Url.parse(url)
        tries = 1 if target.authority in self._exhausted else MAX_TRIES
        pauses = iter(PAUSES[: tries - 1])
        while True:
            pause = next(pauses, None)
            try:
                response, answering = self._follow(question, target, headers or {})
            except UnreachableError as error:
                if pause is None or error.lasting:
                    self._exhausted.add(target.authority)
                    raise
                self._sleep(pause)
                continue
            if response.status not in RETRIED_STATUSES or _is_used_up(response):
                self._exhausted.discard(target.authority)
                return response
            asked = self._asked_pause(response, PAUSES[-1] if pause is None else pause)
            is_complaint = response.status == HTTPStatus.TOO_MANY_REQUESTS or "retry-after" in response.headers
            if is_complaint:
                self._pace(answering).postpone(asked)
            if pause is None or asked > MAX_PAUSE:  # a retry before the time that the host asked for would fail again
                self._exhausted.add(target.authority)
                return response
            if not is_complaint:  # otherwise the pace delays all requests to this host, the next attempt included
                self._sleep(asked)

    def _pace(self, target: Url) -> Pace:
        with self._lock:
            return self._paces.setdefault(target.authority, Pace(target.authority, self._sleep, self._clock))

    def _asked_pause(self, response: Response, otherwise: float) -> float:
        """Return the seconds that a Retry-After header asks for (RFC 9110, 10.2.3), else the default."""
        asked = response.headers.get("retry-after", "").strip()
        if asked.isascii() and asked.isdigit():
            return float(asked[:10])
        try:
            moment = parsedate_to_datetime(asked)
            seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - self._now()).total_seconds()
        except (ValueError, OverflowError):
            return otherwise
        return max(seconds, 0.0)

    def _follow(self, question: _Question, target: Url, headers: Mapping[str, str]) -> tuple[Response, Url]:
        """Return the response at the end of all redirects, and the URL that sent it."""
        response, hops = self._exchange(question, target, headers), 0
        while question.redirects and response.status in REDIRECTS and (location := response.headers.get("location")):
            if hops == question.redirects:
                raise StrayedError(f"{target.shown} redirects more than {question.redirects} times")
            hops += 1
            try:
                following = Url.parse(location, base=target)
                if following.origin != target.origin:
                    headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
                response, target = self._exchange(question, following, headers), following
            except BlockedError as error:  # without its hint: a redirect must not suggest to list the host it names
                raise StrayedError(f"{target.shown} redirects to a blocked URL: {error.what}") from error
        return response, target

    def _exchange(self, question: _Question, target: Url, headers: Mapping[str, str]) -> Response:
        self._guard.admit(target)
        by_proxy = self._proxy.serves(target)
        if by_proxy:
            self._guard.admit_by_proxy(target)
        with self._pace(target).turn():
            return self._send(question, target, headers, by_proxy=by_proxy)

    def _send(self, question: _Question, target: Url, headers: Mapping[str, str], *, by_proxy: bool) -> Response:
        trust = self._guard.trust(target)
        try:
            with self._session().request(
                question.method,
                str(target),
                headers=dict(headers),
                data=question.body,
                stream=True,
                allow_redirects=False,
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                verify=(trust and trust.ca) or self._ca or True,
                proxies={"https": self._proxy.url} if by_proxy and self._proxy.url else {},
            ) as response:
                content = b"" if question.method == "HEAD" else _read(response, target, question.limit)
                lowered = {name.lower(): value for name, value in response.headers.items()}
                return Response(response.status_code, lowered, content)
        except HttpError:
            raise
        except UnicodeError:  # through a proxy, Python 3.13 detects only here that a label is empty or too long
            raise UnreachableError(f"{target.shown} did not answer: its host name is invalid", lasting=True) from None
        except (OSError, TransportError) as error:
            cause, lasting = cause_of(error)
            raise UnreachableError(f"{target.shown} did not answer: {cause}", lasting=lasting) from error

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._of_thread, "session", None)
        if session is None:
            session = requests.Session()
            # ~/.netrc would replace the Authorization header, and variables for other programs would select a proxy.
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            # Digests are of the stored bytes, so no compression in transit is requested.
            session.headers.update({"User-Agent": f"basebump/{__version__}", "Accept-Encoding": "identity"})
            adapter = GuardedAdapter(self._guard)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._of_thread.session = session
        return session


def _is_used_up(response: Response) -> bool:
    """Return True if a quota is used up: a pause does not help then, but requests that do not count still succeed."""
    left = response.headers.get("ratelimit-remaining", "").partition(";")[0].strip()
    return response.status == HTTPStatus.TOO_MANY_REQUESTS and left == "0"


def _read(response: requests.Response, target: Url, limit: int) -> bytes:
    """Return the body, read within the time limit. Raises OversizedError, UnreachableError."""
    pieces = iter(lambda: response.raw.read1(_CHUNK, decode_content=True), b"")
    return b"".join(bounded(pieces, limit, target.shown))
