"""What public lists say of vulnerabilities, beyond what scanners find."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Listing(StrEnum):
    """A list, by the name that people and configs have for it."""

    KEV = "kev"
    """CISA's, of what is known to be exploited."""
    EPSS = "epss"
    """FIRST's, of how likely it is that something will be exploited in the next thirty days."""
    VEX = "vex"
    """Documents in which authors say what does not affect images."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which lists were asked, by the day that each is of; None where that one was not, or could not be read."""

    exploited: date | None = None
    scores: date | None = None
    unread: frozenset[Listing] = frozenset()
    """Those that were to be asked and could not be read: what they say is unknown, and not nothing."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What the lists say of some vulnerabilities."""

    exploited: frozenset[str] | None = None
    """Those that are known to be exploited; None where nobody could be asked."""
    scores: Mapping[str, float] | None = None
    """How likely each is to be exploited, from 0 to 1; those that the list does not have are left out."""
    asked: Asked = field(default_factory=Asked)
    troubles: Mapping[Listing, str] = field(default_factory=dict)
    """Why a list could not be read, in a sentence."""
