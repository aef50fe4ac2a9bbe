"""Creating PyGithub clients that send all requests through basebump's own HTTP session.

The session (`bot.net.session`) connects only to one origin, limits the duration and the size of each response, and uses
the operator's proxy and certificates.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from github import Auth, Github
from github.Requester import Requester, RequestsResponse

from bot.net import ApiSession, BlockedError, HostPace, Url

API_VERSION = "2022-11-28"
"""The version of the API. The tests check every request and response against GitHub's description of this version."""
PER_PAGE = 100
"""The largest number of items on a page that GitHub returns."""
TIMEOUT = 30
"""Seconds without data after which a request fails. GitHub itself cancels a request after ten seconds."""
MAX_ANSWER = 32 * 1024 * 1024
"""The largest size of one response in bytes. A full page of pull requests with the longest possible descriptions, each
65,536 characters of up to four bytes, is smaller, and so is the largest file that basebump reads."""
MAX_REPETITIONS = 3
"""The largest number of times in a row that PyGithub can repeat one request because of the response. GitHub redirects
at most once: from the old location of a repository to the new one."""

_REPEATED_STATUSES = frozenset({202, 301})
"""HTTP statuses after which PyGithub repeats a request without a limit: 202 if the response is not ready, 301 for a
redirect."""
_INJECTION_LOCK = threading.Lock()


class CurrentToken(Auth.Auth):
    """Adds a token to the requests of one PyGithub client.

    The token is replaced before each request, because requests can need tokens with different permissions.
    """

    token_type = "Bearer"  # noqa: S105 - the authentication scheme, not a secret

    def __init__(self) -> None:
        self.secret: str | None = None

    @property
    def token(self) -> str:
        return self.secret or ""

    def authentication(self, headers: dict[str, str]) -> None:
        if self.secret:
            super().authentication(headers)


def create_client(url: str, ca: Path | None, pace: HostPace | None = None) -> tuple[Github, CurrentToken, ApiSession]:
    """Return a PyGithub client, the object that sets the token for its next request, and the session.

    Args:
        url: The URL of the REST API.
        ca: A file with certificates to trust instead of the session's default certificates.
        pace: Limits the total time of the slow exchanges of all clients; None for no limit.
    """
    current = CurrentToken()
    session = ApiSession(url, limit=MAX_ANSWER, pace=pace)
    with _INJECTION_LOCK:  # a client keeps the function that was injected when the client was created
        _inject_connections(_SessionConnections(session, Url.parse(url)))
        client = Github(
            auth=current,
            base_url=url,
            timeout=TIMEOUT,
            user_agent=str(session.headers["User-Agent"]),
            per_page=PER_PAGE,
            verify=str(ca) if ca is not None else session.verify or True,
            retry=None,  # PyGithub's default repeats POST but not PATCH, and sleeps for up to an hour
            seconds_between_requests=0,
            seconds_between_writes=0,  # `RequestSender` delays writes
            lazy=True,
            api_version=API_VERSION,
        )
        _inject_connections(_ForeignConnection)
    return client, current, session


def _inject_connections(create_connection: Callable[..., object]) -> None:
    """Make PyGithub create its connections with `create_connection`, and not reuse connections."""
    Requester.injectConnectionClasses(create_connection, create_connection)  # type: ignore[arg-type]


class _ForeignConnection:
    """Refuses a connection to another host, which PyGithub creates to follow a link in a response."""

    def __init__(self, host: str, *_: object, **__: object) -> None:
        raise BlockedError(f"it links to {host}, which is another host; not followed")


class _SessionConnections:
    """Creates the connection objects of one PyGithub client, whose requests go to the API at `url`."""

    def __init__(self, session: ApiSession, url: Url) -> None:
        self._session = session
        self._origin = f"{url.scheme}://{url.authority}"
        self._repetitions = 0

    def __call__(self, *_: object, timeout: float, verify: bool | str, **__: object) -> _SessionConnection:
        return _SessionConnection(self, {"timeout": timeout, "verify": verify, "allow_redirects": False})

    def send(self, verb: str, path: str, **options: Any) -> RequestsResponse:
        """Send a request, and return the response.

        Raises BlockedError if PyGithub has repeated the request too often.
        """
        response = self._session.request(verb, self._origin + path, **options)
        self._repetitions = self._repetitions + 1 if response.status_code in _REPEATED_STATUSES else 0
        if self._repetitions > MAX_REPETITIONS:
            self._repetitions = 0
            raise BlockedError(f"it redirects or delays a request more than {MAX_REPETITIONS} times")
        return RequestsResponse(response)


class _SessionConnection:
    """Sends one request of PyGithub; has the methods of PyGithub's own connection class."""

    def __init__(self, connections: _SessionConnections, options: dict[str, Any]) -> None:
        self._send = partial(connections.send, **options)

    def request(self, verb: str, path: str, body: Any, headers: dict[str, str], _: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of PyGithub
        self._send = partial(self._send, verb, path, data=body, headers=headers)

    def getresponse(self) -> RequestsResponse:
        return self._send()

    def close(self) -> None:
        """Do nothing, because later requests use the session, too."""
