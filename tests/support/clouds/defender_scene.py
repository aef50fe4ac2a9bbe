"""A registry on loopback, an emulated resource graph, and the scanner between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from support.clouds.azure_scene import MANAGERS, manager
from support.clouds.entra import FakeEntra
from support.clouds.resource_graph import FakeResourceGraph
from support.registries.docker_registry import SelfSignedCertificate
from support.tunnel import ProxyTunnel, refuse_dns_queries

from bot.demo.images import ImageStore, build_image, build_index, build_layer
from bot.demo.loopback_registry import LoopbackRegistry
from bot.model.evidence import NotScanned, Scan, ScanSubject, UnscannedReason
from bot.model.image_name import TagRef
from bot.net import HostTrust, HttpClient
from bot.registries.endpoints import RegistryEntry
from bot.registries.oci import OciRegistry
from bot.scanners._defender.graph import ResourceGraph
from bot.scanners.defender import DefenderScanner
from bot.wiring.scanners import resolve_platform_manifests

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
LINE = TagRef("contoso.azurecr.io/team/base", "1")
OLD, NEW = (build_image([build_layer({"content": word})]) for word in (b"old", b"new"))
LONG_AGO = "2026-09-01T00:00:00Z"


class DefenderScene:
    """A registry with two indexes of two platforms, a graph, and the scanner between them."""

    def __init__(
        self, registry: LoopbackRegistry, store: ImageStore, graph: FakeResourceGraph, tunnel: ProxyTunnel
    ) -> None:
        self.store, self.graph, self.tunnel = store, graph, tunnel
        entry = RegistryEntry(LINE.host, mirror=registry.host, is_insecure=True)
        self.registry = OciRegistry([entry], environment={}, sleep=lambda _: None)
        self.old, self.new = (self.push(build_index([_arm(made), made])) for made in (OLD, NEW))
        self.pauses: list[float] = []

    def push(self, item, platform: str = "linux/amd64") -> ScanSubject:
        return ScanSubject(LINE, self.store.put(LINE.path, item), platform)

    def scanner(self, *, token: str | None = None, subscriptions=(), **options) -> DefenderScanner:
        host = self.graph.host
        known = token or self.graph.entra.token(self.graph.audience)
        http = HttpClient({host: HostTrust()}, environment=self.environment(), sleep=lambda _: None)
        asked = ResourceGraph(host, lambda: known, http, subscriptions=subscriptions, sleep=self.sleep)
        values = {"now": lambda: NOW, "max_age": timedelta(days=3)} | options
        return DefenderScanner(asked, partial(resolve_platform_manifests, self.registry), **values)

    def environment(self) -> dict[str, str]:
        return {"SSL_CERT_FILE": str(self.graph.certificate.path), **self.tunnel.environment}

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.graph.rest(seconds)

    def scan(self, *rows, of: ScanSubject | None = None, **options):
        self.graph.rows = list(rows)
        return self.scanner(**options).scan(of or self.new)


def _arm(made):
    return build_image([build_layer({"content": b"arm of " + made.digest.encode()})], platform="linux/arm64")


@contextmanager
def defender_scene(folder, monkeypatch) -> Iterator[DefenderScene]:
    """Yield a scene whose graph is reachable only by its name through the operator's proxy."""
    refuse_dns_queries(monkeypatch)
    certificate, store = SelfSignedCertificate.make(folder, *MANAGERS), ImageStore()
    with (
        FakeEntra(certificate) as entra,
        FakeResourceGraph(certificate, entra) as graph,
        manager(graph) as tunnel,
        LoopbackRegistry(store) as registry,
    ):
        yield DefenderScene(registry, store, graph, tunnel)


def why(outcome) -> UnscannedReason:
    assert isinstance(outcome, NotScanned), outcome
    return outcome.reason


def found(outcome) -> dict:
    assert isinstance(outcome, Scan), outcome
    return {each.id: each for each in outcome.findings}
