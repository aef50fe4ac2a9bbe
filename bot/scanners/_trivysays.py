"""Turns the output of Trivy into outcomes: its reports, its description of itself, and its errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from bot.core.choice.platforms import is_same_platform
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, ScanSubject, UnscannedReason
from bot.model.image import PullAddress
from bot.scanners._program import complaint, failed, said
from bot.scanners._trivyreport import OperatingSystem, TrivyReport

_NO_JAVA = re.compile(r"Java DB")
_FATAL = re.compile(r"^.*\bFATAL\b\s*(?:Fatal error\s*)?", re.MULTILINE)

Lacks = Callable[[OperatingSystem], str]
"""Returns the release that Trivy's database lacks, empty if the database has it; may raise ProcessError."""


def judge(report: TrivyReport, subject: ScanSubject, scanner: ScannerIdentity, lacks: Lacks) -> ScanOutcome:
    """Return the findings of a report as a scan, or the reason why they are not reliable."""
    if not is_same_platform(report.platform, subject.platform):  # Trivy scans a single manifest for any platform
        return NotScanned(UnscannedReason.PLATFORM_MISSING, f"the image is for {report.platform or 'an unnamed platform'}")
    system = report.system
    if system is None:
        return NotScanned(UnscannedReason.OS_UNKNOWN)
    if system.end_of_life:
        return NotScanned(UnscannedReason.END_OF_LIFE, str(system), report.packages)
    missing = lacks(system)
    if missing:
        return NotScanned(UnscannedReason.OS_UNSUPPORTED, missing, report.packages)
    if report.os_packages == 0:
        return NotScanned(UnscannedReason.OS_UNKNOWN, f"{system}, but the image has no list of installed packages")
    return Scan(scanner, str(system), report.findings, report.created, report.version, report.packages)


def identity_in(answer: str | bytes) -> ScannerIdentity | None:
    """Parse the identity of Trivy and its database; None if the answer does not have both.

    The answer is the output of `trivy version --format json`, or the response of a server at `/version`.
    """
    try:
        told = json.loads(answer)
        built = datetime.fromisoformat(told["VulnerabilityDB"]["UpdatedAt"])
        return ScannerIdentity("trivy", str(told["Version"]), built.replace(tzinfo=built.tzinfo or UTC))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def complaint_of(errors: str, address: PullAddress) -> NotScanned:
    """Translate the error output of Trivy, which has the same exit code for every error."""
    if known := complaint(errors):
        return known
    if _NO_JAVA.search(errors):
        return failed(
            "the image holds Java archives, and Trivy has no Java database; "
            "hint: run `trivy image --download-java-db-only` with the same --cache-dir"
        )
    return failed(last_said(errors, address))


def last_said(errors: str, address: PullAddress | None) -> str:
    """Return the end of the last fatal error in Trivy's log output, as one line without the credential."""
    return said(_FATAL.split(errors)[-1], address)
