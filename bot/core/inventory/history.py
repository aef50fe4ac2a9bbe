"""Find out how each digest came into a base branch of a fleet, and how long that took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from bot.core.proposal.branch_ownership import parse_targets
from bot.model.fleet_history import BranchRequest, DigestMove, FleetHistory, HeldDigest, MoveOrigin
from bot.model.history import TagObservation
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.proposal import RequestState

CLOCK_TOLERANCE = timedelta(hours=6)
"""The time after a visit until which the merge of a pull request can explain a digest that the visit found.

The recorded time of a visit is the start of its run, and the run may read the branch hours later.
"""

_Version = tuple[BranchKey, str, str, str]
"""A base branch, and the repository, the tag and the digest that a pull request writes to the branch."""


def list_moves(history: FleetHistory) -> tuple[DigestMove, ...]:
    """Return the beginnings of all spans, newest first. A span is the time in which a branch has a digest."""
    first_sightings = find_first_sightings(history.observations)
    merged = _group_by_version(history.requests)
    earlier_ends = _find_earlier_ends(history.held)
    moves = [_build_move(held, merged, first_sightings, earlier_ends.get(held)) for held in history.held]
    return tuple(sorted(moves, key=lambda move: (move.moved_at, move.held.since), reverse=True))


def find_first_sightings(observations: Iterable[TagObservation]) -> Mapping[tuple[str, Digest], datetime]:
    """Return when a tag of a repository was first seen to point to a digest, by repository and digest."""
    first: dict[tuple[str, Digest], datetime] = {}
    for each in observations:
        key = (each.tag_ref.repository, each.digest)
        first[key] = min(each.first_seen, first.get(key, each.first_seen))
    return first


def _group_by_version(requests: Iterable[BranchRequest]) -> Mapping[_Version, Sequence[StoredRequest]]:
    """Return the merged pull requests by the images that they wrote."""
    grouped: dict[_Version, list[StoredRequest]] = defaultdict(list)
    for each in requests:
        if each.request.state is RequestState.MERGED:
            for repository, tag, digest in parse_targets(each.request.targets):
                grouped[each.key, repository, tag, digest].append(each.request)
    return grouped


def _find_earlier_ends(spans: Iterable[HeldDigest]) -> Mapping[HeldDigest, datetime]:
    """For each span, return the end of the previous span in which the base branch had the same digest."""
    grouped: dict[tuple[BranchKey, str, str | None, Digest | None], list[HeldDigest]] = defaultdict(list)
    for each in spans:
        grouped[each.key, each.repository, each.tag, each.digest].append(each)
    ends: dict[HeldDigest, datetime] = {}
    for same in grouped.values():
        same.sort(key=lambda each: each.since)
        for earlier, later in pairwise(same):
            if earlier.ended_at is not None:
                ends[later] = earlier.ended_at
    return ends


def _build_move(
    held: HeldDigest,
    merged: Mapping[_Version, Sequence[StoredRequest]],
    first_sightings: Mapping[tuple[str, Digest], datetime],
    earlier_end: datetime | None,
) -> DigestMove:
    if held.digest is None:
        origin = MoveOrigin.FIRST_VISIT if held.is_since_first_visit else MoveOrigin.OTHER
        return DigestMove(held, origin, held.since)
    first_seen = first_sightings.get((held.repository, held.digest))
    if held.is_since_first_visit:
        return DigestMove(held, MoveOrigin.FIRST_VISIT, held.since, None, first_seen)
    requests = merged.get((held.key, held.repository, held.tag or "", held.digest), ())
    request = _find_request(requests, held.since, earlier_end)
    if request is None:
        return DigestMove(held, MoveOrigin.OTHER, held.since, None, first_seen)
    return DigestMove(held, MoveOrigin.BASEBUMP, request.ended_at or held.since, request, first_seen)


def _find_request(
    requests: Sequence[StoredRequest], since: datetime, earlier_end: datetime | None
) -> StoredRequest | None:
    """Return the last pull request that was merged before a visit found its digest at the time `since`.

    `earlier_end` is the time at which the base branch last stopped containing the digest; None if it never did. Pull
    requests that were merged before this time are left out, because the digest was removed after them.
    """
    before = [
        each
        for each in requests
        if each.ended_at is None
        or (each.ended_at <= since + CLOCK_TOLERANCE and (earlier_end is None or each.ended_at > earlier_end))
    ]
    return max(before, key=lambda each: (each.ended_at or since, each.number), default=None)
