"""The HTTP server: clients that hold connections or send large bodies do not keep out the deliveries of others."""

from __future__ import annotations

import io
import select
import socket
import threading
from collections import Counter
from contextlib import ExitStack

import pytest
from support.waiting import wait_until

from bot.serve import http_server
from bot.serve.app import MAX_READERS, Application
from bot.serve.http import Response, Route, Router
from bot.serve.http_server import MAX_BODY, MAX_CONNECTIONS, MAX_LARGE_BODIES, MAX_PROVED_BODIES, build_server
from bot.serve.json_log import JsonLog
from bot.wiring import SystemClock

LARGE = MAX_BODY + 1
PATIENCE = 60
"""Seconds to wait for a response on a machine with much else to do."""


class HttpServerScene:
    """A server at which `/events/forge` accepts large bodies. Requests for `/slow` are answered when `go` is set."""

    def __init__(self) -> None:
        self.go = threading.Event()
        routes = [
            Route.build("POST", "/events/{name}", lambda request, _: Response(202, str(len(request.body)).encode())),
            Route.build("GET", "/user", lambda request, _: Response(200, request.headers.get("x-user", "-").encode())),
            Route.build("GET", "/slow", lambda *_: Response(200 if self.go.wait(PATIENCE) else 500)),
        ]
        application = Application(Router(routes), JsonLog(SystemClock(), io.StringIO()))
        large_paths = {"/events/forge": lambda _method, _query, headers: headers.get("x-token") == "right"}
        self._server = build_server(application, "127.0.0.1", 0, large_paths)
        self.port = self._server.effective_port
        threading.Thread(target=self._server.run, daemon=True).start()
        self.connections = ExitStack()

    def connect(self) -> socket.socket:
        """Open a connection."""
        return self.connections.enter_context(socket.create_connection(("127.0.0.1", self.port), PATIENCE))

    def begin(self, path: str = "/events/registry", length: int = 100, body: bytes = b"x", more: str = ""):
        """Open a connection, and send a part of a request."""
        connection = self.connect()
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n{more}\r\n"
        connection.sendall(head.encode() + body)
        return connection

    def deliver(self, path: str = "/events/registry") -> int:
        """Send a complete delivery, and return the status of the response."""
        return read_status(self.begin(path, 1))


def read_status(connection) -> int:
    return int(connection.makefile("rb").readline().split()[1])


def is_closed(connection) -> bool:
    """Send one more byte of the body, and return True if the server does not receive it."""
    try:
        connection.sendall(b"x")
    except OSError:
        return True
    return False


@pytest.fixture
def server():
    server = HttpServerScene()
    with server.connections:
        yield server
    server.go.set()


def test_delivery_is_received_although_idle_clients_exceed_connection_limit(server):
    for _ in range(MAX_CONNECTIONS + 60):
        server.begin()
    assert server.deliver() == 202


def test_http_connection_is_closed_if_the_request_is_not_received_in_time(server, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(http_server, "LONGEST_RECEPTION", 0.4)
        connection = server.begin()
        wait_until(lambda: is_closed(connection), interval=0.2)
    assert server.deliver() == 202


@pytest.mark.parametrize("more", ["", "Expect: 100-continue\r\n"])
def test_large_body_is_refused_before_reception_except_for_forge_events(server, more):
    assert read_status(server.begin("/events/registry", LARGE, more=more)) == 413
    assert read_status(server.begin("/", LARGE, more=more)) == 413
    assert read_status(server.begin("/events/forge", LARGE, b"x" * LARGE)) == 202


def test_large_body_sent_in_chunks_is_refused(server):
    connection = server.connect()
    head = b"POST /events/registry HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.sendall(head + b"%x\r\n" % (2 * LARGE) + b"x" * (LARGE + 1))
    assert read_status(connection) == 413


PROVED = "X-Token: right\r\n"


def test_slow_unproved_bodies_do_not_keep_out_proved_deliveries(server, monkeypatch):
    monkeypatch.setattr(http_server, "SLOT_SECONDS", PATIENCE)
    for _ in range(MAX_LARGE_BODIES + 2):
        server.begin("/events/forge", LARGE)
    large = b"x" * 2 * LARGE
    for _ in range(40):
        assert read_status(server.begin("/events/forge", len(large), large, PROVED)) == 202


def test_large_bodies_wait_while_others_are_received(server, monkeypatch):
    monkeypatch.setattr(http_server, "SLOT_SECONDS", PATIENCE)
    slow = [server.begin("/events/forge", LARGE) for _ in range(MAX_LARGE_BODIES)]
    waiting = server.begin("/events/forge", LARGE, b"x" * LARGE)
    assert server.deliver("/events/forge") == 202
    assert not select.select([waiting], [], [], 0.2)[0]
    slow[0].sendall(b"x" * MAX_BODY)
    assert (read_status(slow[0]), read_status(waiting)) == (202, 202)


def test_body_that_is_received_too_slowly_ends_if_another_one_waits(server, monkeypatch):
    """A signature proves its body only after the body was received, so that all unproved bodies are equal at first."""
    monkeypatch.setattr(http_server, "SLOT_SECONDS", 0.2)
    slow = [server.begin("/events/forge", LARGE) for _ in range(3 * MAX_LARGE_BODIES)]
    for _ in range(3):
        assert read_status(server.begin("/events/forge", LARGE, b"x" * LARGE)) == 202
    wait_until(lambda: any(map(is_closed, slow)))


def test_proved_bodies_beyond_their_limit_wait_and_are_received(server, monkeypatch):
    monkeypatch.setattr(http_server, "SLOT_SECONDS", PATIENCE)
    connections = [server.begin("/events/forge", LARGE, more=PROVED) for _ in range(2 * MAX_PROVED_BODIES)]
    for each in connections:
        threading.Thread(target=each.sendall, args=(b"x" * MAX_BODY,), daemon=True).start()
    assert [read_status(each) for each in connections] == [202] * len(connections)


def test_slow_pages_do_not_block_deliveries(server):
    connections, answered = [server.connect() for _ in range(MAX_READERS + 4)], select.poll()
    for each in connections:
        each.sendall(b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answered.register(each, select.POLLIN)
    assert server.deliver() == 202
    wait_until(lambda: len(answered.poll(0)) == 4)
    server.go.set()
    assert Counter(map(read_status, connections)) == {200: MAX_READERS, 503: 4}


def test_body_of_page_request_is_not_read_by_http_server():
    bodies = []
    router = Router([Route.build("POST", "/x", lambda request, _: bodies.append(request.body) or Response(200))])
    environment = {"REQUEST_METHOD": "POST", "PATH_INFO": "/x", "wsgi.input": io.BytesIO(b"body")}
    Application(router, JsonLog(SystemClock(), io.StringIO()))(environment, lambda *_: None)
    assert bodies == [b""]


def test_user_header_written_with_underscore_is_not_accepted(server):
    connection = server.connect()
    connection.sendall(b"GET /user HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX_User: eve\r\n\r\n")
    assert connection.makefile("rb").read().endswith(b"\r\n\r\n-")
