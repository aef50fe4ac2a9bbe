"""HTTP requests and responses of the service, and the choice of the function that answers a request.

The functions are independent of WSGI, so that tests can call them. `bot.serve.app` connects them to WSGI.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""The headers of every response. Pages contain no scripts and load nothing from other sites."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request."""

    method: str
    path: str
    """The decoded path, which begins with a slash."""
    query: Mapping[str, str] = field(default_factory=dict)
    """The first value of each parameter."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """The headers. Their names are in lower case."""
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes = b""
    content_type: str = TEXT
    headers: tuple[tuple[str, str], ...] = ()
    """The headers in addition to the content type and SECURITY_HEADERS."""


Handler = Callable[[HttpRequest, Mapping[str, str]], Response]
"""A function that answers a request. Its second argument contains the parts of the path that match the route's
`{name}`s.
"""

FailurePages = Callable[[HttpRequest, Response], Response]
"""A function that returns what a browser shows for a response, which is a page for a line of text about a failure."""


@dataclass(frozen=True, slots=True)
class Route:
    """The handler of requests with a method and a path that matches a pattern."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler

    @classmethod
    def build(cls, method: str, path: str, handler: Handler) -> Route:
        """Return a route for a path such as `/images/{name...}`.

        `{name}` stands for one part of the path, and `{name...}` for one or more parts.
        """
        parts = re.split(r"\{([a-z_]+)(\.\.\.)?\}", path)
        pattern = re.escape(parts[0])
        for name, dots, rest in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            pattern += f"(?P<{name}>{'.+' if dots else '[^/]+'}){re.escape(rest)}"
        return cls(method, re.compile(pattern, re.DOTALL), handler)


class Router:
    """Chooses the function that answers a request."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def answer(self, request: HttpRequest) -> Response:
        """Return the response of the first route that matches. `HEAD` is answered as `GET`, without the body."""
        method = "GET" if request.method == "HEAD" else request.method
        allowed: set[str] = set()
        for route in self._routes:
            match = route.pattern.fullmatch(request.path)
            if match is None:
                continue
            if route.method == method:
                return route.handler(request, match.groupdict())
            allowed.add(route.method)
        if allowed:
            return Response(405, b"method not allowed\n", headers=(("Allow", ", ".join(sorted(allowed))),))
        return Response(404, b"not found\n")


def build_json_response(document: Any, status: int = 200) -> Response:
    """Return a response with a JSON document."""
    return Response(status, json.dumps(document, ensure_ascii=False).encode() + b"\n", JSON)
