"""Addresses and URLs that may be contacted."""

from __future__ import annotations

import ipaddress

import pytest

from bot.net import BlockedError, HostTrust, RequestGuard, Url, is_public_address

PUBLIC = ["8.8.8.8", "1.1.1.1", "140.82.112.33", "2606:4700:4700::1111", "2001:4860:4860::8888", "::ffff:8.8.8.8"]
SPECIAL = {
    "unspecified": ["0.0.0.0", "::"],
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00:ec2::254"],
    "link-local": ["169.254.169.254", "169.254.170.2", "fe80::1", "fe80::1%eth0"],
    "carrier NAT": ["100.64.0.1", "100.100.100.200"],
    "Azure's wire server": ["168.63.129.16"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.0.9", "192.0.0.10"],
    "benchmarking": ["198.18.0.1", "2001:2::1"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.5", "2001:db8::1", "3fff::1"],
    "IPv4 inside IPv6": ["::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:168.63.129.16", "::127.0.0.1"],
    "translated": ["::ffff:0:10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"],
    "6to4": ["2002:a9fe:a9fe::", "192.88.99.1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "site-local": ["fec0::1"],
    "protocol assignments": ["2001:1::1", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:30::1"],
    "no address": ["", "localhost", "2130706433", "0x7f.1", "127.1"],
}


@pytest.mark.parametrize("address", PUBLIC)
def test_ordinary_internet_ip_address_is_public(address):
    assert is_public_address(address)


@pytest.mark.parametrize(("kind", "address"), [(kind, one) for kind, many in SPECIAL.items() for one in many])
def test_ip_address_in_special_range_is_not_public(kind, address):
    assert not is_public_address(address), kind


@pytest.mark.parametrize(
    "kind", ["Azure's wire server", "translated", "6to4", "Teredo", "site-local", "protocol assignments"]
)
def test_special_ranges_are_not_public_even_if_python_considers_all_ips_global(kind, monkeypatch):
    for family in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        monkeypatch.setattr(family, "is_global", True)
    assert [address for address in SPECIAL[kind] if is_public_address(address)] == []


def build_guard(addresses: list[str], **listed: HostTrust) -> RequestGuard:
    return RequestGuard(
        {name.replace("__", ":").replace("_", "."): trust for name, trust in listed.items()},
        lambda host, port: addresses,
    )


def test_host_name_with_public_addresses_is_resolved():
    assert build_guard(["8.8.8.8", "1.1.1.1"]).resolve_addresses("ghcr.io", 443) == ["8.8.8.8", "1.1.1.1"]


@pytest.mark.parametrize("answers", [["10.0.0.1", "8.8.8.8"], ["8.8.8.8", "10.0.0.1"]])
def test_host_name_is_blocked_if_any_address_is_private(answers):
    with pytest.raises(BlockedError, match=r"ghcr\.io was not contacted, because its address 10\.0\.0\.1 "):
        build_guard(answers).resolve_addresses("ghcr.io", 443)


def test_host_name_is_blocked_if_only_the_tenth_address_is_private():
    with pytest.raises(BlockedError):
        build_guard(["8.8.8.8"] * 9 + ["10.0.0.1"]).resolve_addresses("ghcr.io", 443)


def test_configured_host_can_have_private_address_only_on_configured_port():
    listed = build_guard(["10.0.0.1"], registry_corp__5000=HostTrust())
    assert listed.resolve_addresses("registry.corp", 5000) == ["10.0.0.1"]
    with pytest.raises(BlockedError):
        listed.resolve_addresses("registry.corp", 443)
    with pytest.raises(BlockedError):
        listed.resolve_addresses("other.corp", 5000)


def test_host_configured_without_port_can_be_private_only_on_default_port():
    listed = build_guard(["10.0.0.1"], registry_corp=HostTrust())
    assert listed.resolve_addresses("registry.corp", 443) == ["10.0.0.1"]
    with pytest.raises(BlockedError):
        listed.resolve_addresses("registry.corp", 5000)


def test_ipv6_literal_can_be_configured_as_host():
    listed = RequestGuard({"[::1]:5000": HostTrust()}, lambda host, port: [host])
    assert listed.resolve_addresses("[::1]", 5000) == ["::1"]
    assert listed.resolve_addresses("::1", 5000) == ["::1"]
    assert listed.get_trust(Url.parse("https://[::1]:5000/v2/")) == HostTrust()


def test_host_comparison_ignores_case_and_final_dot():
    listed = build_guard(["10.0.0.1"], registry_corp=HostTrust())
    assert listed.resolve_addresses("REGISTRY.corp.", 443) == ["10.0.0.1"]


@pytest.mark.parametrize("url", ["http://ghcr.io/v2/", "https://ghcr.io:8443/v2/", "http://ghcr.io:443/v2/"])
def test_host_that_is_not_configured_is_allowed_only_over_https_on_port_443(url):
    with pytest.raises(BlockedError, match="registries:"):
        build_guard([]).check_url(Url.parse(url))


MACHINES = [
    *("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
    *("2852039166", "0xa9fea9fe", "169.254.43518", "metadata.google.internal", "METADATA.google.internal"),
    *("[fe80::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]"),
    "[2002:a9fe:a9fe::]",
]
"""Metadata services, in every notation."""


@pytest.mark.parametrize("host", MACHINES)
@pytest.mark.parametrize("url", ["http://{}/token", "https://{}:8443/token"])
def test_metadata_service_is_blocked_without_hint_to_configure_host(host, url):
    with pytest.raises(BlockedError, match="this is not the address of a registry") as caught:
        build_guard([]).check_url(Url.parse(url.format(host)))
    assert "registries" not in str(caught.value)
    assert "insecure" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "fe80::1%eth0", "fd00:ec2::254", "64:ff9b::a9fe:a9fe"]
)
def test_name_that_resolves_to_metadata_service_is_blocked_without_config_hint(address):
    with pytest.raises(
        BlockedError, match=r"ghcr\.io was not contacted, because its address .* this is not the address of a registry$"
    ):
        build_guard([address]).resolve_addresses("ghcr.io", 443)
    with pytest.raises(BlockedError, match=r"uses plain http; this is not the address of a registry$"):
        build_guard(["8.8.8.8", address]).check_url(Url.parse("http://ghcr.io/token"))


def test_metadata_service_behind_proxy_is_blocked_without_config_hint():
    with pytest.raises(BlockedError, match=r"internal host name; this is not the address of a registry"):
        build_guard([]).check_proxied_url(Url.parse("https://metadata.google.internal/"))


def test_https_url_on_default_port_is_allowed():
    build_guard([]).check_url(Url.parse("https://ghcr.io/v2/"))


def test_configured_host_is_allowed_over_http_only_if_insecure_is_set():
    build_guard([], registry_corp__5000=HostTrust()).check_url(Url.parse("https://registry.corp:5000/"))
    build_guard([], registry_corp__5000=HostTrust(is_insecure=True)).check_url(Url.parse("http://registry.corp:5000/"))
    with pytest.raises(BlockedError, match="insecure: true"):
        build_guard([], registry_corp__5000=HostTrust()).check_url(Url.parse("http://registry.corp:5000/"))


def test_configured_text_that_is_not_a_host_is_refused():
    with pytest.raises(ValueError, match="host"):
        RequestGuard({"https://registry.corp": HostTrust()})


@pytest.mark.parametrize("host", ["localhost", "db", "metadata.google.internal", "printer.local", "a.localhost"])
def test_internal_host_name_is_not_sent_to_proxy_unless_configured(host):
    def unknown(host, port):
        raise OSError

    with pytest.raises(BlockedError, match="internal host name"):
        RequestGuard({}, unknown).check_proxied_url(Url.parse(f"https://{host}/"))
    RequestGuard({host: HostTrust()}, unknown).check_proxied_url(Url.parse(f"https://{host}/"))


def test_host_name_with_private_address_is_not_sent_to_proxy():
    with pytest.raises(BlockedError):
        build_guard(["10.0.0.1"]).check_proxied_url(Url.parse("https://registry.corp/"))


def test_host_name_that_cannot_be_resolved_is_sent_to_proxy():
    def unknown(host, port):
        raise OSError

    RequestGuard({}, unknown).check_proxied_url(Url.parse("https://ghcr.io/"))
