"""Ages: since when a digest is known, and which digest of a line's past is old enough to be taken instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from bot.model.history import Sighting
from bot.model.image import Recorded
from bot.model.reference import Digest


def known_since(
    digest: Digest, history: Sequence[Sighting], recorded: Mapping[Digest, Recorded], now: datetime
) -> datetime:
    """Return since when a digest is known: by its registry's own record, else by when it was first seen, else `now`.

    What an image says of its own age counts for nothing: whoever builds it can write any date.
    """
    record = recorded.get(digest)
    if record is not None and record.pushed is not None:
        return record.pushed
    return min((sighting.first_seen for sighting in history if sighting.digest == digest), default=now)


def went_back(history: Sequence[Sighting], current: Digest) -> bool:
    """Say whether the line points to something that it had pointed to before, with something else between."""
    return any(history[index].digest == current for index in range(_last_stay(history, current)))


def left_since(history: Sequence[Sighting], current: Digest) -> frozenset[Digest]:
    """Return what the line pointed to between the first time it pointed to `current` and now."""
    digests = [sighting.digest for sighting in history]
    if current not in digests:
        return frozenset()
    return frozenset(digests[digests.index(current) :]) - {current}


def matured(
    history: Sequence[Sighting], current: Digest, held: Digest | None, min_age: timedelta, now: datetime
) -> tuple[Digest, ...]:
    """Return earlier digests of the line that are known for `min_age`, newest first: what to take meanwhile.

    Never one from before the digest that the file holds, and none while it is not known when that was; and none of a
    line that went back, whose publisher took back what came later.
    """
    digests = [sighting.digest for sighting in history if sighting.digest != current]
    if went_back(history, current) or (held is not None and held not in digests):
        return ()
    after = digests[len(digests) - digests[::-1].index(held) :] if held is not None else digests
    old_enough = (each for each in reversed(after) if known_since(each, history, {}, now) <= now - min_age)
    return tuple(dict.fromkeys(old_enough))


def _last_stay(history: Sequence[Sighting], current: Digest) -> int:
    """Return where the past ends: before the last sighting, where that is of what the line points to now."""
    is_there = bool(history) and history[-1].digest == current
    return len(history) - 1 if is_there else len(history)
