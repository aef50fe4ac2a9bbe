"""Scans images with a Trivy server. The local client pulls images, and sends lists of packages to the server.

https://trivy.dev/latest/docs/references/modes/client-server/. At `/version`, the server states which database it has,
but not which releases the database covers. Therefore basebump makes a test if the server finds nothing in a release: it
sends the server a list of common packages in versions older than every fix. If the server finds nothing in these
packages, its database does not cover the release.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from bot.model.evidence import NotScanned, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image import PullAddress
from bot.net import HostTrust, HttpClient, HttpError, Url
from bot.scanners._installed_scanner import InstalledScanner, ScannerSession
from bot.scanners._json import UnreadableReportError
from bot.scanners._probe_packages import COMMON_SOURCES, OLDEST_VERSION
from bot.scanners._scanner_program import ComputeOnce, PullAddressResolver, ScannerProgram, make_failure
from bot.scanners._trivy_outcomes import evaluate_report, extract_last_error, parse_identity, translate_trivy_error
from bot.scanners._trivy_report import OperatingSystem, parse_report
from bot.scanners.trivy import DEFAULT_TIMEOUT, MAX_DATABASE_AGE, QUIET_ENVIRONMENT, TIMEOUT_GRACE

MAX_RESPONSE_BYTES = 64 * 1024
"""The largest response, in bytes. The server's response at `/version` has 300 bytes."""

_PURL_PREFIXES = {
    **{family: f"deb/{family}" for family in ("debian", "ubuntu")},
    **{family: f"apk/{family}" for family in ("alpine", "chainguard", "minimos", "wolfi")},
    **{family: f"rpm/{family}" for family in ("alma", "amazon", "azurelinux", "oracle", "photon", "redhat", "rocky")},
}
"""The types and namespaces of package URLs by which Trivy recognizes a distribution's packages in an inventory
(SBOM)."""


@dataclass(frozen=True, slots=True)
class TrivyServer:
    """The URL of a Trivy server, and the token for it."""

    url: str
    token: str | None = field(default=None, repr=False)
    """The token that the server requires of its clients; None if the server requires no token."""


