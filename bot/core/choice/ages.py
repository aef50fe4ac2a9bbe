"""How long a digest has been known, and which earlier digests of a tag are old enough to be proposed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.model.history import TagObservation
from bot.model.image import RegistryRecord
from bot.model.image_name import Digest


def determine_known_since(
    digest: Digest, history: Sequence[TagObservation], registry_records: Mapping[Digest, RegistryRecord], now: datetime
) -> datetime:
    """Return the time since which a digest is known. Its age is counted from this time.

    This is the time at which the digest was pushed to the registry. If the registry does not state it, this is the time
    at which basebump first observed that the tag points to the digest, or `now` if basebump never observed this. The
    creation date inside the image is not used, because whoever builds the image can set it to any date.

    The result is never after `now`. A clock was wrong if a time is, and the digest would otherwise be held without end.
    """
    record = registry_records.get(digest)
    if record is not None and record.pushed_at is not None:
        return min(record.pushed_at, now)
    return min((*(sighting.first_seen for sighting in history if sighting.digest == digest), now))


def has_rolled_back(history: Sequence[TagObservation], current: Digest) -> bool:
    """Return True if the tag pointed to `current`, then to another digest, and now points to `current` again."""
    return any(history[index].digest == current for index in range(_count_past_observations(history, current)))


def find_withdrawn_digests(history: Sequence[TagObservation], current: Digest) -> frozenset[Digest]:
    """Return the digests that the publisher withdrew by pointing the tag back to `current`.

    These are all digests that the tag pointed to after it first pointed to `current`. For the history A, B, C, B with
    the current digest B, the only withdrawn digest is C. The result is empty if the tag was not rolled back.
    """
    digests = [sighting.digest for sighting in history]
    if current not in digests:
        return frozenset()
    return frozenset(digests[digests.index(current) :]) - {current}


def find_matured_digests(
    history: Sequence[TagObservation], current: Digest, pinned_digest: Digest | None, min_age: timedelta, now: datetime
) -> tuple[Digest, ...]:
    """Return the earlier digests of the tag that have been known for at least `min_age`, newest first.

    These digests can be proposed while the current digest is too young. Digests that are older than the pinned digest
    are left out, because they would be a step back. If `pinned_digest` is None, all earlier digests count.

    If the pinned digest is not in `history`, the result is empty, because it is unknown which digests are older. If the
    tag was rolled back to `current`, the result is empty, because the publisher withdrew the digests in between.
    """
    digests = [sighting.digest for sighting in history if sighting.digest != current]
    if has_rolled_back(history, current) or (pinned_digest is not None and pinned_digest not in digests):
        return ()
    after = digests[len(digests) - digests[::-1].index(pinned_digest) :] if pinned_digest is not None else digests
    old_enough = (each for each in reversed(after) if determine_known_since(each, history, {}, now) <= now - min_age)
    return tuple(dict.fromkeys(old_enough))


def _count_past_observations(history: Sequence[TagObservation], current: Digest) -> int:
    """Return the number of entries in `history` about digests that the tag pointed to earlier.

    If the digest of the last entry is `current`, this entry is about the present state and is not counted. If it is
    another digest, `history` does not contain the present state yet, and all entries are counted.
    """
    is_current = bool(history) and history[-1].digest == current
    return len(history) - 1 if is_current else len(history)
