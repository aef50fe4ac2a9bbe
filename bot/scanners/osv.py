"""Finds vulnerabilities without a scanner program, by looking up the packages of an image's SBOM in an OSV API.

A vulnerability in a package that the SBOM (here: inventory) does not list is not found. The signature of an inventory
is not checked. Anyone who is allowed to push to the image's repository can attach an inventory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.core.evidence.finding_keys import merge_findings
from bot.model.contents import InstalledPackage
from bot.model.diagnosis import Check, DiagnosisTarget, report_incomplete, report_ok, report_problem
from bot.model.errors import RegistryError
from bot.model.evidence import Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.image_name import Digest, TagRef
from bot.net import HostTrust, HttpClient, Url
from bot.scanners._ecosystems import (
    SYSTEM_PACKAGE_TYPES,
    OsvPackage,
    convert_to_installed_package,
    convert_to_osv_package,
    get_distribution_release,
    get_ecosystem,
    is_rolling,
)
from bot.scanners._inventory import InventoryPackage, parse_inventory
from bot.scanners._json import UnreadableReportError
from bot.scanners._osv_api import OsvApi, OsvError, OsvUnreachableError
from bot.scanners._osv_record import read_findings
from bot.scanners._probe_packages import COMMON_SOURCES, OLDEST_VERSION
from bot.scanners._scanner_program import ComputeOnce, make_failure

NAME = "osv"
PROBE_PACKAGE = OsvPackage("Debian:12", "openssl", OLDEST_VERSION)
"""The package with which `examine` tests the API, so that basebump sends no package of the user's images."""


class InventorySource(Protocol):
    """Fetches the inventories (SBOMs) that are attached to images."""

    def fetch_inventories(
        self, tag_ref: TagRef, digest: Digest, platform: str
    ) -> tuple[frozenset[Digest], Iterator[bytes]]:
        """Return the digests of an image, and the contents of attached blobs that may be the image's inventory.

        `digest` is the digest of an index, from which the image for `platform` is chosen, or the digest of a single
        image's manifest. The returned digests are those by which an inventory may name this image. Each blob is fetched
        only when the iterator reaches it, because the first inventory is usually sufficient.

        Raises RegistryError if a request fails, also during the iteration.
        """
        ...


