"""Endpoints of registries, by the entries in the configuration."""

from __future__ import annotations

import pytest

from bot.model.hosts import PUBLIC_HOSTS
from bot.model.image_name import ImageName
from bot.net import HostTrust
from bot.registries.endpoints import HUB_API, EndpointDirectory, RegistryEndpoint, RegistryEntry


def test_public_hosts_are_canonical():
    for host in PUBLIC_HOSTS:
        assert ImageName.parse(f"{host}/a/b").host == host == host.lower()


def test_docker_hub_endpoint_is_api_host():
    assert EndpointDirectory().find_endpoint("docker.io") == RegistryEndpoint("docker.io", "docker.io", HUB_API)


@pytest.mark.parametrize(
    "host", ["registry.corp", "127.0.0.1:5000", "localhost", "docker.io:443", "ghcr.io.evil.example"]
)
def test_unlisted_private_host_has_no_endpoint(host):
    assert EndpointDirectory().find_endpoint(host) is None


def test_listed_host_has_endpoint_with_settings_of_entry():
    entry = RegistryEntry("registry.corp:5000", is_insecure=True, ca="/ca", trusted_realms=("auth.corp",))
    endpoint = EndpointDirectory([entry]).find_endpoint("registry.corp:5000")
    assert endpoint == RegistryEndpoint(
        "registry.corp:5000", "registry.corp:5000", "registry.corp:5000", "", True, "/ca", ("auth.corp",)
    )
    assert endpoint.url == "http://registry.corp:5000"


@pytest.mark.parametrize(
    ("mirror", "prefix"), [("m.corp:5000", ""), ("m.corp:5000/", ""), ("m.corp:5000/a/b/", "a/b/")]
)
def test_mirror_endpoint_has_prefix(mirror, prefix):
    endpoint = EndpointDirectory([RegistryEntry("docker.io", mirror=mirror)]).find_endpoint("docker.io")
    assert endpoint == RegistryEndpoint("docker.io", "m.corp:5000", "m.corp:5000", prefix)


def test_mirror_endpoint_has_settings_of_mirror_entry():
    upstream = RegistryEntry("docker.io", mirror="m.corp")
    own = RegistryEntry("m.corp", is_insecure=True, ca="/ca", trusted_realms=("auth.corp",))
    endpoint = EndpointDirectory([upstream, own]).find_endpoint("docker.io")
    assert endpoint == RegistryEndpoint("docker.io", "m.corp", "m.corp", "", True, "/ca", ("auth.corp",))


def test_trusted_hosts_are_registries_mirrors_and_token_servers():
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
def test_docker_hub_entry_accepts_all_host_aliases(alias):
    assert EndpointDirectory([RegistryEntry(alias, username="u", password="p")]).get_entry("docker.io") is not None


def test_password_is_hidden_in_repr():
    assert "secret" not in repr(RegistryEntry("ghcr.io", username="user", password="secret"))
