"""Finds vulnerabilities without a program: looks up the packages of an image's attached inventory in an OSV API.

It finds vulnerabilities of the listed packages only. The inventory is trusted as its registry returns it: whoever may
push to the repository may attach one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.core.evidence.canonical import merged
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok, report_problem, report_unknown
from bot.model.errors import RegistryError
from bot.model.evidence import Finding, NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.hosts import PUBLIC_HOSTS
from bot.model.reference import Digest, TagRef
from bot.net import HostTrust, HttpClient, Url
from bot.scanners._ecosystems import SYSTEM_TYPES, Sought, ecosystem_of, is_rolling, listed, release_of, sought
from bot.scanners._inventory import Package, parse_inventory
from bot.scanners._json import UnreadableReportError
from bot.scanners._osvapi import OsvApi, OsvError, OsvUnreachableError
from bot.scanners._osvrecord import findings_of
from bot.scanners._probes import COMMON_SOURCES, FIRST_VERSION
from bot.scanners._program import Once, failed

NAME = "osv"
A_PACKAGE = Sought("Debian:12", "openssl", FIRST_VERSION)
"""A package by which `examine` tests the API, so that no package of the user's images is sent."""


class Inventories(Protocol):
    """Fetches the inventories that are attached to images."""

    def inventories(self, line: TagRef, digest: Digest, platform: str) -> tuple[frozenset[Digest], Iterator[bytes]]:
        """Return the digests of an image, and its possible inventories, fetched one after another.

        The call and the iterator raise RegistryError.
        """
        ...


class OsvScanner:
    """Implements `bot.ports.Scanner` with an OSV API.

    The API does not say how old its data is, so two scans are comparable if they were made in the same run. Packages
    of images are sent to the API only if their registry is a well-known public one or is in `allowed_registries`. With
    `may_be_missing`, an unreachable API counts as no scanner, and not as a failure.
    """

    def __init__(
        self,
        url: str,
        attached: Inventories,
        *,
        now: Callable[[], datetime],
        send: Collection[str] = (),
        may_be_missing: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        target = Url.parse(url)
        trust = HostTrust(insecure=target.scheme == "http")
        http = HttpClient({target.authority: trust}, environment=environment or {})
        self._api, self._attached, self._send = OsvApi(url, http), attached, frozenset(send)
        self._may_be_missing = may_be_missing
        self._missing: NotScanned | None = None
        self._scanner = ScannerIdentity(NAME, target.host, None, now().isoformat())
        self._scans: Once[tuple[str, Digest, str], ScanOutcome] = Once()
        self._releases: Once[str, bool] = Once()

    def examine(self, aim: DiagnosisTarget) -> Iterator[Check]:  # noqa: ARG002 - runs of every level scan
        """Query the API for one common package."""
        tried = "ask for a package"
        try:
            self._api.vulnerabilities([A_PACKAGE])
        except OsvError as error:
            what = f"{error}; hint: see that `url` is that of an OSV API"
            no = report_unknown if self._may_be_missing and isinstance(error, OsvUnreachableError) else report_problem
            yield no(NAME, tried, what)
        else:
            yield report_ok(NAME, tried, f"{self._scanner.version} answers")

    def get_identity(self) -> ScannerIdentity:
        """Return the API, with the start of this run in place of a database."""
        return self._scanner

    def prefetch(self, subjects: Collection[ScanSubject]) -> None:
        """Do nothing, since each image has an inventory of its own."""

    def scan(self, subject: ScanSubject) -> ScanOutcome:
        """Return the vulnerabilities that the API lists for the packages in the inventory of `subject`."""
        if subject.tag_ref.host not in PUBLIC_HOSTS | self._send:
            return NotScanned(
                UnscannedReason.NOT_SENT, f"{subject.tag_ref.host} is not a public registry; hint: list it under `send`"
            )
        if self._missing is not None:
            return self._missing
        key = (subject.tag_ref.repository, subject.digest, subject.platform)
        return self._scans.get(key, lambda: self._scan(subject))

    def _scan(self, subject: ScanSubject) -> ScanOutcome:
        try:
            names, documents = self._attached.inventories(subject.tag_ref, subject.digest, subject.platform)
            packages, why = _read(documents, names)
        except RegistryError as error:
            return NotScanned(UnscannedReason.IMAGE_GONE) if error.is_absent else failed(str(error))
        if not packages:
            return NotScanned(UnscannedReason.SBOM_ABSENT, why)
        of_system = [package for package in packages if package.type in SYSTEM_TYPES]
        flaw = _flaw(of_system)
        if flaw:
            return flaw
        family, release = release_of(of_system[0])
        try:
            findings = tuple(self._findings(packages))
            known = any(finding.package_type in SYSTEM_TYPES for finding in findings) or self._knows(family, release)
        except OsvError as error:
            if self._may_be_missing and isinstance(error, OsvUnreachableError):
                self._missing = NotScanned(UnscannedReason.NO_SCANNER, str(error))
                return self._missing
            return failed(str(error))
        except UnreadableReportError as error:
            return failed(f"{self._scanner.version} answered something that cannot be read: {error}")
        system = f"{family} {release}".rstrip()
        if not known:
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, system)
        return Scan(self._scanner, system, merged(findings), packages=tuple(sorted(set(map(listed, packages)))))

    def _findings(self, packages: Sequence[Package]) -> Iterator[Finding]:
        """Yield the findings for some packages. Raises OsvError, UnreadableReportError."""
        types = {asked: package.type for package in packages if (asked := sought(package)) is not None}
        for asked, identifiers in self._api.vulnerabilities(sorted(types)).items():
            for identifier in identifiers:
                yield from findings_of(self._api.record(identifier), asked, types[asked])

    def _knows(self, family: str, release: str) -> bool:
        """Return True if the API has vulnerabilities for a release in which it found none. Raises OsvError."""
        ecosystem = ecosystem_of(family, release)
        if ecosystem is None:
            return False

        def ask() -> bool:
            common = [Sought(ecosystem, name, FIRST_VERSION) for name in COMMON_SOURCES]
            return any(self._api.vulnerabilities(common).values())

        return is_rolling(family) or self._releases.get(ecosystem, ask)


def _read(documents: Iterable[bytes], names: frozenset[Digest]) -> tuple[tuple[Package, ...], str]:
    """Return the packages of the first inventory that has any, or the first reason why none has."""
    why = ""
    for content in documents:
        try:
            packages = parse_inventory(content, names)
        except UnreadableReportError as error:
            why = why or str(error)
            continue
        if packages:
            return packages, ""
        why = why or "the inventory names no packages"
    return (), why


def _flaw(of_system: Sequence[Package]) -> NotScanned | None:
    """Return the reason why a distribution's packages in an inventory cannot be looked up; None if they can."""
    if not of_system:
        return NotScanned(UnscannedReason.OS_UNKNOWN, "the inventory has no packages of a distribution")
    releases = {release_of(package) for package in of_system}
    family, release = release_of(of_system[0])
    if len(releases) > 1 or ecosystem_of(family, release) is None:
        named = sorted(" ".join(each).strip() or "no distribution" for each in releases)
        return NotScanned(UnscannedReason.OS_UNSUPPORTED, ", ".join(named))
    if not is_rolling(family) and not any(package.source for package in of_system):
        return NotScanned(UnscannedReason.SBOM_ABSENT, "the inventory does not name the source packages that OSV lists")
    return None
