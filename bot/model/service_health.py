"""Summaries of deliveries and of work, by sender, host and worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bot.model.delivery import DeliveryOutcome


@dataclass(frozen=True, slots=True)
class SenderSummary:
    """The deliveries of a sender whose records are still kept."""

    sender: str
    last_at: datetime
    """The time of the last delivery with any outcome."""
    counts: Mapping[DeliveryOutcome, int]
    repeats: int
    """How often the sender repeated deliveries."""


@dataclass(frozen=True, slots=True)
class HostSummary:
    """The work that concerned a forge or a registry in a period."""

    host: str
    """Empty for folders on this machine."""
    is_registry: bool
    done: int
    failed: int
    last_at: datetime
    last_failure: str | None
    """The message of the last failure in the period; None if nothing failed."""
    last_failed_at: datetime | None


@dataclass(frozen=True, slots=True)
class WorkerSummary:
    """The work that a worker is doing."""

    worker: str
    claims: int
    claimed_until: datetime
    """The earliest time at which a claim ends unless the worker extends it."""