class TrivyServerScanner(InstalledScanner[ScannerSession]):
    """Scans images with a Trivy server. Implements `bot.ports.Scanner`.

    `cache` is the folder in which the client stores temporary data. The folder need not be kept between runs.
    """

    def __init__(
        self,
        binary: str,
        server: TrivyServer,
        resolve_pull_address: PullAddressResolver,
        cache: Path,
        *,
        now: Callable[[], datetime],
        timeout: float = DEFAULT_TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        target = Url.parse(server.url)
        token = {"TRIVY_TOKEN": server.token} if server.token else {}
        program = ScannerProgram(binary, {**(proxies or {}), **QUIET_ENVIRONMENT, **token})
        super().__init__(f"trivy server {target.host}", program, resolve_pull_address)
        self._url, self._host = server.url.rstrip("/"), target.host
        self._http = HttpClient(
            {target.authority: HostTrust(is_insecure=target.scheme == "http")}, environment=dict(proxies or {})
        )
        self._cache, self._now, self._timeout = cache.absolute(), now, timeout
        self._missing_release_cache: ComputeOnce[OperatingSystem, str] = ComputeOnce()

    def _scan_address(self, subject: ScanSubject, address: PullAddress, session: ScannerSession) -> ScanOutcome:
        arguments = self._build_scan_arguments(subject, address)
        completed = self._program.run(arguments, address, timeout=self._timeout + TIMEOUT_GRACE)
        if completed.status != 0:
            return translate_trivy_error(completed.error_text, address)
        report = parse_report(completed.output)
        family = report.system.family if report.system else ""
        is_release_known = any(finding.package_type == family for finding in report.findings)
        outcome = evaluate_report(
            report,
            subject,
            session.identity,
            lambda system: "" if is_release_known else self._find_missing_release(system),
        )
        identity_after = self._fetch_identity()
        if identity_after == session.identity:
            return outcome
        replaced = NotScanned(
            UnscannedReason.DIFFERENT_DATABASE,
            "the Trivy server replaced its database during this run, so the results cannot be compared",
        )
        return identity_after if isinstance(identity_after, NotScanned) else replaced

    def _build_scan_arguments(self, subject: ScanSubject, address: PullAddress) -> list[str]:
        return [
            *("image", "--image-src", "remote", "--platform", subject.platform, "--list-all-pkgs"),
            *self._build_common_arguments(),
            *(["--insecure"] if address.is_insecure else []),
            address.reference,
        ]

    def _build_common_arguments(self) -> Iterator[str]:
        yield from ("--server", self._url, "--scanners", "vuln", "--format", "json", "--no-progress", "--offline-scan")
        yield from ("--timeout", f"{self._timeout:g}s", "--cache-dir", str(self._cache))

    def _prepare_session(self) -> ScannerSession | NotScanned:
        """Query the server for its version and its database.

        Return the session. If the server cannot be queried, or if its database is too old, return the reason why no
        image can be scanned.
        """
        identity = self._fetch_identity()
        if isinstance(identity, NotScanned):
            return identity
        if identity.database is not None and self._now() - identity.database > MAX_DATABASE_AGE:
            return NotScanned(
                UnscannedReason.DATABASE_STALE,
                f"the database of {self._host} is out of date: it was built on {identity.database:%Y-%m-%d}",
            )
        return ScannerSession(identity)

    def _fetch_identity(self) -> ScannerIdentity | NotScanned:
        try:
            response = self._http.request("GET", f"{self._url}/version", limit=MAX_RESPONSE_BYTES, max_redirects=0)
        except HttpError as error:
            return make_failure(f"the Trivy server's database could not be queried: {error}")
        found = parse_identity(response.body) if response.status == HTTPStatus.OK else None
        return found or make_failure(
            f"{self._host} answered {response.status} for `/version`, without a Trivy server's version; "
            "hint: check `server`"
        )

    def _find_missing_release(self, system: OperatingSystem) -> str:
        """Return the release of `system` if the server's database has no data for it; an empty string if not.

        For each release, basebump queries the server once about common packages in versions older than every fix. If
        the server finds no vulnerability in these packages, its database has no data for the release.

        Raises ProcessError if Trivy fails, and UnreadableReportError if its report cannot be read.
        """
        return self._missing_release_cache.get(
            system, lambda: "" if self._has_data_for_release(system) else str(system)
        )

    def _has_data_for_release(self, system: OperatingSystem) -> bool:
        purl = _PURL_PREFIXES.get(system.family)
        if purl is None or system.has_extended_support:  # an inventory cannot state extended support
            return False
        with tempfile.TemporaryDirectory(prefix="basebump-probe-") as folder:
            probe = Path(folder, "probe.json")
            probe.write_text(json.dumps(_build_probe_inventory(system, purl)), encoding="utf-8")
            completed = self._program.run(
                ["sbom", *self._build_common_arguments(), str(probe)], timeout=self._timeout + TIMEOUT_GRACE
            )
        if completed.status != 0:
            details = extract_last_error(completed.error_text, None)
            raise UnreadableReportError(
                f"the Trivy server could not be queried for vulnerabilities of {system}: {details}"
            )
        return bool(parse_report(completed.output).findings)


def _build_probe_inventory(system: OperatingSystem, purl: str) -> Mapping[str, object]:
    """Return a CycloneDX 1.5 inventory of common packages, in versions older than every fix.

    If the server finds no vulnerabilities in this inventory, its database does not cover the release of `system`.
    `purl` is the beginning of the distribution's package URLs, such as `deb/debian`.
    """
    packages = [
        {
            "bom-ref": name,
            "type": "library",
            "name": name,
            "version": OLDEST_VERSION,
            "purl": f"pkg:{purl}/{name}@{OLDEST_VERSION}?distro={system.family}-{system.release}",
            "properties": [
                {"name": "aquasecurity:trivy:SrcName", "value": name},
                {"name": "aquasecurity:trivy:SrcVersion", "value": OLDEST_VERSION},
                {"name": "aquasecurity:trivy:PkgType", "value": system.family},
            ],
        }
        for name in COMMON_SOURCES
    ]
    root = {"bom-ref": "system", "type": "operating-system", "name": system.family, "version": system.release}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"bom-ref": "probe", "type": "container", "name": "probe"}},
        "components": [root, *packages],
        "dependencies": [
            {"ref": "probe", "dependsOn": ["system"]},
            {"ref": "system", "dependsOn": list(COMMON_SOURCES)},
        ],
    }
