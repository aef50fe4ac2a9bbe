"""What Trivy says of itself, of an image, and when it gives up, and what that means."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from bot.core.choice.platforms import is_same_platform
from bot.model.evidence import NotScanned, Scan, ScannerIdentity, ScanOutcome, Subject, Unscanned
from bot.model.image import PullAddress
from bot.scanners._program import complaint, failed, said
from bot.scanners._trivyreport import OperatingSystem, TrivyReport

_NO_JAVA = re.compile(r"Java DB")
_FATAL = re.compile(r"^.*\bFATAL\b\s*(?:Fatal error\s*)?", re.MULTILINE)

Lacks = Callable[[OperatingSystem], str]
"""Returns the release that Trivy's database does not have, empty where it has it; may raise ProcessError."""


def judge(report: TrivyReport, subject: Subject, scanner: ScannerIdentity, lacks: Lacks) -> ScanOutcome:
    """Say whether the findings of a report mean something, and return them if they do."""
    if not is_same_platform(report.platform, subject.platform):  # a manifest alone is scanned whatever was asked for
        return NotScanned(Unscanned.PLATFORM_MISSING, f"it is {report.platform or 'of no platform'}")
    system = report.system
    if system is None:
        return NotScanned(Unscanned.OS_UNKNOWN)
    if system.end_of_life:
        return NotScanned(Unscanned.END_OF_LIFE, str(system), report.packages)
    missing = lacks(system)
    if missing:
        return NotScanned(Unscanned.OS_UNSUPPORTED, missing, report.packages)
    if report.os_packages == 0:
        return NotScanned(Unscanned.OS_UNKNOWN, f"{system}, but there is no list of installed packages in it")
    return Scan(scanner, str(system), report.findings, report.created, report.version, report.packages)


def identity_in(answer: str | bytes) -> ScannerIdentity | None:
    """Read what `trivy version --format json`, or a server at `/version`, says of itself and its database."""
    try:
        told = json.loads(answer)
        built = datetime.fromisoformat(told["VulnerabilityDB"]["UpdatedAt"])
        return ScannerIdentity("trivy", str(told["Version"]), built.replace(tzinfo=built.tzinfo or UTC))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def complaint_of(errors: str, address: PullAddress) -> NotScanned:
    """Translate what Trivy says when it gives up; it has one exit code for everything."""
    if known := complaint(errors):
        return known
    if _NO_JAVA.search(errors):
        return failed("it holds Java archives: run `trivy image --download-java-db-only` with the same --cache-dir")
    return failed(last_said(errors, address))


def last_said(errors: str, address: PullAddress | None) -> str:
    """Return the end of the last complaint of a log."""
    return said(_FATAL.split(errors)[-1], address)
