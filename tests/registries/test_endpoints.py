"""Endpoints of registries, by the entries in the configuration."""

from __future__ import annotations

import pytest

from bot.model.hosts import PUBLIC_HOSTS
from bot.model.image_name import ImageName
from bot.net import HostTrust
from bot.registries.endpoints import HUB_API, EndpointDirectory, RegistryEndpoint, RegistryEntry


def test_public_hosts_are_written_as_in_canonical_references():
    for host in PUBLIC_HOSTS:
        assert ImageName.parse(f"{host}/a/b").host == host == host.lower()


def test_docker_hub_is_asked_where_its_api_is():
    assert EndpointDirectory().find_endpoint("docker.io") == RegistryEndpoint("docker.io", "docker.io", HUB_API)


@pytest.mark.parametrize(
    "host", ["registry.corp", "127.0.0.1:5000", "localhost", "docker.io:443", "ghcr.io.evil.example"]
)
def test_a_host_that_is_neither_public_nor_listed_has_no_endpoint(host):
    assert EndpointDirectory().find_endpoint(host) is None


def test_a_listed_host_is_asked_as_it_is_listed():
    entry = RegistryEntry("registry.corp:5000", is_insecure=True, ca="/ca", trusted_realms=("auth.corp",))
    endpoint = EndpointDirectory([entry]).find_endpoint("registry.corp:5000")
    assert endpoint == RegistryEndpoint(
        "registry.corp:5000", "registry.corp:5000", "registry.corp:5000", "", True, "/ca", ("auth.corp",)
    )
    assert endpoint.url == "http://registry.corp:5000"


@pytest.mark.parametrize(
    ("mirror", "prefix"), [("m.corp:5000", ""), ("m.corp:5000/", ""), ("m.corp:5000/a/b/", "a/b/")]
)
def test_a_mirror_is_asked_instead_under_its_prefix(mirror, prefix):
    endpoint = EndpointDirectory([RegistryEntry("docker.io", mirror=mirror)]).find_endpoint("docker.io")
    assert endpoint == RegistryEndpoint("docker.io", "m.corp:5000", "m.corp:5000", prefix)


def test_a_mirrors_own_entry_tells_how_to_reach_it_too():
    upstream = RegistryEntry("docker.io", mirror="m.corp")
    own = RegistryEntry("m.corp", is_insecure=True, ca="/ca", trusted_realms=("auth.corp",))
    endpoint = EndpointDirectory([upstream, own]).find_endpoint("docker.io")
    assert endpoint == RegistryEndpoint("docker.io", "m.corp", "m.corp", "", True, "/ca", ("auth.corp",))


def test_the_operator_lists_registries_mirrors_and_token_servers():
    access = EndpointDirectory(
        [
            RegistryEntry("docker.io", mirror="m.corp/hub", is_insecure=True),
            RegistryEntry("m.corp", ca="/ca"),
            RegistryEntry("ghcr.io"),
            RegistryEntry("r.corp:5000", trusted_realms=("auth.corp:5001",)),
        ]
    )
    assert access.list_trusted_hosts() == {
        "m.corp": HostTrust(is_insecure=True, ca="/ca"),
        "ghcr.io": HostTrust(),
        "r.corp:5000": HostTrust(),
        "auth.corp:5001": HostTrust(),
    }


@pytest.mark.parametrize("alias", ["docker.io", "index.docker.io", "registry-1.docker.io", "Docker.io"])
def test_docker_hub_may_be_listed_under_any_of_its_names(alias):
    assert EndpointDirectory([RegistryEntry(alias, username="u", password="p")]).get_entry("docker.io") is not None


def test_a_password_is_not_shown():
    assert "secret" not in repr(RegistryEntry("ghcr.io", username="user", password="secret"))
