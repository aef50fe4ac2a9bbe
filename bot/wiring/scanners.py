"""Create the scanners from the settings. Each scanner is imported when it is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from bot.model.errors import RegistryError
from bot.model.evidence import ScanSubject
from bot.model.image_name import Digest, ImageName
from bot.ports import Scanner
from bot.wiring import SystemClock

if TYPE_CHECKING:
    from bot.registries.oci import OciRegistry
    from bot.scanners.selector import ConfiguredScannerSelector
    from bot.settings import Settings
    from bot.settings.sections.scanners import (
        AnyScannerEntry,
        AutoScannerEntry,
        DefenderScannerEntry,
        GrypeScannerEntry,
        OsvScannerEntry,
        ReportScannerEntry,
        TrivyScannerEntry,
    )

PROJECT_FOLDER = Path(__file__).resolve().parent.parent.parent
"""The folder of the checkout, if basebump runs from one. `make` installs Trivy in a virtual environment in it."""
TRIVY_ENVIRONMENTS = (PROJECT_FOLDER / ".venv-trivy",)

PROXIES = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy")
"""The proxy variables that scanners get. basebump's own requests read the same variables, lower case first."""


def build_scanner_selector(settings: Settings, registry: OciRegistry, cache: Path | None) -> ConfiguredScannerSelector:
    """Return the selector that chooses the scanner for an image: the first entry in `scanners` that matches the image.

    `scanners` is a list in the config. `cache` is the folder in which scanners keep their databases; None for the
    default folder. Raises ConfigError if the secret of an entry is not set.
    """
    from bot.scanners.selector import ConfiguredScannerSelector, ScannerEntry

    cache = cache or get_cache_folder()
    return ConfiguredScannerSelector(
        [
            ScannerEntry(each.match.image, build_scanner(each, settings, registry, cache), each.private)
            for each in settings.scanners
        ]
    )


def use_installed_scanner(settings: Settings) -> Settings:
    """Return the settings with a default scanner if the config lists none.

    The default is Trivy or Grype if one of them is installed. No service is asked, because that would send the names of
    packages to the service without the operator's knowledge.
    """
    from bot.settings.sections.scanners import AutoScannerEntry

    return settings if settings.scanners else replace(settings, scanners=(AutoScannerEntry(osv=None),))


def is_scanner_installed() -> bool:
    """Return True if Trivy or Grype is installed, so that images are scanned although the config lists no scanners."""
    from bot.scanners.grype import find_grype
    from bot.scanners.trivy import find_trivy

    return find_trivy(None, TRIVY_ENVIRONMENTS) is not None or find_grype(None) is not None


def build_scanner(entry: AnyScannerEntry, settings: Settings, registry: OciRegistry, cache: Path) -> Scanner:
    """Return the scanner for one entry of the config. Raises ConfigError if the entry's secret is not set."""
    from bot.scanners.no_scanner import MissingScanner, NoScanner
    from bot.settings.sections.scanners import (
        AutoScannerEntry,
        DefenderScannerEntry,
        GrypeScannerEntry,
        NoScannerEntry,
        OsvScannerEntry,
        ReportScannerEntry,
        TrivyScannerEntry,
    )

    match entry:
        case NoScannerEntry():
            return NoScanner()
        case AutoScannerEntry():
            trivy = TrivyScannerEntry(database=entry.database, timeout=entry.timeout)
            grype = GrypeScannerEntry(timeout=entry.timeout)
            return (
                _build_trivy(trivy, registry, cache)
                or _build_grype(grype, registry, cache)
                or _build_fallback_scanner(entry, registry)
            )
        case TrivyScannerEntry(server=str()):
            return _build_trivy_client(entry, settings, registry, cache) or MissingScanner(entry.binary or "trivy")
        case TrivyScannerEntry():
            return _build_trivy(entry, registry, cache) or MissingScanner(entry.binary or "trivy")
        case GrypeScannerEntry():
            return _build_grype(entry, registry, cache) or MissingScanner(entry.binary or "grype")
        case OsvScannerEntry():
            return _build_osv(entry, registry)
        case DefenderScannerEntry():
            return _build_defender(entry, registry)
        case ReportScannerEntry():
            return _build_report_scanner(entry, registry)
    assert_never(entry)


def _build_trivy(entry: TrivyScannerEntry, registry: OciRegistry, cache: Path) -> Scanner | None:
    """Return a scanner that runs Trivy with a local database; None if Trivy is not installed."""
    from bot.scanners.trivy import TrivyScanner, find_trivy

    binary = find_trivy(entry.binary, TRIVY_ENVIRONMENTS)
    if binary is None:
        return None
    database = registry.get_named_address(ImageName.parse(entry.database)) if entry.database else None
    return TrivyScanner(
        binary,
        registry.get_pull_address,
        cache / "trivy" / _get_cache_name(entry.database),
        now=SystemClock().now,
        database_address=database,
        timeout=entry.timeout.total_seconds(),
        proxies=_read_proxies(),
    )


