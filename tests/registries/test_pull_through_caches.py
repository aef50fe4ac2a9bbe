"""Pull-through caches: host, repository name and credential of each request."""

from __future__ import annotations

import base64

import pytest
from support.listener import HttpListener, HttpReply, ReceivedRequest

from bot.demo import images
from bot.demo.images import PlatformImage
from bot.model.errors import RegistryError
from bot.model.image_name import TagRef
from bot.model.vocabulary import Reason
from bot.registries.endpoints import EndpointDirectory, RegistryEntry
from bot.registries.oci import OciRegistry

OLD = images.build_image([images.build_layer({"a": b"old"})])
NEW = images.build_image([images.build_layer({"a": b"new"})])
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
GAR = "europe-docker.pkg.dev"


@pytest.mark.parametrize(
    ("written", "known"),
    [
        # Azure's artifact cache
        ("acme.azurecr.io/hub/library/nginx", "docker.io/library/nginx"),
        ("acme.azurecr.io/hub/nginx", "docker.io/library/nginx"),
        ("acme.azurecr.io/hub/grafana/grafana", "docker.io/grafana/grafana"),
        ("acme.azurecr.io/hubble/nginx", "acme.azurecr.io/hubble/nginx"),
        ("acme.azurecr.io/hub", "acme.azurecr.io/hub"),
        ("acme.azurecr.io/team/web", "acme.azurecr.io/team/web"),
        ("acme.azurecr.io/nginx", "docker.io/library/nginx"),
        ("acme.azurecr.io/nginx/unit", "docker.io/library/nginx/unit"),
        ("acme.azurecr.io/hub/ms/dotnet/sdk", "mcr.microsoft.com/dotnet/sdk"),
        # Amazon's, Google's and Harbor's
        (f"{ECR}/docker-hub/library/nginx", "docker.io/library/nginx"),
        (f"{GAR}/project/remote/nginx", "docker.io/library/nginx"),
        ("harbor.acme.io:8443/proxy/library/nginx", "docker.io/library/nginx"),
        ("harbor.acme.io/proxy/library/nginx", "harbor.acme.io/proxy/library/nginx"),
        ("mirror.gcr.io/nginx", "docker.io/library/nginx"),
        ("docker.io/library/nginx", "docker.io/library/nginx"),
    ],
)
def test_repository_in_pull_through_cache_is_mapped_to_upstream_repository(written, known):
    access = EndpointDirectory(
        [
            RegistryEntry("acme.azurecr.io", "hub", upstream="docker.io"),
            RegistryEntry("acme.azurecr.io", "hub/ms", upstream="mcr.microsoft.com"),
            RegistryEntry("acme.azurecr.io", "nginx", upstream="docker.io/library/nginx"),
            RegistryEntry(ECR, "docker-hub", upstream="docker.io"),
            RegistryEntry(GAR, "project/remote", upstream="docker.io"),
            RegistryEntry("harbor.acme.io:8443", "proxy", upstream="docker.io"),
            RegistryEntry("mirror.gcr.io", upstream="docker.io"),
        ]
    )
    assert access.find_origin(written) == known
    assert access.find_endpoint(written.partition("/")[0]) or written.startswith("harbor.acme.io/")


