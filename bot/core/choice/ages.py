"""How long a digest has been known, and which earlier digests of a tag are old enough to be proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.model.history import TagObservation
from bot.model.image import RegistryRecord
from bot.model.reference import Digest


def determine_known_since(
    digest: Digest, history: Sequence[TagObservation], registry_records: Mapping[Digest, RegistryRecord], now: datetime
) -> datetime:
    """Return the time at which a digest became known.

    This is the time of its push to the registry, or of its first observation if the registry does not state the push
    time, or `now` if it was never observed. The creation date in the image is not used, because the builder of the
    image can set it to any date.
    """
    record = registry_records.get(digest)
    if record is not None and record.pushed_at is not None:
        return record.pushed_at
    return min((sighting.first_seen for sighting in history if sighting.digest == digest), default=now)


def has_rolled_back(history: Sequence[TagObservation], current: Digest) -> bool:
    """Return True if the tag points to a digest again that it had already left for another digest."""
    return any(history[index].digest == current for index in range(_count_past_observations(history, current)))


def find_withdrawn_digests(history: Sequence[TagObservation], current: Digest) -> frozenset[Digest]:
    """Return the digests that the tag left in a rollback to `current`; empty if there was no rollback.

    These are all digests that the tag pointed to after it first pointed to `current`.
    """
    digests = [sighting.digest for sighting in history]
    if current not in digests:
        return frozenset()
    return frozenset(digests[digests.index(current) :]) - {current}


def find_matured_digests(
    history: Sequence[TagObservation], current: Digest, pinned_digest: Digest | None, min_age: timedelta, now: datetime
) -> tuple[Digest, ...]:
    """Return earlier digests of the tag that have been known for at least `min_age`, newest first.

    They can be proposed while the current digest is too young. Digests that are older than the pinned digest are left
    out. The result is empty if the pinned digest was never observed, because its position in the history is then
    unknown. It is also empty if the tag was rolled back, because the publisher withdrew the digests after `current`.
    """
    digests = [sighting.digest for sighting in history if sighting.digest != current]
    if has_rolled_back(history, current) or (pinned_digest is not None and pinned_digest not in digests):
        return ()
    after = digests[len(digests) - digests[::-1].index(pinned_digest) :] if pinned_digest is not None else digests
    old_enough = (each for each in reversed(after) if determine_known_since(each, history, {}, now) <= now - min_age)
    return tuple(dict.fromkeys(old_enough))


def _count_past_observations(history: Sequence[TagObservation], current: Digest) -> int:
    """Return the number of observations, without the last one if it has the digest `current`."""
    is_current = bool(history) and history[-1].digest == current
    return len(history) - 1 if is_current else len(history)
