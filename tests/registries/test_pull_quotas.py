"""Pull quotas: read from every response, and never used up completely."""

from __future__ import annotations

import threading

import pytest
import responses
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.demo import images
from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.net import Response
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.oci import OciRegistry
from bot.registries.pull_quotas import RESERVED_PULLS, PullQuotas

IMAGE = images.build_image([images.build_layer({"a": b"b"})])
SIX_HOURS = ";w=21600"


def build_manifest_reply(headers: dict[str, str]) -> HttpReply:
    said = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    return HttpReply(200, IMAGE.content, said | headers)


def client(*hosts: str) -> OciRegistry:
    entries = [RegistryEntry(host, is_insecure=True) for host in hosts]
    return OciRegistry(entries, environment={}, sleep=lambda seconds: None)


def build_hub_responder(left: int, limit: int = 100, window: str = SIX_HOURS):
    """Respond like Docker Hub, which counts every GET of a manifest and reports the quota for HEAD, too."""
    counted = [left]

    def answer(received: ReceivedRequest) -> HttpReply:
        counted[0] -= received.method == "GET"
        return build_manifest_reply(
            {"RateLimit-Limit": f"{limit}{window}", "RateLimit-Remaining": f"{max(counted[0], 0)}{window}"}
        )

    return answer


def test_pulls_stop_at_reserved_quota_and_head_requests_continue():
    with HttpListener(build_hub_responder(RESERVED_PULLS + 2)) as server:
        oci, nginx = client(server.host), TagRef(f"{server.host}/library/nginx", "1")
        for _ in range(2):
            oci.fetch_manifest(nginx, oci.fetch_descriptor(nginx).digest)
        with pytest.raises(RegistryError) as caught:
            oci.fetch_manifest(nginx, IMAGE.digest)
        assert oci.fetch_descriptor(nginx).digest == IMAGE.digest
    assert [received.method for received in server.received] == ["HEAD", "GET", "HEAD", "GET", "HEAD"]
    assert (caught.value.reason, caught.value.is_failure) == (Reason.RATE_LIMITED, True)
    assert f"{server.host} allows {RESERVED_PULLS} more pulls" in str(caught.value)
    assert "is renewed within 6 hours" in str(caught.value)


@pytest.mark.parametrize(("window", "said"), [(";w=60", "60 seconds"), (";w=3600", "1 hour"), (";w=5400", "1.5 hours")])
def test_error_about_used_up_quota_shows_readable_renewal_time(window, said):
    with HttpListener(build_hub_responder(RESERVED_PULLS, window=window)) as server:
        oci, nginx = client(server.host), TagRef(f"{server.host}/library/nginx", "1")
        oci.fetch_descriptor(nginx)
        with pytest.raises(RegistryError, match=f"is renewed within {said}; hint: run again"):
            oci.fetch_manifest(nginx, IMAGE.digest)


def test_small_pull_quota_has_a_smaller_reserve():
    with HttpListener(build_hub_responder(3, limit=20)) as server:
        oci, nginx = client(server.host), TagRef(f"{server.host}/library/nginx", "1")
        oci.fetch_descriptor(nginx)
        oci.fetch_manifest(nginx, IMAGE.digest)
        with pytest.raises(RegistryError, match="2 more pulls"):
            oci.fetch_manifest(nginx, IMAGE.digest)


def test_blob_requests_are_allowed_despite_used_up_pull_quota():
    used_up = build_manifest_reply({"RateLimit-Remaining": f"0{SIX_HOURS}"})
    config = HttpReply(body=IMAGE.blobs[0])
    with HttpListener(lambda received: used_up if "/manifests/" in received.path else config) as server:
        oci, line = client(server.host), TagRef(f"{server.host}/a", "1")
        assert oci.describe_image(line, oci.fetch_manifest(line, IMAGE.digest)).digest == IMAGE.digest


@pytest.mark.parametrize("left", ["5", "nonsense;w=21600", "", "-1;w=1", "5;w=x"])
def test_invalid_pull_quota_header_is_ignored(left):
    with HttpListener(lambda received: build_manifest_reply({"RateLimit-Remaining": left})) as server:
        oci, nginx = client(server.host), TagRef(f"{server.host}/a", "1")
        oci.fetch_descriptor(nginx)
        assert oci.fetch_manifest(nginx, IMAGE.digest).digest == IMAGE.digest


def test_used_up_pull_quota_affects_only_the_registry_that_sent_the_quota():
    with HttpListener(build_hub_responder(0)) as poor, HttpListener(build_hub_responder(100)) as rich:
        oci = client(poor.host, rich.host)
        oci.fetch_descriptor(TagRef(f"{poor.host}/a", "1"))
        assert oci.fetch_manifest(TagRef(f"{rich.host}/a", "1"), IMAGE.digest).digest == IMAGE.digest
        with pytest.raises(RegistryError):
            oci.fetch_manifest(TagRef(f"{poor.host}/a", "1"), IMAGE.digest)


def test_pulls_in_progress_count_toward_the_quota():
    quotas = PullQuotas()
    (endpoint,) = filter(None, [EndpointDirectory().find_endpoint("docker.io")])
    left = {"ratelimit-remaining": f"{RESERVED_PULLS + 3}{SIX_HOURS}"}
    quotas.update_quota(endpoint, Response(200, left, b""))
    granted: list[bool] = []
    all_asked = threading.Barrier(8, timeout=60)

    def pull() -> None:
        try:
            with quotas.reserve_pull(endpoint):
                granted.append(True)
                all_asked.wait()
        except RegistryError:
            granted.append(False)
            all_asked.wait()

    threads = [threading.Thread(target=pull) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(granted) == [False] * 5 + [True] * 3
    with quotas.reserve_pull(endpoint):
        pass


@responses.activate
def test_used_up_pull_quota_prevents_manifest_requests_but_not_head_requests():
    url = "https://registry-1.docker.io/v2/library/{}/manifests/{}"
    used_up = {"RateLimit-Remaining": f"0{SIX_HOURS}", "Retry-After": "21600"}
    said = {"Content-Type": IMAGE.media_type, "Docker-Content-Digest": IMAGE.digest}
    for name in ("nginx", "redis"):
        responses.head(url.format(name, 1), headers=said)
    responses.get(url.format("nginx", IMAGE.digest), status=429, headers=used_up)
    oci = OciRegistry(environment={}, sleep=lambda seconds: pytest.fail("nothing to wait for"))
    nginx, redis = TagRef("docker.io/library/nginx", "1"), TagRef("docker.io/library/redis", "1")
    for said_by, line in (("answered 429", nginx), ("allows 0 more pulls", redis)):
        oci.fetch_descriptor(line)
        with pytest.raises(RegistryError, match=said_by) as caught:
            oci.fetch_manifest(line, IMAGE.digest)
        assert caught.value.reason is Reason.RATE_LIMITED
    assert oci.fetch_descriptor(redis).digest == IMAGE.digest
    assert len(responses.calls) == 4