def basic(user: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:word".encode()).decode()


def build_image_responder(image: PlatformImage, user: str):
    """Serve one image under any name to one user."""

    def answer(received: ReceivedRequest) -> HttpReply:
        if received.headers.get("authorization") != basic(user):
            return HttpReply(401, headers={"WWW-Authenticate": "Basic"})
        named = received.path.rpartition("/")[2]
        if named.startswith("sha256:") and named != image.digest:
            return HttpReply(404)
        return HttpReply(200, image.content, {"Content-Type": image.media_type, "Docker-Content-Digest": image.digest})

    return answer


def client(cache: HttpListener, upstream: HttpListener, **entry) -> OciRegistry:
    entries = [
        RegistryEntry(cache.host, "hub", upstream=f"{upstream.host}/up"),
        RegistryEntry(cache.host, is_insecure=True, username="cache", password="word", **entry),
        RegistryEntry(upstream.host, is_insecure=True, username="upstream", password="word"),
    ]
    return OciRegistry(entries, environment={}, sleep=lambda seconds: None)


def list_authorized_requests(server: HttpListener) -> list[str]:
    return [f"{received.method} {received.path}" for received in server.received if "authorization" in received.headers]


def sent(server: HttpListener) -> set[str | None]:
    return {received.headers.get("authorization") for received in server.received}


def test_tag_is_resolved_at_upstream_and_digest_is_fetched_from_cache():
    with (
        HttpListener(build_image_responder(NEW, "cache")) as cache,
        HttpListener(build_image_responder(NEW, "upstream")) as upstream,
    ):
        oci = client(cache, upstream)
        nginx = TagRef(f"{cache.host}/hub/nginx", "1")
        assert oci.get_origin(nginx) == TagRef(f"{upstream.host}/up/nginx", "1")
        digest = oci.fetch_descriptor(nginx).digest
        assert digest == NEW.digest
        assert not cache.received, "what the tag points to is the upstream's to say"
        assert oci.fetch_manifest(nginx, digest).digest == NEW.digest
    assert list_authorized_requests(upstream) == ["HEAD /v2/up/nginx/manifests/1"]
    assert list_authorized_requests(cache) == [f"GET /v2/hub/nginx/manifests/{NEW.digest}"], (
        "it is fetched under the name in the file"
    )
    sent = {
        server: {received.headers.get("authorization") for received in server.received} for server in (cache, upstream)
    }
    assert sent == {cache: {None, basic("cache")}, upstream: {None, basic("upstream")}}


def test_tags_of_repository_in_pull_through_cache_are_listed_from_upstream():
    """A cache lists only tags that were pulled through it."""
    tags = HttpReply(200, b'{"tags": ["1", "2"]}')
    with HttpListener(lambda received: HttpReply(500)) as cache, HttpListener(lambda received: tags) as upstream:
        assert client(cache, upstream).list_tags(f"{cache.host}/hub/nginx") == ("1", "2")
    assert not cache.received
    assert upstream.received[0].path.startswith("/v2/up/nginx/tags/list?")


def test_digest_missing_in_pull_through_cache_is_not_fetched_from_upstream():
    with (
        HttpListener(build_image_responder(OLD, "cache")) as cache,
        HttpListener(build_image_responder(NEW, "upstream")) as upstream,
    ):
        oci = client(cache, upstream)
        nginx = TagRef(f"{cache.host}/hub/nginx", "1")
        with pytest.raises(RegistryError, match=f"{cache.host} answered 404") as caught:
            oci.fetch_manifest(nginx, oci.fetch_descriptor(nginx).digest)
    assert (caught.value.reason, caught.value.host) == (Reason.NOT_FOUND_OR_DENIED, cache.host)


def test_tag_is_not_resolved_at_cache_if_upstream_fails():
    with (
        HttpListener(build_image_responder(OLD, "cache")) as cache,
        HttpListener(lambda received: HttpReply(500)) as upstream,
    ):
        with pytest.raises(RegistryError) as caught:
            client(cache, upstream).fetch_descriptor(TagRef(f"{cache.host}/hub/nginx", "1"))
        assert not cache.received
    assert (caught.value.reason, caught.value.host) == (Reason.REGISTRY_ERROR, upstream.host)


def test_repositories_outside_cache_prefix_are_fetched_directly():
    with (
        HttpListener(build_image_responder(OLD, "cache")) as cache,
        HttpListener(build_image_responder(NEW, "upstream")) as upstream,
    ):
        assert client(cache, upstream).fetch_descriptor(TagRef(f"{cache.host}/team/web", "1")).digest == OLD.digest
        assert not upstream.received


def test_image_of_pull_through_cache_with_mirror_is_fetched_from_mirror():
    with (
        HttpListener(build_image_responder(NEW, "cache")) as cache,
        HttpListener(build_image_responder(NEW, "upstream")) as upstream,
    ):
        entries = [
            RegistryEntry("old.acme.io", mirror=f"{cache.host}/moved", is_insecure=True, upstream=upstream.host),
            RegistryEntry(cache.host, username="cache", password="word"),
            RegistryEntry(upstream.host, is_insecure=True, username="upstream", password="word"),
        ]
        oci = OciRegistry(entries, environment={}, sleep=lambda seconds: None)
        web = TagRef("old.acme.io/a/web", "1")
        assert oci.fetch_manifest(web, oci.fetch_descriptor(web).digest).digest == NEW.digest
    assert list_authorized_requests(upstream) == ["HEAD /v2/a/web/manifests/1"]
    assert list_authorized_requests(cache) == [f"GET /v2/moved/a/web/manifests/{NEW.digest}"]


def test_pull_address_of_cached_image_names_the_cache_and_cache_credential():
    with (
        HttpListener(build_image_responder(NEW, "cache")) as cache,
        HttpListener(build_image_responder(NEW, "upstream")) as upstream,
    ):
        address = client(cache, upstream).get_pull_address(TagRef(f"{cache.host}/hub/nginx", "1"), NEW.digest)
    assert (address.reference, address.username) == (f"{cache.host}/hub/nginx@{NEW.digest}", "cache")
