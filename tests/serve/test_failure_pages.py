"""Failures of the service: a page in the usual layout for browsers, and a line of text for programs."""

from __future__ import annotations

import io

import pytest
from support.service.year import SENDERS, build_ports

from bot.model.errors import StateError
from bot.serve.app import MAX_READERS, Application
from bot.serve.http import Response, Route, Router
from bot.serve.json_log import JsonLog
from bot.serve.pages import create_failure_pages, list_page_routes
from bot.settings.sections.serve import ServeSection
from bot.state.database import Database
from bot.wiring import SystemClock

USER = {"HTTP_X_FORWARDED_EMAIL": "kim@example.com"}
BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml"}


class FailingService:
    """A service in which some addresses fail."""

    def __init__(self, state) -> None:
        clock = SystemClock()
        ports = build_ports(
            Database.sqlite(state), clock.now(), ServeSection(events=SENDERS, user_header="X-Forwarded-Email")
        )
        routes = [
            *list_page_routes(ports),
            Route.build("GET", "/bug", _raise(ValueError("secret"))),
            Route.build("GET", "/readyz", lambda *_: Response(503, b"the state cannot be used\n")),
            Route.build("GET", "/state", _raise(StateError("secret"))),
        ]
        self.log = io.StringIO()
        self._application = Application(Router(routes), JsonLog(clock, self.log), create_failure_pages(ports))

    def get(self, path: str, **headers: str) -> tuple[str, dict[str, str], bytes]:
        """Return the status, the headers and the body of a response."""
        answers = []
        body = self._application(
            {"REQUEST_METHOD": "GET", "PATH_INFO": path, **headers}, lambda *answer: answers.append(answer)
        )
        ((status, response_headers),) = answers
        return status, dict(response_headers), b"".join(body)

    def hold_readers(self, count: int):
        """Occupy slots for pages, as slow pages do."""
        for _ in range(count):
            assert self._application._readers.acquire(blocking=False)


def _raise(error: Exception):
    def answer(*_):
        raise error

    return answer


@pytest.fixture
def service(tmp_path):
    return FailingService(tmp_path / "state.db")


@pytest.mark.parametrize(
    ("path", "headers", "status", "line", "words"),
    [
        ("/nonsense", USER, "404 Not Found", b"not found\n", "There is no page at this address."),
        ("/images", {}, "403 Forbidden", None, "Open the pages through the reverse proxy that sets the header"),
        ("/bug", USER, "500 Internal Server Error", b"internal error\n", "The log of the service contains the details"),
        ("/state", USER, "503 Service Unavailable", None, "The state cannot be used at the moment."),
    ],
)
def test_failure_has_a_page_for_browsers_and_a_line_for_programs(service, path, headers, status, line, words):
    page_status, page_headers, body = service.get(path, **headers, **BROWSER)
    page = body.decode()
    assert page_status == status
    assert page_headers["Content-Type"] == "text/html; charset=utf-8"
    assert 'href="/images"' in page
    assert words in page
    assert "secret" not in page
    text_status, text_headers, text = service.get(path, **headers)
    assert (text_status, text_headers["Content-Type"]) == (status, "text/plain; charset=utf-8")
    assert text == line or (line is None and b"<" not in text)
    assert page_headers.get("Retry-After") == text_headers.get("Retry-After")


def test_refused_page_of_a_busy_service_is_in_the_layout(service):
    service.hold_readers(MAX_READERS)
    status, headers, body = service.get("/images", **USER, **BROWSER)
    assert (status, headers["Retry-After"]) == ("503 Service Unavailable", "1")
    assert "<h1>Not available at the moment</h1>" in body.decode()
    assert "Too many requests." in body.decode()


def test_probe_is_plain_text_in_a_browser(service):
    assert service.get("/readyz", **BROWSER)[2] == b"the state cannot be used\n"
