"""Scans images with the program Grype.

The options and variables are those of https://github.com/anchore/grype (cmd/grype/cli) in July 2026. Grype exits with 0
and no matches for an image that it does not recognize, and for a release that its database does not cover. In both
cases, this module returns NotScanned.
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
from bot.scanners._installed_scanner import InstalledScanner, ScannerSession
from bot.scanners._json import UnreadableReportError, parse_object, parse_time, read_text
from bot.scanners._probe_packages import COMMON_SOURCES
from bot.scanners._reports import ReportImage
from bot.scanners._reports.grype import parse_report
from bot.scanners._scanner_program import (
    ComputeOnce,
    PullAddressResolver,
    ScannerProgram,
    make_failure,
    shorten_error_output,
    translate_registry_error,
)

DEFAULT_TIMEOUT = 600.0
"""The time limit, in seconds, for scanning one image, which is pulled completely, and for downloading the database."""
QUERY_TIMEOUT = 60.0
"""The time limit, in seconds, for a query of the version or the database. A query reads at most a gigabyte."""
MAX_DATABASE_AGE = timedelta(days=5)
"""The age at which Grype itself refuses to use its database."""
MIN_VERSION = (0, 106)
"""The first version that reports which releases are out of support."""
COMMON_PACKAGES = (*COMMON_SOURCES, "kernel")
"""Red Hat's source package of the kernel has the name `kernel`."""

_VERSION = re.compile(r"v?([0-9]{1,6})\.([0-9]{1,6})\.")


def find_grype(configured_binary: str | None = None) -> str | None:
    """Return the path of Grype's binary; None if the binary does not exist.

    `configured_binary` is the path or name from the config. If it is None, PATH is searched for `grype`.
    """
    return shutil.which(configured_binary or "grype")


