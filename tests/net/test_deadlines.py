"""Every exchange ends at its deadline, whatever the server sends until then."""

from __future__ import annotations

import gc
import ssl
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import SimpleNamespace

import pytest
from github import Github
from support.forges.hosted_stand import no_pause
from support.listener import HttpListener, HttpReply
from support.registries.docker_registry import SelfSignedCertificate
from support.waiting import wait_until

from bot.clusters.connect import connect_with_token
from bot.clusters.object_kind import ObjectKind
from bot.forges.github.client import create_client
from bot.forges.github.connection import GitHubConnection, StaticToken
from bot.forges.gitlab.connection import GitLabConnection
from bot.model.errors import BasebumpError
from bot.net import ApiSession, HostTrust, HttpClient, UnreachableError, deadlines
from bot.registries import ecr
from bot.registries.clouds import CloudError

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
EMPTY_DEFLATE_BLOCK = b"\x00\x00\x00\xff\xff"


def _start_deflate():
    stream = zlib.compressobj()
    return stream.compress(b"{") + stream.flush(zlib.Z_FULL_FLUSH)


ENDLESS_RESPONSES = {
    "status line": (b"", b"H"),
    "header": (HEAD + b"X-A: ", b"a"),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": (HEAD + b"Content-Length: 900\r\n\r\n", b"a"),
    "chunk size": (CHUNKED, b"0"),
    "trailers": (CHUNKED + b"2\r\n{}\r\n0\r\n", b"a: b\r\n"),
    "empty deflate blocks": (HEAD + b"Content-Encoding: deflate\r\n\r\n" + _start_deflate(), EMPTY_DEFLATE_BLOCK),
}
"""First bytes of a response, and the bytes that follow again and again."""


