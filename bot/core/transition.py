"""What an update moves from and to, and how people recognise it."""

from __future__ import annotations

from bot.model.decision import Transition, Update
from bot.model.reference import Digest

SHORT_DIGEST = 12
"""Hexadecimal digits that people recognise a digest by, as `docker images` shows it."""
DEFAULT_PLATFORM = "linux/amd64"


def transition_of(update: Update) -> Transition:
    """Return the transition that an update makes: the platform is the place's, else amd64, else the image's first."""
    candidate = update.candidates[0]
    platform = update.occurrence.platform
    if platform is None:
        offered = candidate.platforms
        platform = offered[0] if offered and DEFAULT_PLATFORM not in offered else DEFAULT_PLATFORM
    return Transition(update.selected.line, update.occurrence.reference.digest, candidate.digest, platform)


def short(digest: Digest) -> str:
    """Return the digits that people recognise a digest by."""
    return digest.partition(":")[2][:SHORT_DIGEST]
