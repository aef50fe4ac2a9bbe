"""Scans images with the program Grype.

Its options and variables are those of https://github.com/anchore/grype (cmd/grype/cli) in July 2026. For an image that
Grype does not recognise, and for a release that its database does not have, Grype exits with 0 and no matches. Both are
a NotScanned here.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from bot.core.choice.platforms import is_same_platform
from bot.model.errors import ProcessError
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image import PullAddress
from bot.scanners._installed import InstalledScanner, Ready
from bot.scanners._json import UnreadableReportError, document, moment, text
from bot.scanners._probes import COMMON_SOURCES
from bot.scanners._program import Once, Program, Pull, complaint, failed, said
from bot.scanners._reports import Said
from bot.scanners._reports.grype import parse_report

DEFAULT_TIMEOUT = 600.0
"""Seconds for one image, which is pulled completely, and for the download of the database."""
ASKING_TIMEOUT = 60.0
"""Seconds for a query of the version or the database, which reads a gigabyte at most."""
MAX_DATABASE_AGE = timedelta(days=5)
"""The age at which Grype itself refuses to work with its database."""
MIN_VERSION = (0, 106)
"""The first version that reports which releases are out of support."""
COMMON_PACKAGES = (*COMMON_SOURCES, "kernel")
"""Red Hat names the source package of its kernel `kernel`."""

_VERSION = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})\.")


def find_grype(explicit: str | None = None) -> str | None:
    """Return the path of Grype's binary; None if it does not exist.

    `configured_binary` is the path or name from the config; by default, PATH is searched for `grype`.
    """
    return shutil.which(explicit or "grype")


class GrypeScanner(InstalledScanner[Ready]):
    """Implements `bot.ports.Scanner`: scans each image once, all with the database that was there at the first scan.

    `cache` is the folder that keeps the database between runs. `database_url` is the URL that lists the databases to
    download, None for Grype's own. `proxies` are environment variables such as HTTPS_PROXY.
    """

    def __init__(
        self,
        binary: str,
        pull: Pull,
        cache: Path,
        *,
        now: Callable[[], datetime],
        database: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        quiet = {
            "GRYPE_CHECK_FOR_APP_UPDATE": "false",
            "GRYPE_DB_AUTO_UPDATE": "false",
            "GRYPE_DB_VALIDATE_AGE": "false",  # `_prepare_session` checks the age
            "GRYPE_DB_CACHE_DIR": str(cache.absolute()),
        }
        source = {"GRYPE_DB_UPDATE_URL": database} if database else {}
        super().__init__("grype", Program(binary, {**(proxies or {}), **quiet, **source}), pull)
        self._now, self._timeout = now, timeout
        self._releases: Once[str, bool] = Once()

    def _scan(self, subject: ScanSubject, address: PullAddress, ready: Ready) -> ScanOutcome:
        arguments = [f"registry:{address.reference}", "--platform", subject.platform, "--output", "json"]
        more = {"GRYPE_REGISTRY_INSECURE_USE_HTTP": "true"} if address.is_insecure else {}
        completed = self._program.run(arguments, address, timeout=self._timeout, more=more)
        if completed.status != 0:
            return complaint(completed.error_text) or failed(said(completed.error_text, address))
        return self._judged(parse_report(completed.output), subject, ready.scanner)

    def _judged(self, report: Said, subject: ScanSubject, scanner: ScannerIdentity) -> ScanOutcome:
        """Return the findings of a report as a scan, or the reason why they are not reliable. Raises ProcessError."""
        if report.database != scanner.database:
            return NotScanned(UnscannedReason.DIFFERENT_DATABASE, "another process replaced it during this run")
        if not is_same_platform(report.platform, subject.platform):
            return NotScanned(
                UnscannedReason.PLATFORM_MISSING, f"the image is for {report.platform or 'an unnamed platform'}"
            )
        if report.flaw:
            return report.flaw
        if not report.shows_release and not self._releases.get(report.system, lambda: self._knows(report.system)):
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, report.system)
        return Scan(scanner, report.system, report.findings, report.created, report.label)

    def _knows(self, system: str) -> bool:
        """Return True if the database has vulnerabilities for a release in which Grype found none. Raises ProcessError.

        Grype exits with an error both if it has more results than requested and if it does not know the release, so the
        output decides.
        """
        packages = [word for package in COMMON_PACKAGES for word in ("--pkg", package)]
        arguments = ["db", "search", *packages, "--distro", system.replace(" ", ":", 1), "--limit", "1"]
        completed = self._program.run([*arguments, "--output", "json"], timeout=ASKING_TIMEOUT)
        try:
            return bool(json.loads(completed.output))
        except (ValueError, RecursionError):
            return False

    def _prepare(self) -> Ready | NotScanned:
        """Download the database if there is a newer one, and check the database that is there then.

        A failed download does not matter if an earlier database is young enough to be used.
        """
        answer = self._program.run(["version", "--output", "json"], timeout=ASKING_TIMEOUT)
        version = _text_of(answer.output, "version")
        if not _is_supported(version):
            least = ".".join(map(str, MIN_VERSION))
            return failed(
                f"Grype {version or 'of an unknown version'} does not report releases out of support; "
                f"hint: install {least} or later"
            )
        trouble = self._download()
        status = self._program.run(["db", "status", "--output", "json"], timeout=ASKING_TIMEOUT)
        built = moment(_text_of(status.output, "built"))
        if status.status != 0 or built is None:
            why = _text_of(status.output, "error") or said(status.error_text, None)
            return trouble or failed(f"Grype has no usable database: {why}")
        if self._now() - built > MAX_DATABASE_AGE:
            age = f"it was built on {built:%Y-%m-%d}"
            return NotScanned(UnscannedReason.DATABASE_STALE, f"{age}; {trouble.detail}" if trouble else age)
        return Ready(ScannerIdentity("grype", version, built))

    def _download(self) -> NotScanned | None:
        """Have Grype download the database; return the reason if it failed. Raises ProcessError if Grype is missing."""
        try:
            completed = self._program.run(["db", "update"], timeout=self._timeout)
        except ProcessError as error:
            if error.is_missing:
                raise
            return failed(f"Grype's database could not be downloaded: {error}")
        if completed.status == 0:
            return None
        return failed(f"Grype's database could not be downloaded: {said(completed.error_text, None)}")


def _text_of(output: bytes, key: str) -> str:
    """Return a string of a JSON object by its key; empty if the output does not have it."""
    try:
        return text(document(output).get(key))
    except UnreadableReportError:
        return ""


def _is_supported(version: str) -> bool:
    found = _VERSION.match(version)
    return found is not None and (int(found[1]), int(found[2])) >= MIN_VERSION
