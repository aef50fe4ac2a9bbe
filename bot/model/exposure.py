"""Exposure: the vulnerabilities of the images in use, and where a fix for each of them exists."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.model.evidence import Finding, ScanOutcome


class FixPlace(StrEnum):
    """The place where the fix of a vulnerability exists. The place determines who can act."""

    IN_UPDATE = "in-update"
    """A newer digest of the tag contains the fix, even if the update to it is held or refused. The repository acts."""
    IN_DISTRIBUTION = "in-distribution"
    """The distribution or the package's publisher released the fix, but no digest of the tag contains it. The publisher
    of the image acts."""
    NO_FIX = "no-fix"
    """No version of the package fixes the vulnerability."""


@dataclass(frozen=True, slots=True)
class ExposedFinding:
    """A vulnerability of an image in use."""

    finding: Finding
    fix: FixPlace | None
    """None if it is unknown whether the newer digest of the tag contains the fix, because this digest was not
    scanned."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The vulnerabilities of one image in use."""

    in_use: ScanOutcome
    """The scan of the image in use. If the image was not scanned, its vulnerabilities are unknown, not zero."""
    findings: tuple[ExposedFinding, ...] = ()
    """The findings that no statement suppresses, those known to be exploited first, then by descending severity."""
    exploited_ids: frozenset[str] | None = None
    """Ids of the vulnerabilities that are known to be exploited; None if the list was not read."""
    is_private: bool = False
    """True if the findings must not be shown where everyone can read them."""
