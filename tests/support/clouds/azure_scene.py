"""A registry of Azure with one image, and who may log in to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from support.clouds.acr import FakeAcr
from support.clouds.arm import FakeResourceManager
from support.clouds.entra import SECRET, FakeEntra
from support.listener import ReceivedRequest
from support.tunnel import ProxyTunnel

from bot.demo import images
from bot.model.image_name import TagRef
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry

IMAGE = images.build_image([images.build_layer({"a": b"b"})])
NAMES = ("contoso.azurecr.io", "contoso.azurecr.us", "attacker.azurecr.io")
"""Hosts of registries that the certificate is for."""
MANAGERS = ("management.azure.com", "management.usgovcloudapi.net", "management.chinacloudapi.cn")
"""Hosts of resource managers that it is for."""


def entry(acr: FakeAcr, **options) -> RegistryEntry:
    """Return a registry entry with a login through Entra, unless `options` change it."""
    return RegistryEntry(acr.host, ca=str(acr.certificate.path), **({"uses_entra": True} | options))


def client(*entries: RegistryEntry, environment: Mapping[str, str] | None = None) -> OciRegistry:
    """Return a client that resolves every host name to loopback."""
    return OciRegistry(
        entries, environment=environment or {}, sleep=lambda seconds: None, resolve=lambda host, port: ["127.0.0.1"]
    )


def build_secret_environment(entra: FakeEntra) -> dict[str, str]:
    """Return the environment of a service principal with a secret."""
    return entra.environment | {"AZURE_CLIENT_SECRET": SECRET}


def line(acr: FakeAcr, repository: str = "team/app") -> TagRef:
    return TagRef(f"{acr.host}/{repository}", "1")


def list_credential_requests(received: list[ReceivedRequest]) -> list[ReceivedRequest]:
    """Return the requests that carried a credential."""
    return [each for each in received if "authorization" in each.headers or b"token=" in each.body]


@contextmanager
def manager(arm: FakeResourceManager, *others: str) -> Iterator[ProxyTunnel]:
    """Yield a proxy that connects the resource manager, and the `others`, to the emulator."""
    with ProxyTunnel({f"{host}:443": arm.port for host in (arm.host, *others)}) as tunnel:
        yield tunnel
