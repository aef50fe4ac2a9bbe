"""Build the scanners from the settings; each scanner is imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.model.errors import RegistryError
from bot.model.evidence import ScanSubject
from bot.model.reference import Digest, ImageReference
from bot.ports import Scanner
from bot.wiring.clock import SystemClock

if TYPE_CHECKING:
    from bot.registries.oci import OciRegistry
    from bot.scanners.choice import ConfiguredScannerSelector
    from bot.settings import (
        AutoSettings,
        DefenderSettings,
        GrypeSettings,
        OsvSettings,
        ReportSettings,
        ScannerSettings,
        Settings,
        TrivySettings,
    )

PROJECT = Path(__file__).resolve().parent.parent.parent
"""The folder of a checkout; `make` keeps Trivy in a virtual environment of its own in it."""
TRIVY_ENVIRONMENTS = (PROJECT / ".venv-trivy",)

PROXIES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
"""The proxy variables that scanners get; basebump's own requests read the same ones, lower case first."""


def scanner_of(settings: Settings, registry: OciRegistry, cache: Path | None) -> ConfiguredScannerSelector:
    """Return the selector of scanners: the first entry that matches an image; without entries, no scanner."""
    from bot.scanners.choice import ConfiguredScannerSelector, ScannerEntry

    cache = cache or cache_folder()
    return ConfiguredScannerSelector(
        [ScannerEntry(each.images, scanner_for(each, settings, registry, cache), each.private) for each in settings.scanners]
    )


def scanner_for(chosen: ScannerSettings, settings: Settings, registry: OciRegistry, cache: Path) -> Scanner:
    """Return the scanner of one entry of the config. Raises ConfigError if its secret is not set."""
    from bot.scanners.none import MissingScanner, NoScanner
    from bot.settings import (
        AutoSettings,
        DefenderSettings,
        GrypeSettings,
        NoScannerSettings,
        OsvSettings,
        ReportSettings,
        TrivySettings,
    )

    match chosen:
        case NoScannerSettings():
            return NoScanner()
        case AutoSettings():
            trivy = TrivySettings(database=chosen.database, timeout=chosen.timeout)
            grype = GrypeSettings(timeout=chosen.timeout)
            return (
                _trivy(trivy, registry, cache) or _grype(grype, registry, cache) or _nothing_installed(chosen, registry)
            )
        case TrivySettings(server=str()):
            return _trivy_server(chosen, settings, registry, cache) or MissingScanner(chosen.binary or "trivy")
        case TrivySettings():
            return _trivy(chosen, registry, cache) or MissingScanner(chosen.binary or "trivy")
        case GrypeSettings():
            return _grype(chosen, registry, cache) or MissingScanner(chosen.binary or "grype")
        case OsvSettings():
            return _osv(chosen, registry)
        case DefenderSettings():
            return _defender(chosen, registry)
        case ReportSettings():
            return _report(chosen, registry)
    assert_never(chosen)


def _trivy(chosen: TrivySettings, registry: OciRegistry, cache: Path) -> Scanner | None:
    """Return a local Trivy; None if it is not installed."""
    from bot.scanners.trivy import TrivyScanner, find_trivy

    binary = find_trivy(chosen.binary, TRIVY_ENVIRONMENTS)
    if binary is None:
        return None
    database = registry.get_named_address(ImageReference.parse(chosen.database)) if chosen.database else None
    return TrivyScanner(
        binary,
        registry.get_pull_address,
        cache / "trivy" / _cache_name(chosen.database),
        now=SystemClock().now,
        database_address=database,
        timeout=chosen.timeout.total_seconds(),
        proxies=_proxies(),
    )


def _trivy_server(chosen: TrivySettings, settings: Settings, registry: OciRegistry, cache: Path) -> Scanner | None:
    """Return a Trivy client whose server has the database; None if Trivy is not installed. Raises ConfigError."""
    from bot.scanners.trivy import find_trivy
    from bot.scanners.trivy_server import TrivyServer, TrivyServerScanner

    binary = find_trivy(chosen.binary, TRIVY_ENVIRONMENTS)
    if binary is None or chosen.server is None:
        return None
    token = settings.get_token(chosen.token_env, os.environ) if chosen.token_env is not None else None
    return TrivyServerScanner(
        binary,
        TrivyServer(chosen.server, token),
        registry.get_pull_address,
        cache / "trivy" / "client",
        now=SystemClock().now,
        timeout=chosen.timeout.total_seconds(),
        proxies=_proxies(),
    )


