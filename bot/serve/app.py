"""The WSGI application of the service (PEP 3333)."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from bot.model.errors import StateError
from bot.serve.http import SECURITY_HEADERS, FailurePages, HttpRequest, Response, Router
from bot.serve.json_log import JsonLog

MAX_QUERY = 4096
"""The maximum number of characters of a query."""
MAX_PARAMETERS = 20
EVENTS_PATH = "/events/"
"""The prefix of the paths to which senders deliver events."""
MAX_READERS = 8
"""How many requests for pages and the API are answered at the same time. The other threads answer deliveries."""
PROBES = frozenset({"/livez", "/readyz"})

WsgiEnvironment = dict[str, Any]


class Application:
    """Answers HTTP requests through a router."""

    def __init__(self, router: Router, log: JsonLog, show_failure: FailurePages | None = None) -> None:
        """Create the application. `show_failure` turns failures into pages; None if there are no pages."""
        self._router, self._log, self._show_failure = router, log, show_failure
        self._readers = threading.BoundedSemaphore(MAX_READERS)

    def __call__(self, environment: WsgiEnvironment, start_response: Any) -> Iterable[bytes]:
        """Answer one request, as WSGI requires. Details of errors are logged and never sent to the client."""
        request = _build_request(environment)
        response = self._admit(request) if request is not None else Response(400, b"bad request\n")
        headers = [
            ("Content-Type", response.content_type),
            ("Content-Length", str(len(response.body))),
            *SECURITY_HEADERS,
            *response.headers,
        ]
        start_response(f"{response.status} {HTTPStatus(response.status).phrase}", headers)
        return [b"" if environment["REQUEST_METHOD"] == "HEAD" else response.body]

    def _admit(self, request: HttpRequest) -> Response:
        """Answer a request; refuse a request for a page or the API while too many such requests are being answered."""
        if request.path.startswith(EVENTS_PATH) or request.path in PROBES:
            return self._answer(request)
        if not self._readers.acquire(blocking=False):
            return self._show(request, Response(503, b"too many requests\n", headers=(("Retry-After", "1"),)))
        try:
            return self._show(request, self._answer(request))
        finally:
            self._readers.release()

    def _show(self, request: HttpRequest, response: Response) -> Response:
        """Return the page for a failure if the client is a browser; otherwise return the response."""
        if self._show_failure is None:
            return response
        try:
            return self._show_failure(request, response)
        except Exception as error:  # noqa: BLE001 - a bug in the page must not hide the failure that it shows
            self._log.write_error(error, path=request.path)
            return response

    def _answer(self, request: HttpRequest) -> Response:
        try:
            return self._router.answer(request)
        except StateError as error:
            self._log.write_error(error, path=request.path)
            return Response(503, b"the state cannot be used at the moment\n", headers=(("Retry-After", "5"),))
        except Exception as error:  # noqa: BLE001 - a bug in one page must not stop the service
            self._log.write_error(error, path=request.path)
            return Response(500, b"internal error\n")


def _build_request(environment: WsgiEnvironment) -> HttpRequest | None:
    """Return the request in a WSGI environment; None if it is not valid."""
    query = environment.get("QUERY_STRING", "")
    if len(query) > MAX_QUERY:
        return None
    try:
        path = environment.get("PATH_INFO", "").encode("latin-1").decode()  # PEP 3333, "Unicode Issues"
        pairs = parse_qsl(query, max_num_fields=MAX_PARAMETERS, errors="strict")
    except ValueError:
        return None
    has_body = path.startswith(EVENTS_PATH) and environment["REQUEST_METHOD"] in ("POST", "OPTIONS")
    body = environment["wsgi.input"].read() if has_body else b""
    return HttpRequest(environment["REQUEST_METHOD"], path, dict(reversed(pairs)), _read_headers(environment), body)


def _read_headers(environment: WsgiEnvironment) -> Mapping[str, str]:
    headers = {
        key.removeprefix("HTTP_").replace("_", "-").lower(): value
        for key, value in environment.items()
        if key.startswith("HTTP_")
    }
    return {**headers, "content-type": environment.get("CONTENT_TYPE", "")}
