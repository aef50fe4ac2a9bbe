"""Parses the report files of several scanners into the same form. This module does no I/O."""

from __future__ import annotations

from typing import Protocol

from bot.scanners._json import ReportObject, UnreadableReportError, parse_object
from bot.scanners._reports import aqua, grype, sarif, trivy, twistcli
from bot.scanners._reports._report_image import ReportImage

__all__ = ["ReportImage", "UnreadableReportError", "parse_reports"]


class _ReportReader(Protocol):
    """A module that reads the reports of one scanner."""

    def can_read(self, report: ReportObject) -> bool: ...

    def read_images(self, report: ReportObject) -> tuple[ReportImage, ...]: ...


_READERS: tuple[_ReportReader, ...] = (trivy, grype, sarif, twistcli, aqua)
"""At most one of these modules recognizes a document."""


def parse_reports(content: bytes) -> tuple[ReportImage, ...]:
    """Parse a report file, which may contain the reports of several images.

    Raises UnreadableReportError if the file cannot be read reliably.
    """
    report = parse_object(content)
    for reader in _READERS:
        if reader.can_read(report):
            return reader.read_images(report)
    raise UnreadableReportError(
        "the report has an unknown format; supported formats are Trivy, Grype, SARIF, twistcli and Aqua"
    )
