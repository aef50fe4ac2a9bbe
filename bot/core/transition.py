"""What an update moves from and to, and how people recognise it."""

from __future__ import annotations

from bot.model.decision import Candidate, Transition, Update
from bot.model.reference import Digest

SHORT_DIGEST = 12
"""Hexadecimal digits that people recognise a digest by, as `docker images` shows it."""
DEFAULT_PLATFORM = "linux/amd64"


def transition_of(update: Update) -> Transition:
    """Return the transition that an update makes, which is that of its first candidate."""
    return transition_to(update, update.candidates[0])


def transition_to(update: Update, candidate: Candidate) -> Transition:
    """Return the transition to one candidate.

    Its platform is the place's, else those that the policy names, else amd64, else the image's first.
    """
    platforms = (update.occurrence.platform,) if update.occurrence.platform else update.selected.policy.platforms
    if not platforms:
        offered = candidate.platforms
        platforms = (offered[0] if offered and DEFAULT_PLATFORM not in offered else DEFAULT_PLATFORM,)
    old = update.occurrence.reference.digest
    return Transition(update.selected.line, old, candidate.digest, platforms, candidate.tag)


def short(digest: Digest) -> str:
    """Return the digits that people recognise a digest by."""
    return digest.partition(":")[2][:SHORT_DIGEST]