def _build_trivy_client(
    entry: TrivyScannerEntry, settings: Settings, registry: OciRegistry, cache: Path
) -> Scanner | None:
    """Return a scanner that runs Trivy as a client of a Trivy server; None if Trivy is not installed.

    Raises ConfigError if the token of the server is not set.
    """
    from bot.scanners.trivy import find_trivy
    from bot.scanners.trivy_server import TrivyServer, TrivyServerScanner

    binary = find_trivy(entry.binary, TRIVY_ENVIRONMENTS)
    if binary is None or entry.server is None:
        return None
    token = settings.get_token(entry.token_env, os.environ) if entry.token_env is not None else None
    return TrivyServerScanner(
        binary,
        TrivyServer(entry.server, token),
        registry.get_pull_address,
        cache / "trivy" / "client",
        now=SystemClock().now,
        timeout=entry.timeout.total_seconds(),
        proxies=_read_proxies(),
    )


def _build_grype(entry: GrypeScannerEntry, registry: OciRegistry, cache: Path) -> Scanner | None:
    """Return a scanner that runs Grype with a local database; None if Grype is not installed."""
    from bot.scanners.grype import GrypeScanner, find_grype

    binary = find_grype(entry.binary)
    if binary is None:
        return None
    return GrypeScanner(
        binary,
        registry.get_pull_address,
        cache / "grype" / _get_cache_name(entry.database),
        now=SystemClock().now,
        database_url=entry.database,
        timeout=entry.timeout.total_seconds(),
        proxies=_read_proxies(),
    )


def _read_proxies() -> dict[str, str]:
    return {name.upper(): os.environ[name] for name in PROXIES if name in os.environ}


def _build_fallback_scanner(entry: AutoScannerEntry, registry: OciRegistry) -> Scanner:
    from bot.scanners.no_scanner import NoScanner
    from bot.settings.sections.scanners import OsvScannerEntry

    if entry.osv is None:
        return NoScanner()
    return _build_osv(OsvScannerEntry(url=entry.osv, send=entry.send), registry, is_optional=True)


def _build_osv(entry: OsvScannerEntry, registry: OciRegistry, *, is_optional: bool = False) -> Scanner:
    from bot.scanners.osv import OsvScanner

    return OsvScanner(
        entry.url,
        registry.create_sbom_finder(),
        now=SystemClock().now,
        allowed_registries=entry.send,
        may_be_missing=is_optional,
        environment=os.environ,
    )


def _build_defender(entry: DefenderScannerEntry, registry: OciRegistry) -> Scanner:
    """Return a scanner that queries Microsoft Defender.

    The scanner uses the Azure identity in the environment variables. The variable `AZURE_AUTHORITY_HOST` determines the
    Azure cloud. If it is not set, the public cloud is used.
    """
    from bot.net import HostTrust, HttpClient
    from bot.registries.azure_identity import ManagerLogin
    from bot.scanners._defender.graph import ResourceGraph
    from bot.scanners.defender import DefenderScanner

    login = ManagerLogin(os.environ)
    http = HttpClient({login.manager_host: HostTrust()}, environment=os.environ)
    graph = ResourceGraph(login.manager_host, login.get_token, http, subscriptions=entry.subscriptions)
    return DefenderScanner(
        graph,
        partial(resolve_platform_manifests, registry),
        now=SystemClock().now,
        max_age=entry.max_age,
        is_pulled=entry.pulled,
    )


def resolve_platform_manifests(
    registry: OciRegistry, subjects: Sequence[ScanSubject]
) -> list[Digest | RegistryError | None]:
    """Return the manifest digest of each image for its platform, in the order of `subjects`.

    If an image does not have the platform, its result is None. If the lookup of an image fails, its result is the
    error.
    """
    from bot.pipeline.worker_pool import REGISTRY_POOL

    def resolve_manifest(subject: ScanSubject) -> Digest | RegistryError | None:
        try:
            return registry.find_platform_digest(subject.tag_ref, subject.digest, subject.platform)
        except RegistryError as error:
            return error

    return REGISTRY_POOL.map(resolve_manifest, subjects)


def _build_report_scanner(entry: ReportScannerEntry, registry: OciRegistry) -> Scanner:
    from bot.scanners.report_files import ReportScanner

    return ReportScanner(
        entry.path,
        lambda subject: registry.list_digests(subject.tag_ref, subject.digest, subject.platform),
        now=SystemClock().now,
        platform=entry.platform,
        max_age=entry.max_age,
        is_one_run=entry.one_run,
    )


def get_cache_folder() -> Path:
    """Return the default folder for scanner databases (https://specifications.freedesktop.org/basedir-spec/)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "basebump"


def _get_cache_name(database: str | None) -> str:
    """Return a folder name that differs for each database, so that databases do not share a cache."""
    import hashlib

    return "default" if database is None else hashlib.sha256(database.encode()).hexdigest()[:16]
