"""The HTTP client: redirects, retries, limits, and data that is never sent."""

from __future__ import annotations

import gzip
import socket
import threading
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from support.free_ports import reserve_silent_port
from support.listener import HttpListener, HttpReply, ReceivedRequest
from support.registries.docker_registry import SelfSignedCertificate

from bot.net import BlockedError, HostTrust, HttpClient, OversizedError, UnreachableError
from bot.net.client import MAX_REDIRECTS, MAX_TRIES, RETRY_PAUSES
from bot.net.pace import MAX_PAUSE

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SECRET = "Bearer very-secret"


def build_client(*listeners: HttpListener, pauses: list[float] | None = None, **options) -> HttpClient:
    listed = {listener.host: HostTrust(is_insecure=True) for listener in listeners}
    options.setdefault("environment", {})
    slept = [] if pauses is None else pauses
    return HttpClient(listed, sleep=slept.append, clock=lambda: sum(slept), now=lambda: NOW, **options)


def reply_in_turn(*replies: HttpReply):
    """Answer each request with the next reply; the last reply is repeated."""
    remaining = list(replies)

    def answer(received: ReceivedRequest) -> HttpReply:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return answer


def reply_by_path(**replies: HttpReply):
    return lambda received: replies[received.path.strip("/").partition("?")[0]]


def test_response_has_a_status_code_and_headers_and_a_body():
    with HttpListener(lambda received: HttpReply(404, b"gone", {"X-Word": "a"})) as server:
        response = build_client(server).request("GET", f"{server.url}/v2/", limit=4)
    assert (response.status, response.headers["x-word"], response.body) == (404, "a", b"gone")


@pytest.mark.parametrize("host", ["a..example", f"{'a' * 64}.example"])
@pytest.mark.parametrize("environment", [{}, {"HTTPS_PROXY": "http://127.0.0.1:9"}])
def test_request_to_invalid_host_name_raises_unreachable_error(host, environment):
    with pytest.raises(UnreachableError):
        build_client(environment=environment).request("GET", f"https://{host}/", limit=1)


def test_response_body_longer_than_limit_is_refused():
    with HttpListener(lambda received: HttpReply(body=b"x" * 1000)) as server:
        assert len(build_client(server).request("GET", server.url, limit=1000).body) == 1000
        with pytest.raises(OversizedError, match="999 bytes"):
            build_client(server).request("GET", server.url, limit=999)


def test_chunked_response_body_longer_than_limit_is_refused():
    chunked = HttpReply(body=b"3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n", headers={"Transfer-Encoding": "chunked"})
    with HttpListener(lambda received: chunked) as server:
        assert build_client(server).request("GET", server.url, limit=1000).body == b"x" * 1000
        with pytest.raises(OversizedError):
            build_client(server).request("GET", server.url, limit=999)


def test_compressed_body_is_refused_if_decompressed_size_exceeds_limit():
    bomb = HttpReply(body=gzip.compress(b"\0" * 10_000_000), headers={"Content-Encoding": "gzip"})
    with HttpListener(lambda received: bomb) as server, pytest.raises(OversizedError):
        build_client(server).request("GET", server.url, limit=100_000)


def test_truncated_response_body_raises_unreachable_error():
    half = HttpReply(body=b"half", headers={"Content-Length": "8", "Connection": "close"})
    with HttpListener(lambda received: half) as server, pytest.raises(UnreachableError):
        build_client(server).request("GET", server.url, limit=100)


def test_slow_server_raises_unreachable_error_after_read_timeout(monkeypatch):
    monkeypatch.setattr("bot.net.client.READ_TIMEOUT", 0.05)
    silent = HttpListener(lambda received: HttpReply(body=b"x", drip=0.3))
    with silent as server, pytest.raises(UnreachableError, match="did not answer: it took too long"):
        build_client(server).request("GET", server.url, limit=100)


def test_request_asks_for_identity_encoding():
    with HttpListener(lambda received: HttpReply()) as server:
        build_client(server).request("GET", server.url, limit=1)
    assert server.received[0].headers["accept-encoding"] == "identity"
    assert server.received[0].headers["user-agent"].startswith("basebump/")


