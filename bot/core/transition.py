"""Transitions, which are updates of one image from an old digest to a new one. Also short forms of digests."""

from __future__ import annotations

from bot.model.decision import ImageUpdate, TrackedImage, Transition, UpdateCandidate
from bot.model.image_name import Digest

SHORT_DIGEST_LENGTH = 12
"""Hexadecimal digits of a short digest. `docker images` shows as many."""
DEFAULT_PLATFORM = "linux/amd64"


def get_first_transition(update: ImageUpdate) -> Transition:
    """Return the transition of `update` to its first candidate, which is the one that is proposed."""
    return build_transition(update, update.candidates[0])


def build_transition(update: ImageUpdate, candidate: UpdateCandidate) -> Transition:
    """Return the transition of `update` from the current digest to the digest of `candidate`.

    The transition contains the platforms for which both images are scanned. They come from the first of these sources
    that is available:

    - the platform that the file states
    - the platforms in the policy
    - linux/amd64, or the first platform of the candidate if the candidate is not built for linux/amd64
    """
    platforms = choose_platforms(update.tracked_image, candidate.platforms)
    old_digest = update.reference.image.digest
    return Transition(update.tracked_image.tag_ref, old_digest, candidate.digest, platforms, candidate.tag)


def choose_platforms(tracked_image: TrackedImage, available: tuple[str, ...]) -> tuple[str, ...]:
    """Return the platforms on which the images of a reference are scanned.

    `available` are the platforms of the newer image; empty if it is not an index.
    """
    if tracked_image.reference.platform:
        return (tracked_image.reference.platform,)
    is_default_missing = bool(available) and DEFAULT_PLATFORM not in available
    return tracked_image.policy.platforms or (available[0] if is_default_missing else DEFAULT_PLATFORM,)


def shorten_digest(digest: Digest) -> str:
    """Return the first 12 hexadecimal digits of `digest`, without `sha256:`."""
    return digest.partition(":")[2][:SHORT_DIGEST_LENGTH]
