"""The transition of an update from its old digest to its new one, and the short form of a digest."""

from __future__ import annotations

from bot.model.decision import ImageUpdate, Transition, UpdateCandidate
from bot.model.reference import Digest

SHORT_DIGEST_LENGTH = 12
"""Hexadecimal digits of a short digest. `docker images` shows as many."""
DEFAULT_PLATFORM = "linux/amd64"


def get_first_transition(update: ImageUpdate) -> Transition:
    """Return the transition of `update` to its first candidate."""
    return build_transition(update, update.candidates[0])


def build_transition(update: ImageUpdate, candidate: UpdateCandidate) -> Transition:
    """Return the transition of `update` to `candidate`, with the platforms for which images are scanned.

    The platforms come from the file, or from the policy if the file names none. If neither names a platform, the images
    are scanned on linux/amd64. If the candidate is not built for linux/amd64, they are scanned on its first platform.
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
    """Return the first hexadecimal digits of `digest`, without its algorithm."""
    return digest.partition(":")[2][:SHORT_DIGEST_LENGTH]