def test_request_ignores_netrc_and_environment_variables(isolated_home, monkeypatch):
    (isolated_home / ".netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    for variable in ("ALL_PROXY", "HTTP_PROXY", "http_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1/nowhere")
    with HttpListener(lambda received: HttpReply()) as server:
        shared = build_client(server)
        shared.request("GET", server.url, limit=1)
        shared.request("GET", server.url, limit=1, headers={"Authorization": SECRET})
    assert [received.headers.get("authorization") for received in server.received] == [None, SECRET]


def test_client_does_not_send_cookies_back():
    with HttpListener(lambda received: HttpReply(headers={"Set-Cookie": "a=b; Path=/"})) as server:
        shared = build_client(server)
        shared.request("GET", server.url, limit=1)
        shared.request("GET", server.url, limit=1)
    assert "cookie" not in server.received[1].headers


# Redirects


def test_redirect_on_same_origin_keeps_authorization():
    with HttpListener(reply_by_path(a=HttpReply(307, headers={"Location": "/b"}), b=HttpReply(body=b"here"))) as server:
        response = build_client(server).request("GET", f"{server.url}/a", limit=9, headers={"Authorization": SECRET})
    assert response.body == b"here"
    assert [received.headers.get("authorization") for received in server.received] == [SECRET, SECRET]


def test_authorization_is_not_sent_again_after_redirect_to_other_port():
    with HttpListener(lambda received: HttpReply(302, headers={"Location": f"{first.url}/b"})) as second:
        answers = reply_by_path(a=HttpReply(307, headers={"Location": f"{second.url}/x"}), b=HttpReply(body=b"here"))
        with HttpListener(answers) as first:
            headers = {"authorization": SECRET, "Accept": "a/b"}
            build_client(first, second).request("GET", f"{first.url}/a", limit=9, headers=headers)
    sent = [received.headers.get("authorization") for received in (*first.received, *second.received)]
    assert sent == [SECRET, None, None]
    assert {received.headers["accept"] for received in (*first.received, *second.received)} == {"a/b"}


def test_head_request_stays_head_after_redirect():
    with HttpListener(reply_by_path(a=HttpReply(303, headers={"Location": "/b"}), b=HttpReply())) as server:
        build_client(server).request("HEAD", f"{server.url}/a", limit=1)
    assert server.asked == ["HEAD /a", "HEAD /b"]


def test_redirects_beyond_the_limit_are_refused():
    onwards = HttpReply(302, headers={"Location": "/again"})
    again = HttpListener(reply_in_turn(*[onwards] * (MAX_REDIRECTS + 1), HttpReply()))
    with again as server, pytest.raises(BlockedError, match=f"more than {MAX_REDIRECTS} times"):
        build_client(server).request("GET", server.url, limit=1)
    assert len(server.received) == MAX_REDIRECTS + 1


def test_redirect_response_is_returned_if_no_redirects_are_allowed():
    with HttpListener(lambda received: HttpReply(302, headers={"Location": "/again"})) as server:
        assert build_client(server).request("GET", server.url, limit=1, max_redirects=0).status == 302
    assert len(server.received) == 1


def test_body_of_redirect_is_not_kept_in_memory():
    large = HttpReply(302, b"x" * 32 * 1024 * 1024, {"Location": "/b"})
    with HttpListener(reply_by_path(a=large, b=HttpReply(body=b"here"))) as server:
        tracemalloc.start()
        try:
            assert build_client(server).request("GET", f"{server.url}/a", limit=4).body == b"here"
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


def test_body_of_redirect_may_exceed_limit_and_connection_is_reused():
    page = HttpReply(302, b"<a href='/b'>Found</a>", {"Location": "/b"})
    with HttpListener(reply_by_path(a=page, b=HttpReply(body=b"here"))) as server:
        assert build_client(server).request("GET", f"{server.url}/a", limit=4).body == b"here"
    assert server.connections == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "http://127.0.0.1:1/",
        "https://127.0.0.1/latest/meta-data",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "http://ghcr.io/",
        "file:///etc/passwd",
        "https://user@ghcr.io/",
    ],
)
def test_redirect_to_blocked_url_is_refused(location):
    with (
        HttpListener(lambda received: HttpReply(302, headers={"Location": location})) as server,
        pytest.raises(BlockedError),
    ):
        build_client(server).request("GET", server.url, limit=1)
    assert len(server.received) == 1


