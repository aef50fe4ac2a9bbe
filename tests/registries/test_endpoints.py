"""Endpoints of registries, by the entries in the configuration."""

from __future__ import annotations

import pytest

from bot.model.hosts import PUBLIC_HOSTS
from bot.model.image_name import ImageName
from bot.net import HostTrust
from bot.registries.endpoints import HUB_API, EndpointDirectory, RegistryEndpoint, RegistryEntry


def test_built_in_public_registry_hosts_are_in_canonical_form():
    for host in PUBLIC_HOSTS:
        assert ImageName.parse(f"{host}/a/b").host == host == host.lower()


def test_docker_hub_requests_go_to_the_api_host():
    assert EndpointDirectory().find_endpoint("docker.io") == RegistryEndpoint("docker.io", "docker.io", HUB_API)


@pytest.mark.parametrize(
    "host", ["registry.corp", "127.0.0.1:5000", "localhost", "docker.io:443", "ghcr.io.evil.example"]
)
def test_private_registry_outside_config_has_no_endpoint(host):
    assert EndpointDirectory().find_endpoint(host) is None


def test_registry_in_config_has_endpoint_with_configured_settings():
    entry = RegistryEntry("registry.corp:5000", is_insecure=True, ca="/ca", trusted_realms=("auth.corp",))
    endpoint = EndpointDirectory([entry]).find_endpoint("registry.corp:5000")
    assert endpoint == RegistryEndpoint(
        "registry.corp:5000", "registry.corp:5000", "registry.corp:5000", "", True, "/ca", ("auth.corp",)
    )
    assert endpoint.url == "http://registry.corp:5000"


@pytest.mark.parametrize(
    ("mirror", "prefix"), [("m.corp:5000", ""), ("m.corp:5000/", ""), ("m.corp:5000/a/b/", "a/b/")]
)
def test_endpoint_of_mirrored_registry_has_host_and_path_of_mirror(mirror, prefix):
    endpoint = EndpointDirectory([RegistryEntry("docker.io", mirror=mirror)]).find_endpoint("docker.io")
    assert endpoint == RegistryEndpoint("docker.io", "m.corp:5000", "m.corp:5000", prefix)


def test_endpoint_of_mirrored_registry_has_settings_of_the_mirror():
    upstream = RegistryEntry("docker.io", mirror="m.corp")
    own = RegistryEntry("m.corp", is_insecure=True, ca="/ca", trusted_realms=("auth.corp",))
    endpoint = EndpointDirectory([upstream, own]).find_endpoint("docker.io")
    assert endpoint == RegistryEndpoint("docker.io", "m.corp", "m.corp", "", True, "/ca", ("auth.corp",))


def test_trusted_hosts_are_configured_registries_mirrors_and_token_servers():
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
def test_config_entry_for_docker_hub_can_use_any_alias_of_the_host(alias):
    assert EndpointDirectory([RegistryEntry(alias, username="u", password="p")]).get_entry("docker.io") is not None


def test_password_of_registry_entry_is_hidden_in_repr():
    assert "secret" not in repr(RegistryEntry("ghcr.io", username="user", password="secret"))