@contextmanager
def serve_streams(handle_stream, certificate=None):
    """Yield the URL of a server that calls a function with each connection, until the client closes the connection."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.path, certificate.key)

    class StreamHandler(BaseRequestHandler):
        def handle(self):
            with (
                suppress(OSError),  # the client closed the connection
                context.wrap_socket(self.request, server_side=True) if context else self.request as stream,
            ):
                handle_stream(stream)

    with ThreadingTCPServer(("127.0.0.1", 0), StreamHandler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def endless_server(first: bytes, repeated: bytes, certificate=None):
    """Serve a response that never ends, in pieces that arrive long before any timeout between bytes.

    Yield the URL, and a list with an item for each connection.
    """
    connections = []

    def send_forever(stream):
        connections.append(stream)
        stream.recv(65536)
        stream.sendall(first)
        while True:
            stream.sendall(repeated)
            time.sleep(0.02)

    with serve_streams(send_forever, certificate) as url:
        yield url, connections


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch):
    monkeypatch.setattr(deadlines, "EXCHANGE_SECONDS", 0.3)


def _make_client(url, ca=None):
    return HttpClient({url.partition("//")[2]: HostTrust(is_insecure=ca is None, ca=ca and str(ca))}, environment={})


def _fetch_from_github(url):
    connection = GitHubConnection(url, StaticToken(None), pause=no_pause)
    return connection.read("identify the token", lambda client: client.get_user().login)


def _fetch_from_gitlab(url):
    connection = GitLabConnection(url, None, pause=no_pause)
    return connection.read("identify the token", lambda client: client.http_get("/user"))


def _fetch_from_cluster(url):
    connect_with_token(url, None, lambda: "token", {}, max_duration=0.3).try_list(ObjectKind.PODS, None)


FETCHERS = {
    "registry": lambda url: _make_client(url).request("GET", url, limit=1000),
    "GitHub": _fetch_from_github,
    "GitLab": _fetch_from_gitlab,
    "cluster": _fetch_from_cluster,
}


@pytest.mark.parametrize("part", ENDLESS_RESPONSES)
@pytest.mark.parametrize("server", FETCHERS)
def test_endless_response_is_cut_off_at_deadline_without_retry(server, part, monkeypatch):
    monkeypatch.setattr(deadlines, "SLOWEST_RATE", 2**40)  # the allowance for large answers
    with endless_server(*ENDLESS_RESPONSES[part]) as (url, connections):
        with pytest.raises(BasebumpError, match=r"(exchange|reading the cluster) took too long"):
            FETCHERS[server](url)
        wait_until(lambda: connections)  # the thread of the server may begin after the deadline
        assert len(connections) == 1


def test_endless_response_of_aws_is_cut_off_at_deadline(monkeypatch):
    monkeypatch.setattr(deadlines, "SLOWEST_RATE", 2**40)
    with endless_server(*ENDLESS_RESPONSES["header"]) as (url, connections):
        for variable in ("AWS_ENDPOINT_URL_ECR", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(variable, url)
        with pytest.raises(CloudError, match="exchange took too long"):
            ecr.fetch_ecr_token("123456789012.dkr.ecr.eu-west-1.amazonaws.com")
        wait_until(lambda: connections)
        assert len(connections) == 1


def test_endless_response_over_tls_is_cut_off_at_deadline(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    with (
        endless_server(*ENDLESS_RESPONSES["header"], certificate) as (url, _),
        pytest.raises(UnreachableError, match="exchange took too long"),
    ):
        _make_client(url, certificate.path).request("GET", url, limit=1000)


def test_slow_upload_over_tls_is_cut_off_at_deadline(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    body, received = b"x" * 16 * 1024 * 1024, []

    def read_slowly(stream):
        while part := stream.recv(16 * 1024):
            received.append(len(part))
            time.sleep(0.01)

    with serve_streams(read_slowly, certificate) as url:
        with pytest.raises(UnreachableError, match="exchange took too long"):
            _make_client(url, certificate.path).request("POST", url, limit=1000, body=body)
        assert sum(received) < len(body) / 2


def test_deadline_is_later_if_larger_responses_are_allowed():
    assert deadlines.compute_allowance(10 * deadlines.SLOWEST_RATE) == deadlines.EXCHANGE_SECONDS + 10


@pytest.mark.parametrize("server", ["GitHub", "GitLab", "registry"])
def test_response_that_drips_ends_long_before_the_deadline_of_a_large_response(server, monkeypatch):
    """The largest response of a forge may take minutes, but only if its bytes arrive."""
    monkeypatch.setattr(deadlines, "SLOWEST_RATE", 1000)
    fetchers = {**FETCHERS, "registry": lambda url: _make_client(url).request("GET", url, limit=10**6)}
    started = time.monotonic()
    with (
        endless_server(HEAD + b"Content-Length: 900000\r\n\r\n", b"a") as (url, _),
        pytest.raises(BasebumpError, match="exchange took too long"),
    ):
        fetchers[server](url)
    assert time.monotonic() - started < 10


def test_response_that_arrives_in_time_moves_the_deadline(monkeypatch):
    monkeypatch.setattr(deadlines, "SLOWEST_RATE", 50)
    with endless_server(HEAD + b"Content-Length: 40\r\n\r\n", b"a") as (url, _):
        assert len(_make_client(url).request("GET", url, limit=1000).body) == 40


def test_short_wait_for_one_piece_does_not_shorten_the_wait_for_the_next_piece(monkeypatch):
    monkeypatch.setattr(deadlines, "EXCHANGE_SECONDS", 1.0)
    monkeypatch.setattr(deadlines, "SLOWEST_RATE", 10)

    def send_with_pauses(stream):
        stream.recv(65536)
        for pause, piece in ((0.5, HEAD + b"Content-Length: 1\r\n\r\n"), (2.0, b"a")):
            time.sleep(pause)
            stream.sendall(piece)

    with serve_streams(send_with_pauses) as url:
        assert _make_client(url).request("GET", url, limit=1000).body == b"a"


def test_each_request_on_reused_connection_has_own_deadline(monkeypatch):
    now = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: now)
    monkeypatch.setattr(deadlines, "time", clock)
    monkeypatch.setattr(deadlines, "EXCHANGE_SECONDS", 60.0)
    with HttpListener(lambda _: HttpReply()) as server:
        client = _make_client(server.url)
        for _ in range(3):
            assert client.request("GET", server.url, limit=1000).status == 200
            now += 40
        assert server.connections == 1


def _count_open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "make_session",
    [_make_client, lambda url: ApiSession(url, limit=1000, environment={}), lambda url: create_client(url, None)[0]],
)
def test_connections_are_closed_when_client_is_discarded(make_session):
    with HttpListener(lambda _: HttpReply()) as server:
        gc.disable()
        try:
            before = _count_open_files()
            for _ in range(5):
                session = make_session(server.url)
                if isinstance(session, HttpClient):
                    session.request("GET", server.url, limit=1000)
                elif isinstance(session, Github):
                    session.requester.requestJsonAndCheck("GET", "/user")
                else:
                    session.get(server.url, timeout=5)
                del session
            wait_until(lambda: _count_open_files() < before + 5)  # the server closes its ends in threads
        finally:
            gc.enable()