# Checks of the guard


def test_blocked_url_is_refused_before_any_request_is_sent():
    with HttpListener(lambda received: HttpReply()) as server:
        http = HttpClient({server.host: HostTrust()}, environment={})
        with pytest.raises(BlockedError, match="plain http"):
            http.request("GET", server.url, limit=1)
    assert not server.received


def test_client_connects_to_resolved_address_and_keeps_host_header():
    asked = []

    def resolve(host, port):
        asked.append((host, port))
        return ["127.0.0.1"]

    with HttpListener(lambda received: HttpReply()) as server:
        listed = {f"registry.test:{server.port}": HostTrust(is_insecure=True)}
        http = HttpClient(listed, environment={}, resolve=resolve)
        http.request("GET", f"http://registry.test:{server.port}/v2/", limit=1)
    assert asked == [("registry.test", server.port)]
    assert server.received[0].headers["host"] == f"registry.test:{server.port}"


def test_request_is_blocked_if_host_name_has_a_private_address():
    with HttpListener(lambda received: HttpReply()) as server:
        http = HttpClient(environment={}, resolve=lambda host, port: ["8.8.8.8", "127.0.0.1"])
        with pytest.raises(BlockedError, match=r"ghcr\.io was not contacted, because its address 127\.0\.0\.1 "):
            http.request("GET", "https://ghcr.io/", limit=1)
    assert not server.received


def test_client_tries_next_address_if_first_does_not_answer():
    with HttpListener(lambda received: HttpReply()) as server:
        listed = {f"registry.test:{server.port}": HostTrust(is_insecure=True)}
        http = HttpClient(listed, environment={}, resolve=lambda host, port: ["::1", "127.0.0.1"])
        assert http.request("GET", f"http://registry.test:{server.port}/", limit=1).status == 200


# TLS


def test_self_signed_certificate_is_trusted_only_for_host_with_configured_ca(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    with HttpListener(lambda received: HttpReply(), tls=certificate) as server:
        trusting = HttpClient({server.host: HostTrust(ca=str(certificate.path))}, environment={})
        assert trusting.request("GET", server.url, limit=1).status == 200
        pauses: list[float] = []
        doubting = HttpClient({server.host: HostTrust()}, environment={}, sleep=pauses.append)
        with pytest.raises(UnreachableError, match=r"its certificate is not trusted .*set `ca`"):
            doubting.request("GET", server.url, limit=1)
    assert not pauses, "a certificate does not become better by waiting"


def test_ca_file_in_ssl_cert_file_is_used(tmp_path):
    certificate = SelfSignedCertificate.make(tmp_path)
    with HttpListener(lambda received: HttpReply(), tls=certificate) as server:
        http = HttpClient({server.host: HostTrust()}, environment={"SSL_CERT_FILE": str(certificate.path)})
        assert http.request("GET", server.url, limit=1).status == 200


def test_error_states_that_configured_ca_file_does_not_exist():
    http = HttpClient({"127.0.0.1:1": HostTrust(ca="/nowhere/ca.pem")}, environment={})
    with pytest.raises(UnreachableError, match="CA certificates configured for it does not exist"):
        http.request("GET", "https://127.0.0.1:1/", limit=1)


# Retries


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_temporary_http_errors_are_retried_after_pauses(status):
    pauses: list[float] = []
    with HttpListener(reply_in_turn(HttpReply(status), HttpReply(status), HttpReply(body=b"ok"))) as server:
        assert build_client(server, pauses=pauses).request("GET", server.url, limit=9).body == b"ok"
    assert pauses == list(RETRY_PAUSES)


@pytest.mark.parametrize("status", [200, 304, 400, 401, 403, 404, 405, 501])
def test_success_and_permanent_http_errors_are_not_retried(status):
    with HttpListener(lambda received: HttpReply(status)) as server:
        assert build_client(server).request("GET", server.url, limit=9).status == status
    assert len(server.received) == 1


def test_last_error_response_is_returned_after_retries():
    with HttpListener(lambda received: HttpReply(503)) as server:
        assert build_client(server).request("GET", server.url, limit=9).status == 503
    assert len(server.received) == MAX_TRIES


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("7", 7.0),
        ("0", 0.0),
        (f"{MAX_PAUSE:.0f}", MAX_PAUSE),
        (format_datetime(NOW + timedelta(seconds=9), usegmt=True), 9.0),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0.0),
        ("soon", RETRY_PAUSES[0]),
        ("Wed, 21 Oct 2026 07:28:00 +99999999999999", RETRY_PAUSES[0]),
        ("Wed, 21 Oct 99999999999999999999 07:28:00 GMT", RETRY_PAUSES[0]),
        ("-5", RETRY_PAUSES[0]),
        ("", RETRY_PAUSES[0]),
    ],
)
def test_client_waits_for_seconds_or_date_in_retry_after(asked, pause):
    pauses: list[float] = []
    with HttpListener(reply_in_turn(HttpReply(429, headers={"Retry-After": asked}), HttpReply())) as server:
        assert build_client(server, pauses=pauses).request("GET", server.url, limit=9).status == 200
    assert pauses == ([pause] if pause else [])


