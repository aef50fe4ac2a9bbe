"""Parses the report files of several scanners into one form: pure."""

from __future__ import annotations

from typing import Protocol

from bot.scanners._json import Object, UnreadableReportError, document
from bot.scanners._reports import aqua, grype, sarif, trivy, twistcli
from bot.scanners._reports._said import Said

__all__ = ["Said", "UnreadableReportError", "parse_reports"]


class _Kind(Protocol):
    """A module that reads one kind of report."""

    def is_one(self, report: Object) -> bool: ...

    def read(self, report: Object) -> tuple[Said, ...]: ...


_KINDS: tuple[_Kind, ...] = (trivy, grype, sarif, twistcli, aqua)
"""No document is recognised by two of them."""


def parse_reports(content: bytes) -> tuple[Said, ...]:
    """Parse a report file, which may hold the reports of several images. Raises UnreadableReportError."""
    found = document(content)
    for kind in _KINDS:
        if kind.is_one(found):
            return kind.read(found)
    raise UnreadableReportError(
        "the report has an unknown format; supported are Trivy, Grype, SARIF, twistcli and Aqua"
    )