class GrypeScanner(InstalledScanner[ScannerSession]):
    """Scans each image once with Grype. Implements `bot.ports.Scanner`.

    The database is updated before the first scan, and all images are scanned with this database.

    - `cache` is the folder that keeps the database between runs.
    - `database_url` is the URL of a list of databases to download. If it is None, Grype's own list is used.
    - `proxies` are environment variables such as HTTPS_PROXY.
    """

    def __init__(
        self,
        binary: str,
        resolve_pull_address: PullAddressResolver,
        cache: Path,
        *,
        now: Callable[[], datetime],
        database_url: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        fixed_environment = {
            "GRYPE_CHECK_FOR_APP_UPDATE": "false",
            "GRYPE_DB_AUTO_UPDATE": "false",
            "GRYPE_DB_VALIDATE_AGE": "false",  # `_prepare_session` checks the age
            "GRYPE_DB_CACHE_DIR": str(cache.absolute()),
        }
        database_environment = {"GRYPE_DB_UPDATE_URL": database_url} if database_url else {}
        super().__init__(
            "grype",
            ScannerProgram(binary, {**(proxies or {}), **fixed_environment, **database_environment}),
            resolve_pull_address,
        )
        self._now, self._timeout = now, timeout
        self._release_cache: ComputeOnce[str, bool] = ComputeOnce()

    def _scan_address(self, subject: ScanSubject, address: PullAddress, session: ScannerSession) -> ScanOutcome:
        arguments = [f"registry:{address.reference}", "--platform", subject.platform, "--output", "json"]
        extra_environment = {"GRYPE_REGISTRY_INSECURE_USE_HTTP": "true"} if address.is_insecure else {}
        completed = self._program.run(arguments, address, timeout=self._timeout, extra_environment=extra_environment)
        if completed.status != 0:
            return translate_registry_error(completed.error_text) or make_failure(
                shorten_error_output(completed.error_text, address)
            )
        return self._evaluate_report(parse_report(completed.output), subject, session.identity)

    def _evaluate_report(self, report: ReportImage, subject: ScanSubject, scanner: ScannerIdentity) -> ScanOutcome:
        """Return the findings of a report, or the reason why the findings are not reliable.

        Raises ProcessError if Grype cannot be run.
        """
        if report.database_built != scanner.database:
            return NotScanned(
                UnscannedReason.DIFFERENT_DATABASE,
                "another process replaced Grype's database during this run, so the results cannot be compared",
            )
        if not is_same_platform(report.platform, subject.platform):
            return NotScanned(
                UnscannedReason.PLATFORM_MISSING,
                f"the report is about the image for {report.platform or 'an unknown platform'}",
            )
        if report.not_scanned:
            return report.not_scanned
        if not report.has_release_data and not self._release_cache.get(
            report.system, lambda: self._has_data_for_release(report.system)
        ):
            return NotScanned(UnscannedReason.OS_UNSUPPORTED, report.system)
        return Scan(scanner, report.system, report.findings, report.image_created, report.version_label)

    def _has_data_for_release(self, system: str) -> bool:
        """Return True if Grype's database has vulnerabilities of a distribution's release.

        `system` is the distribution with its release, such as `debian 12`. This check is made if Grype found nothing in
        an image: without data about the release, this result proves nothing. The check runs `grype db search` for
        packages that every release has.

        The exit code of this command is ignored, because it reports an error not only if the release is unknown, but
        also if there are more results than requested.

        Raises ProcessError if the program cannot be run.
        """
        packages = [word for package in COMMON_PACKAGES for word in ("--pkg", package)]
        arguments = ["db", "search", *packages, "--distro", system.replace(" ", ":", 1), "--limit", "1"]
        completed = self._program.run([*arguments, "--output", "json"], timeout=QUERY_TIMEOUT)
        try:
            return bool(json.loads(completed.output))
        except (ValueError, RecursionError):
            return False

    def _prepare_session(self) -> ScannerSession | NotScanned:
        """Update the database. Return the session, or the reason why no image can be scanned.

        If the update fails, the existing database is used. Images cannot be scanned if there is no database, if the
        database is too old, or if this version of Grype is not supported.
        """
        answer = self._program.run(["version", "--output", "json"], timeout=QUERY_TIMEOUT)
        version = _read_output_text(answer.output, "version")
        if not _is_supported_version(version):
            least = ".".join(map(str, MIN_VERSION))
            return make_failure(
                f"Grype {version or 'of an unknown version'} does not report releases out of support; "
                f"hint: install {least} or later"
            )
        download_failure = self._download_database()
        status = self._program.run(["db", "status", "--output", "json"], timeout=QUERY_TIMEOUT)
        built = parse_time(_read_output_text(status.output, "built"))
        if status.status != 0 or built is None:
            why = _read_output_text(status.output, "error") or shorten_error_output(status.error_text, None)
            return download_failure or make_failure(f"Grype has no usable database: {why}")
        if self._now() - built > MAX_DATABASE_AGE:
            age = f"it was built on {built:%Y-%m-%d}"
            return NotScanned(
                UnscannedReason.DATABASE_STALE, f"{age}; {download_failure.detail}" if download_failure else age
            )
        return ScannerSession(ScannerIdentity("grype", version, built))

    def _download_database(self) -> NotScanned | None:
        """Let Grype update its database; return None if the update succeeds, or the reason why it failed.

        Raises ProcessError if Grype is missing.
        """
        try:
            completed = self._program.run(["db", "update"], timeout=self._timeout)
        except ProcessError as error:
            if error.is_missing:
                raise
            return make_failure(f"Grype's database could not be downloaded: {error}")
        if completed.status == 0:
            return None
        return make_failure(
            f"Grype's database could not be downloaded: {shorten_error_output(completed.error_text, None)}"
        )


def _read_output_text(output: bytes, key: str) -> str:
    """Return the string at `key` in Grype's JSON output; an empty string if the key is missing."""
    try:
        return read_text(parse_object(output).get(key))
    except UnreadableReportError:
        return ""


def _is_supported_version(version: str) -> bool:
    match = _VERSION.match(version)
    return match is not None and (int(match[1]), int(match[2])) >= MIN_VERSION