@pytest.mark.parametrize("asked", ["86400", "9" * 400, format_datetime(NOW + timedelta(days=9), usegmt=True)])
def test_request_is_not_retried_if_retry_after_is_too_long(asked):
    pauses: list[float] = []
    with HttpListener(lambda received: HttpReply(429, headers={"Retry-After": asked})) as server:
        assert build_client(server, pauses=pauses).request("GET", server.url, limit=9).status == 429
    assert (len(server.received), pauses) == (1, [])


def test_refused_connection_is_retried_and_reported_without_query():
    pauses: list[float] = []
    with reserve_silent_port() as port:
        host = f"127.0.0.1:{port}"
        http = HttpClient({host: HostTrust(is_insecure=True)}, environment={}, sleep=pauses.append)
        with pytest.raises(UnreachableError) as caught:
            http.request("GET", f"http://{host}/token?password=secret", limit=1, headers={"Authorization": SECRET})
    assert str(caught.value) == f"http://{host}/token did not answer: Connection refused"
    assert pauses == list(RETRY_PAUSES)


def test_error_names_reason_when_host_name_cannot_be_resolved():
    def unknown(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    http = HttpClient(environment={}, sleep=lambda seconds: None, resolve=unknown)
    with pytest.raises(UnreachableError, match="did not answer: Name or service not known"):
        http.request("GET", "https://nowhere.example/", limit=1)


def test_requests_to_host_that_used_up_retries_are_tried_once_until_success():
    trouble = [True]
    with HttpListener(lambda received: HttpReply(503 if trouble[0] else 200)) as server:
        shared = build_client(server)
        shared.request("GET", server.url, limit=1)
        shared.request("GET", server.url, limit=1)
        assert len(server.received) == MAX_TRIES + 1
        trouble[0] = False
        shared.request("GET", server.url, limit=1)
        trouble[0] = True
        shared.request("GET", server.url, limit=1)
        assert len(server.received) == MAX_TRIES + 1 + 1 + MAX_TRIES


# Threads


def test_concurrent_threads_get_responses_to_own_requests():
    with HttpListener(lambda received: HttpReply(body=received.path.encode())) as server:
        shared = build_client(server)
        answers: dict[int, bytes] = {}

        def ask(number: int) -> None:
            for _ in range(5):
                answers[number] = shared.request("GET", f"{server.url}/{number}", limit=99).body

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == {number: f"/{number}".encode() for number in range(8)}