class OsvScanner:
    """Scans images with an OSV API. Implements `bot.ports.Scanner`.

    The API does not state how old its data is. Therefore only scans of the same run are comparable.

    The packages of an image are sent to the API only if the image's registry is a well-known public registry or is in
    `allowed_registries`.

    `may_be_missing` is True if the config does not require this scanner. If the API cannot be reached, images are
    reported as if no scanner were configured. If the config requires this scanner, they are reported as failures.
    """

    def __init__(
        self,
        url: str,
        inventory_source: InventorySource,
        *,
        now: Callable[[], datetime],
        allowed_registries: Collection[str] = (),
        may_be_missing: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        target = Url.parse(url)
        host_trust = HostTrust(is_insecure=target.scheme == "http")
        http = HttpClient({target.authority: host_trust}, environment=environment or {})
        self._api, self._inventory_source, self._allowed_registries = (
            OsvApi(url, http),
            inventory_source,
            frozenset(allowed_registries),
        )
        self._may_be_missing = may_be_missing
        self._unreachable_outcome: NotScanned | None = None
        self._identity = ScannerIdentity(NAME, target.host, None, now().isoformat())
        self._scan_cache: ComputeOnce[tuple[str, Digest, str], ScanOutcome] = ComputeOnce()
        self._release_cache: ComputeOnce[str, bool] = ComputeOnce()

    def examine(self, target: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Query the API for one common package, and yield the result."""
        action = "query a package"
        try:
            self._api.query_vulnerabilities([PROBE_PACKAGE])
        except OsvError as error:
            detail = f"{error}; hint: check that `url` is the URL of an OSV API"
            report_error = (
                report_incomplete if self._may_be_missing and isinstance(error, OsvUnreachableError) else report_problem
            )
            yield report_error(NAME, action, detail)
        else:
            yield report_ok(NAME, action, f"{self._identity.version} answers")

    def get_identity(self) -> ScannerIdentity:
        """Return the identity of the API: its host, and the start time of this run in place of a database version."""
        return self._identity

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, because each image has its own inventory."""

    def match_packages(self, release: str, packages: Collection[InstalledPackage]) -> None:
        """Return None, so that the inventory of each image is read."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return the vulnerabilities that the API lists for the packages in the inventory of `subject`."""
        if subject.tag_ref.host not in PUBLIC_HOSTS | self._allowed_registries:
            return NotScanned(
                UnscannedReason.NOT_SENT,
                f"packages of images in {subject.tag_ref.host} are not sent to the API, because this is not a public "
                f"registry; hint: list {subject.tag_ref.host} under `send`",
            )
        if self._unreachable_outcome is not None:
            return self._unreachable_outcome
        key = (subject.tag_ref.repository, subject.digest, subject.platform)
        return self._scan_cache.get(key, lambda: self._scan_subject(subject))

    def _scan_subject(self, subject: ScanSubject) -> ScanOutcome:
        try:
            image_digests, documents = self._inventory_source.fetch_inventories(
                subject.tag_ref, subject.digest, subject.platform
            )
            packages, why = _read_first_inventory(documents, image_digests)
        except RegistryError as error:
            return NotScanned(UnscannedReason.IMAGE_GONE) if error.is_absent else make_failure(str(error))
        if not packages:
            return NotScanned(UnscannedReason.NO_REPORT, why)
        system_packages = [package for package in packages if package.package_type in SYSTEM_PACKAGE_TYPES]
        not_scanned = _check_distribution(system_packages)
        if not_scanned:
            return not_scanned
        family, release = get_distribution_release(system_packages[0])
        try:
            findings = tuple(self._query_findings(packages))
            is_release_known = any(
                finding.package_type in SYSTEM_PACKAGE_TYPES for finding in findings
            ) or self._has_data_for_release(family, release)
        except OsvError as error:
            if self._may_be_missing and isinstance(error, OsvUnreachableError):
                self._unreachable_outcome = NotScanned(UnscannedReason.NO_SCANNER, str(error))
                return self._unreachable_outcome
            return make_failure(str(error))
        except UnreadableReportError as error:
            return make_failure(f"{self._identity.version} returned a record that cannot be read: {error}")
        system = f"{family} {release}".rstrip()
        if not is_release_known:
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, system)
        return Scan(
            self._identity,
            system,
            merge_findings(findings),
            packages=tuple(sorted(set(map(convert_to_installed_package, packages)))),
        )

    def _query_findings(self, packages: Sequence[InventoryPackage]) -> Iterator[Finding]:
        """Yield the findings in some packages.

        Raises OsvError if a query fails, and UnreadableReportError if a record cannot be read.
        """
        package_types = {
            osv_package: package.package_type
            for package in packages
            if (osv_package := convert_to_osv_package(package)) is not None
        }
        for osv_package, identifiers in self._api.query_vulnerabilities(sorted(package_types)).items():
            for identifier in identifiers:
                yield from read_findings(self._api.get_record(identifier), osv_package, package_types[osv_package])

    def _has_data_for_release(self, family: str, release: str) -> bool:
        """Return True if the API has vulnerabilities of a distribution's release. Raises OsvError if the query fails.

        `family` and `release` are the distribution and its release, such as `debian` and `12`. This check is made if
        the API lists no vulnerability of an image's distribution packages: without data about the release, this result
        proves nothing. The API is queried about packages that every release has.
        """
        ecosystem = get_ecosystem(family, release)
        if ecosystem is None:
            return False

        def query_common_packages() -> bool:
            common = [OsvPackage(ecosystem, name, OLDEST_VERSION) for name in COMMON_SOURCES]
            return any(self._api.query_vulnerabilities(common).values())

        return is_rolling(family) or self._release_cache.get(ecosystem, query_common_packages)


def _read_first_inventory(
    documents: Iterable[bytes], image_digests: frozenset[Digest]
) -> tuple[tuple[InventoryPackage, ...], str]:
    """Return `(packages, "")` for the first of `documents` that is an inventory with at least one package.

    If no document lists packages, return `((), reason)`. The reason explains why the first document could not be used;
    it is empty if there are no documents.
    """
    why = ""
    for content in documents:
        try:
            packages = parse_inventory(content, image_digests)
        except UnreadableReportError as error:
            why = why or str(error)
            continue
        if packages:
            return packages, ""
        why = why or "the inventory names no packages"
    return (), why


def _check_distribution(system_packages: Sequence[InventoryPackage]) -> NotScanned | None:
    """Return the reason why OSV cannot be queried about `system_packages`; None if OSV can be queried.

    `system_packages` are the packages that the image's inventory lists for its Linux distribution.
    """
    if not system_packages:
        return NotScanned(UnscannedReason.OS_UNKNOWN, "the inventory lists no packages of a Linux distribution")
    releases = {get_distribution_release(package) for package in system_packages}
    family, release = get_distribution_release(system_packages[0])
    if len(releases) > 1 or get_ecosystem(family, release) is None:
        named = sorted(" ".join(each).strip() or "no distribution" for each in releases)
        return NotScanned(UnscannedReason.OS_UNSUPPORTED, ", ".join(named))
    if not is_rolling(family) and not any(package.source for package in system_packages):
        return NotScanned(
            UnscannedReason.NO_REPORT,
            "OSV lists vulnerabilities by source package, but the inventory does not contain source package names",
        )
    return None