def _grype(chosen: GrypeSettings, registry: OciRegistry, cache: Path) -> Scanner | None:
    """Return a local Grype; None if it is not installed."""
    from bot.scanners.grype import GrypeScanner, find_grype

    binary = find_grype(chosen.binary)
    if binary is None:
        return None
    return GrypeScanner(
        binary,
        registry.get_pull_address,
        cache / "grype" / _cache_name(chosen.database),
        now=SystemClock().now,
        database_url=chosen.database,
        timeout=chosen.timeout.total_seconds(),
        proxies=_proxies(),
    )


def _proxies() -> dict[str, str]:
    return {name.upper(): os.environ[name] for name in PROXIES if name in os.environ}


def _nothing_installed(chosen: AutoSettings, registry: OciRegistry) -> Scanner:
    from bot.scanners.none import NoScanner
    from bot.settings import OsvSettings

    if chosen.osv is None:
        return NoScanner()
    return _osv(OsvSettings(chosen.osv, send=chosen.send), registry, may_be_missing=True)


def _osv(chosen: OsvSettings, registry: OciRegistry, *, may_be_missing: bool = False) -> Scanner:
    from bot.scanners.osv import OsvScanner

    return OsvScanner(
        chosen.url,
        registry.create_sbom_finder(),
        now=SystemClock().now,
        allowed_registries=chosen.send,
        may_be_missing=may_be_missing,
        environment=os.environ,
    )


def _defender(chosen: DefenderSettings, registry: OciRegistry) -> Scanner:
    """Return Defender, queried with the Azure identity that the environment determines.

    It is queried in the cloud of `AZURE_AUTHORITY_HOST`, by default in the public one.
    """
    from bot.net import HostTrust, HttpClient
    from bot.registries.azure_identity import ManagerLogin
    from bot.scanners._defender.graph import ResourceGraph
    from bot.scanners.defender import DefenderScanner

    login = ManagerLogin(os.environ)
    http = HttpClient({login.manager_host: HostTrust()}, environment=os.environ)
    graph = ResourceGraph(login.manager_host, login.get_token, http, subscriptions=chosen.subscriptions)
    return DefenderScanner(
        graph,
        partial(platform_manifests, registry),
        now=SystemClock().now,
        max_age=chosen.max_age,
        is_pulled=chosen.pulled,
    )


def platform_manifests(registry: OciRegistry, subjects: Sequence[ScanSubject]) -> list[Digest | RegistryError | None]:
    """Return the manifest digests of many images on their platforms, or the errors, by parallel requests."""
    from bot.pipeline.pool import REGISTRY_POOL

    def manifest(subject: ScanSubject) -> Digest | RegistryError | None:
        try:
            return registry.find_platform_digest(subject.tag_ref, subject.digest, subject.platform)
        except RegistryError as error:
            return error

    return REGISTRY_POOL.map(manifest, subjects)


def _report(chosen: ReportSettings, registry: OciRegistry) -> Scanner:
    from bot.scanners.report import ReportScanner

    return ReportScanner(
        chosen.path,
        lambda subject: registry.list_digests(subject.tag_ref, subject.digest, subject.platform),
        now=SystemClock().now,
        platform=chosen.platform,
        max_age=chosen.max_age,
        is_one_run=chosen.one_run,
    )


def cache_folder() -> Path:
    """Return the folder for scanner databases (https://specifications.freedesktop.org/basedir-spec/)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "basebump"


def _cache_name(database: str | None) -> str:
    """Return the name of the cache folder for one database, since the contents of databases differ."""
    import hashlib

    return "default" if database is None else hashlib.sha256(database.encode()).hexdigest()[:16]
