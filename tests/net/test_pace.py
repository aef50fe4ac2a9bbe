"""Requests to a host that complains are delayed and slowed down for all threads. No test sleeps."""

from __future__ import annotations

import threading
import time
from contextlib import AbstractContextManager, ExitStack, suppress

import pytest
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.net import HostTrust, HttpClient, RateLimitedError, UnreachableError
from bot.net.client import MAX_TRIES
from bot.net.deadlines import SLOWEST_RATE
from bot.net.pace import (
    CALM_SECONDS,
    MAX_CONCURRENT_REQUESTS,
    MAX_PAUSE,
    MAX_SLOW_SECONDS,
    MAX_WAITED_SECONDS,
    PROMPT_SECONDS,
    REQUEST_SPACING,
    HostPace,
    HostTurn,
)


class FakeClock:
    """A clock that advances when the client sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def pace(self) -> HostPace:
        return HostPace("registry.test", self.sleep, lambda: self.now)

    def client(self, *listeners: HttpListener) -> HttpClient:
        listed = {listener.host: HostTrust(is_insecure=True) for listener in listeners}
        return HttpClient(listed, environment={}, sleep=self.sleep, clock=lambda: self.now)


def take_turn(turn: AbstractContextManager[HostTurn]) -> None:
    with turn:
        pass


def build_busy_reply(seconds: str, **headers: str) -> HttpReply:
    return HttpReply(429, headers={"Retry-After": seconds, **headers})


def test_requests_are_not_delayed_unless_host_asks_to_wait():
    clock = FakeClock()
    pace = clock.pace()
    for _ in range(100):
        take_turn(pace.wait_for_turn())
    assert clock.slept == []


def test_requests_wait_and_are_spaced_after_host_asked_to_wait():
    clock = FakeClock()
    pace = clock.pace()
    pace.pause_requests(7)
    for _ in range(3):
        take_turn(pace.wait_for_turn())
    assert clock.slept == [7, REQUEST_SPACING, REQUEST_SPACING]


def test_longer_of_two_requested_waits_applies():
    clock = FakeClock()
    pace = clock.pace()
    pace.pause_requests(7)
    pace.pause_requests(3)
    take_turn(pace.wait_for_turn())
    assert clock.slept == [7]


def test_requests_are_not_spaced_anymore_after_calm_period():
    clock = FakeClock()
    pace = clock.pace()
    pace.pause_requests(0)
    clock.now += CALM_SECONDS
    for _ in range(3):
        take_turn(pace.wait_for_turn())
    assert clock.slept == []


def test_all_threads_wait_if_host_asks_one_thread_to_wait():
    replies = [build_busy_reply("7"), HttpReply(), HttpReply()]
    all_wait = threading.Barrier(2, timeout=30)
    slept: list[float] = []
    seen: list[int] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        all_wait.wait()
        seen.append(len(server.received))

    told = threading.Event()

    def answer(received: ReceivedRequest) -> HttpReply:
        told.set()
        return replies.pop(0)

    with HttpListener(answer) as server:
        shared = HttpClient({server.host: HostTrust(is_insecure=True)}, environment={}, sleep=sleep, clock=lambda: 0.0)
        first = threading.Thread(target=shared.request, args=("GET", server.url), kwargs={"limit": 1})
        first.start()
        told.wait(30)
        while not slept:  # until the complaint has been read, which delays the other requests
            time.sleep(0.001)
        assert shared.request("GET", server.url, limit=1).status == 200
        first.join()
    assert slept == [7, 7 + REQUEST_SPACING]
    assert seen[0] == 1, "both waited before anybody asked again"


def test_requests_are_refused_while_host_asks_for_too_long_a_wait():
    clock = FakeClock()
    with (
        HttpListener(lambda received: build_busy_reply("3600")) as server,
        HttpListener(lambda received: HttpReply()) as other,
    ):
        shared = clock.client(server, other)
        assert shared.request("GET", server.url, limit=1).status == 429
        with pytest.raises(RateLimitedError, match=f"{server.host} .* 3600 seconds"):
            shared.request("HEAD", server.url, limit=1)
        assert len(server.received) == 1
        assert shared.request("GET", other.url, limit=1).status == 200, "which is no other host's affair"
        clock.now += 3600 - MAX_PAUSE
        shared.request("GET", server.url, limit=1)
        assert len(server.received) == 2
    assert clock.slept == [MAX_PAUSE]


def test_rate_limit_of_redirect_target_does_not_delay_redirecting_host():
    clock = FakeClock()
    with HttpListener(lambda received: build_busy_reply("3600")) as blobs:
        elsewhere = {"/a": HttpReply(307, headers={"Location": f"{blobs.url}/a"})}
        with HttpListener(lambda received: elsewhere.get(received.path, HttpReply())) as registry:
            shared = clock.client(registry, blobs)
            assert shared.request("GET", f"{registry.url}/a", limit=1).status == 429
            assert shared.request("GET", f"{registry.url}/b", limit=1).status == 200
            with pytest.raises(RateLimitedError):
                shared.request("GET", f"{registry.url}/a", limit=1)
    assert len(blobs.received) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_without_retry_after_does_not_delay_other_requests(status):
    clock = FakeClock()
    with HttpListener(lambda received: HttpReply(status if received.path == "/a" else 200)) as server:
        shared = clock.client(server)
        assert shared.request("GET", f"{server.url}/a", limit=1).status == status
        before = list(clock.slept)
        assert shared.request("GET", f"{server.url}/b", limit=1).status == 200
    assert clock.slept == before
    assert len(server.received) == MAX_TRIES + 1


def test_retry_after_in_503_response_delays_next_request_too():
    clock = FakeClock()
    replies = [HttpReply(503, headers={"Retry-After": "9"}), HttpReply(), HttpReply()]
    with HttpListener(lambda received: replies.pop(0)) as server:
        shared = clock.client(server)
        shared.request("GET", server.url, limit=1)
        shared.request("GET", server.url, limit=1)
    assert clock.slept == [9, REQUEST_SPACING]


@pytest.mark.parametrize("left", ["0", "0;w=21600"])
def test_exhausted_pull_quota_does_not_delay_other_requests(left):
    clock = FakeClock()
    used_up = build_busy_reply("3600", **{"RateLimit-Remaining": left})
    with HttpListener(lambda received: used_up if received.method == "GET" else HttpReply()) as server:
        shared = clock.client(server)
        assert shared.request("GET", server.url, limit=1).status == 429
        assert shared.request("HEAD", server.url, limit=1).status == 200
    assert len(server.received) == 2
    assert clock.slept == []


def test_host_gets_no_more_concurrent_requests_than_the_limit(monkeypatch):
    monkeypatch.setattr("bot.net.pace.MAX_CONCURRENT_REQUESTS", 3)
    lock, three_arrived = threading.Lock(), threading.Barrier(3, timeout=30)
    now, most = 0, 0

    def answer(received: ReceivedRequest) -> HttpReply:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        three_arrived.wait()
        time.sleep(0.02)  # so that a fourth one could arrive
        with lock:
            now -= 1
        return HttpReply()

    with HttpListener(answer) as server:
        shared = FakeClock().client(server)
        arguments = {"args": ("GET", server.url), "kwargs": {"limit": 1}}
        threads = [threading.Thread(target=shared.request, **arguments) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert most == 3 < MAX_CONCURRENT_REQUESTS


def test_host_is_not_contacted_again_after_slow_responses_exceed_the_time_limit():
    clock = FakeClock()
    pace = clock.pace()
    for _ in range(int(MAX_SLOW_SECONDS // (PROMPT_SECONDS + 1)) + 1):
        with pace.wait_for_turn():
            clock.now += PROMPT_SECONDS + 1
    with pytest.raises(UnreachableError) as caught:
        take_turn(pace.wait_for_turn())
    assert caught.value.is_permanent


@pytest.mark.parametrize(("seconds", "received_bytes"), [(PROMPT_SECONDS, 0), (100, 100 * SLOWEST_RATE)])
def test_prompt_or_large_responses_do_not_count_as_slow(seconds, received_bytes):
    clock = FakeClock()
    pace = clock.pace()
    for _ in range(100):
        with pace.wait_for_turn() as turn:
            clock.now += seconds
            turn.received_bytes = received_bytes


def test_time_of_concurrent_slow_responses_is_counted_only_once():
    clock = FakeClock()
    pace = clock.pace()
    with ExitStack() as stack:
        for _ in range(MAX_CONCURRENT_REQUESTS):
            stack.enter_context(pace.wait_for_turn())
        clock.now += PROMPT_SECONDS + 1
    take_turn(pace.wait_for_turn())


def test_host_is_not_contacted_again_after_requested_waits_exceed_the_limit():
    clock = FakeClock()
    pace = clock.pace()
    for _ in range(int(MAX_WAITED_SECONDS // 60)):
        pace.record_wait(60)
        pace.record_wait(59)
        clock.sleep(60)
    take_turn(pace.wait_for_turn())
    pace.record_wait(1)
    with pytest.raises(UnreachableError, match="kept requests waiting for 3601 seconds") as caught:
        take_turn(pace.wait_for_turn())
    assert caught.value.is_permanent


def test_registry_that_always_asks_for_pauses_is_not_contacted_again_after_the_limit():
    clock = FakeClock()
    with HttpListener(lambda _: build_busy_reply("30")) as registry:
        client = clock.client(registry)
        with suppress(UnreachableError):
            for _ in range(1000):
                client.request("GET", registry.url, limit=1)
        with pytest.raises(UnreachableError, match=f"{registry.host} is not contacted again in this run") as caught:
            client.request("GET", registry.url, limit=1)
    assert caught.value.is_permanent
    assert MAX_WAITED_SECONDS <= sum(clock.slept) < MAX_WAITED_SECONDS + 2 * MAX_PAUSE


def test_time_of_slow_redirect_targets_is_counted_for_redirecting_host():
    clock = FakeClock()

    def answer_slowly(_: ReceivedRequest) -> HttpReply:
        clock.now += PROMPT_SECONDS + 1
        return HttpReply()

    with ExitStack() as stack:
        count = int(MAX_SLOW_SECONDS // (PROMPT_SECONDS + 1)) + 1
        targets = [stack.enter_context(HttpListener(answer_slowly)) for _ in range(count)]
        registry = stack.enter_context(
            HttpListener(lambda _: HttpReply(307, headers={"Location": targets[len(registry.received) - 1].url}))
        )
        client = clock.client(registry, *targets)
        for _ in range(count):
            client.request("GET", registry.url, limit=1)
        with pytest.raises(UnreachableError, match=f"{registry.host} is not contacted again"):
            client.request("GET", registry.url, limit=1)
    assert len(registry.received) == count
