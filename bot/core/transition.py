"""The transition of an update: its old and new digest, and the short form of digests."""

from __future__ import annotations

from bot.model.decision import ImageUpdate, Transition, UpdateCandidate
from bot.model.reference import Digest

SHORT_DIGEST_LENGTH = 12
"""Hexadecimal digits of a short digest, as many as `docker images` shows."""
DEFAULT_PLATFORM = "linux/amd64"


def get_first_transition(update: ImageUpdate) -> Transition:
    """Return the transition of an update to its first candidate."""
    return build_transition(update, update.candidates[0])


def build_transition(update: ImageUpdate, candidate: UpdateCandidate) -> Transition:
    """Return the transition to a candidate.

    Its platforms come from the file, else from the policy. Without both the image is scanned on linux/amd64, or on its
    first platform if it is not built for linux/amd64.
    """
    platforms = (update.occurrence.platform,) if update.occurrence.platform else update.tracked_image.policy.platforms
    if not platforms:
        candidate_platforms = candidate.platforms
        platforms = (
            candidate_platforms[0]
            if candidate_platforms and DEFAULT_PLATFORM not in candidate_platforms
            else DEFAULT_PLATFORM,
        )
    old_digest = update.occurrence.reference.digest
    return Transition(update.tracked_image.tag_ref, old_digest, candidate.digest, platforms, candidate.tag)


def shorten_digest(digest: Digest) -> str:
    """Return the first digits of a digest, without its algorithm."""
    return digest.partition(":")[2][:SHORT_DIGEST_LENGTH]
