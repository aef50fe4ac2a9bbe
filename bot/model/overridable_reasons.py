"""The reasons against an update that an operator can override in a rule."""

from __future__ import annotations

from bot.model.vocabulary import Reason

ALLOWABLE_REASONS: tuple[Reason, ...] = (
    Reason.CHART_UNKNOWN,
    Reason.EMBEDDED,
    Reason.IMMUTABLE_JOB,
    Reason.ACR_TASK,
    Reason.VENDORED,
    Reason.OTHER_WRITER,
)
"""The reasons for skipping that a rule can override; the others are facts.

OTHER_WRITER can be overridden only for Renovate and Dependabot.
"""

ACCEPTABLE_REASONS: tuple[Reason, ...] = (
    Reason.INDEX_CHURN,
    Reason.PLATFORM_LOST,
    Reason.SEEN_BEFORE,
    Reason.OLDER,
    Reason.LOCKED,
    Reason.FAILING_ELSEWHERE,
    Reason.INTRODUCED,
    Reason.DOWNGRADE,
    Reason.NOT_SCANNED,
)
"""The holds and refusals that an owner can accept.

The others end by themselves, cannot be written to the file, or are about the publisher of the image.
"""
