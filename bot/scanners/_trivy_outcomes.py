"""Converts the reports, the version information and the errors of Trivy to scan outcomes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from bot.core.choice.platforms import is_same_platform
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image import PullAddress
from bot.scanners._scanner_program import make_failure, shorten_error_output, translate_registry_error
from bot.scanners._trivy_report import OperatingSystem, TrivyReport

_JAVA_DATABASE_MISSING = re.compile(r"Java DB")
_FATAL = re.compile(r"^.*\bFATAL\b\s*(?:Fatal error\s*)?", re.MULTILINE)

MissingReleaseFinder = Callable[[OperatingSystem], str]
"""Returns the release that Trivy's database lacks; an empty string if the database has the release. Raises ProcessError
if Trivy fails, and UnreadableReportError if its output cannot be read."""


def evaluate_report(
    report: TrivyReport, subject: ScanSubject, scanner: ScannerIdentity, find_missing_release: MissingReleaseFinder
) -> ScanOutcome:
    """Return the findings of a report, or the reason why the findings are not reliable.

    `scanner` is the Trivy version and database that made the report. `find_missing_release` is called with the image's
    operating system. It returns the name of the release if Trivy's database has no data for it, and an empty string if
    the database has data.
    """
    if not is_same_platform(report.platform, subject.platform):  # Trivy scans a single manifest of any platform
        return NotScanned(
            UnscannedReason.PLATFORM_MISSING,
            f"the report is about the image for {report.platform or 'an unknown platform'}",
        )
    system = report.system
    if system is None:
        return NotScanned(UnscannedReason.OS_UNKNOWN)
    if system.is_end_of_life:
        return NotScanned(UnscannedReason.END_OF_LIFE, str(system), report.packages)
    missing_release = find_missing_release(system)
    if missing_release:
        return NotScanned(UnscannedReason.OS_UNSUPPORTED, missing_release, report.packages)
    if report.os_package_count == 0:
        return NotScanned(
            UnscannedReason.OS_UNKNOWN,
            f"the image has no list of installed packages of its operating system, {system}",
        )
    return Scan(scanner, str(system), report.findings, report.image_created, report.version_label, report.packages)


def parse_identity(answer: str | bytes) -> ScannerIdentity | None:
    """Parse the version of Trivy and the build time of its database; return None if one of them is missing.

    `answer` is the output of `trivy version --format json`, or a server's response at `/version`.
    """
    try:
        version_info = json.loads(answer)
        built = datetime.fromisoformat(version_info["VulnerabilityDB"]["UpdatedAt"])
        return ScannerIdentity("trivy", str(version_info["Version"]), built.replace(tzinfo=built.tzinfo or UTC))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def translate_trivy_error(errors: str, address: PullAddress) -> NotScanned:
    """Return the reason why an image was not scanned, from Trivy's error output `errors`.

    Trivy's exit code does not help, because it is the same for all errors. `address` is the address of the image. The
    credential of this address is masked.
    """
    if registry_error := translate_registry_error(errors):
        return registry_error
    if _JAVA_DATABASE_MISSING.search(errors):
        return make_failure(
            "the image contains Java archives, and Trivy has no Java database; "
            "hint: run `trivy image --download-java-db-only` with the same --cache-dir"
        )
    return make_failure(extract_last_error(errors, address))


def extract_last_error(errors: str, address: PullAddress | None) -> str:
    """Return the end of the last fatal error in Trivy's log output, as one line.

    The credential of `address` is masked.
    """
    return shorten_error_output(_FATAL.split(errors)[-1], address)
