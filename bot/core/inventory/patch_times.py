"""Find out how long a fleet took to merge fixes of vulnerabilities.

A fix is available to a base branch from the time at which basebump first saw the digest that a pull request proposes.
If the pull request was opened earlier, this time counts, because a pull request can be updated to a later digest. The
time to patch ends with the merge. If the scanner states when a fix was published, the time since then is computed as
well.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import assert_never

from bot.core.inventory.history import CLOCK_TOLERANCE, find_first_sightings
from bot.core.proposal.branch_ownership import ImageVersion, parse_targets
from bot.model.fleet_history import FleetHistory, HeldDigest
from bot.model.image_name import Digest
from bot.model.inventory import BranchKey, StoredRequest
from bot.model.patch_times import FixSeverity, Patch, PatchGrouping, PatchSummary, WaitSummary
from bot.model.proposal import RequestState
from bot.model.update_stages import UpdateStage

NO_OWNER = "(no owner)"
"""The team of patches in files without an owner."""
ALL_PATCHES = "all"
"""The only group of `PatchGrouping.ALL`."""

_Sightings = Mapping[tuple[str, Digest], datetime]


def find_patches(history: FleetHistory) -> tuple[Patch, ...]:
    """Return the updates that fix vulnerabilities, sorted by the time since which they are available.

    Pull requests that were closed without a merge do not count, unless the base branch was updated in another way. Pull
    requests whose fixed vulnerabilities are unknown do not count either. An update of several images counts once.
    """
    sightings = find_first_sightings(history.observations)
    requests: dict[BranchKey, list[StoredRequest]] = defaultdict(list)
    for each in history.requests:
        if get_fix_severity(each.request.fixes) is not None:
            requests[each.key].append(each.request)
    held_by_image: dict[tuple[BranchKey, str], list[HeldDigest]] = defaultdict(list)
    for held in history.held:
        held_by_image[held.key, held.repository].append(held)
    patches: dict[tuple[BranchKey, tuple[tuple[str, int], ...]], Patch] = {}
    for (key, _), spans in held_by_image.items():
        for held in spans:
            found = [each for each in requests.get(key, ()) if _updates(each, held, spans)]
            patch = _build_patch(held, found, sightings)
            same = (key, tuple((each.branch, each.number) for each in found))
            if patch is not None and (same not in patches or patch.available_at < patches[same].available_at):
                patches[same] = patch
    return tuple(sorted(patches.values(), key=lambda each: (each.available_at, each.key, each.image)))


def get_fix_severity(fixes: Mapping[str, int] | None) -> FixSeverity | None:
    """Return the highest severity among the fixed vulnerabilities; None if nothing is fixed, or if it is unknown."""
    return next((each for each in FixSeverity if fixes and fixes.get(each.value, 0) > 0), None)


def summarise_patches(
    patches: Iterable[Patch], grouping: PatchGrouping, since: datetime, now: datetime
) -> tuple[PatchSummary, ...]:
    """Return a summary of each group of the patches that were merged after `since`, or that still wait."""
    selected = [patch for patch in patches if patch.patched_at is None or patch.patched_at >= since]
    if grouping is PatchGrouping.STAGE:
        return tuple(_summarise_stages(selected, now))
    groups: dict[str, list[Patch]] = defaultdict(list)
    for patch in selected:
        for group in list_groups(patch, grouping):
            groups[group].append(patch)
    severities: list[str] = [each.value for each in FixSeverity]
    is_by_severity = grouping is PatchGrouping.SEVERITY
    names = sorted(groups, key=severities.index) if is_by_severity else sorted(groups)
    return tuple(_summarise(name, groups[name], now) for name in names)


def find_percentile(values: Sequence[timedelta], share: float) -> timedelta | None:
    """Return a percentile of the values; None if there are no values. A `share` of 0.9 means the 90th percentile.

    This is the nearest-rank method: the result is always one of the values.
    """
    if not values:
        return None
    return sorted(values)[math.ceil(share * len(values)) - 1]


def _updates(request: StoredRequest, held: HeldDigest, spans: Sequence[HeldDigest]) -> bool:
    """Return True if the pull request was made to update a digest that the base branch held at that time.

    A pull request for a tag that the base branch did not use yet changes the tag of the others.
    """
    if held.digest is None or not _is_in_time(request, held):
        return False
    used_tags = {each.tag for each in spans if request.opened_at is None or each.since <= request.opened_at}
    return any(
        held.tag in {None, tag} or tag not in used_tags
        for repository, tag, digest in parse_targets(request.targets)
        if repository == held.repository and digest != held.digest
    )


def _is_in_time(request: StoredRequest, held: HeldDigest) -> bool:
    """Return True if the base branch held the digest when the pull request was opened.

    If the time of the opening is unknown, the time of the merge counts. For an open pull request, the present time
    counts.
    """
    is_late_enough = held.is_since_first_visit
    if request.opened_at is not None:
        is_late_enough |= held.since - CLOCK_TOLERANCE <= request.opened_at
        return is_late_enough and (held.ended_at is None or request.opened_at < held.ended_at)
    if request.ended_at is not None:
        is_late_enough |= held.since <= request.ended_at
        return is_late_enough and (held.ended_at is None or request.ended_at <= held.ended_at)
    return request.state is RequestState.OPEN and held.ended_at is None


def _build_patch(held: HeldDigest, requests: Sequence[StoredRequest], sightings: _Sightings) -> Patch | None:
    """Return the patch that the pull requests for a held digest make together; None if there is none."""
    merges = [each.ended_at for each in requests if each.state is RequestState.MERGED and each.ended_at is not None]
    is_open = held.ended_at is None and not merges
    if not requests or (is_open and all(each.state is not RequestState.OPEN for each in requests)):
        return None
    severities = [severity for each in requests if (severity := get_fix_severity(each.fixes)) is not None]
    severity = min(severities, key=list(FixSeverity).index)
    return Patch(
        key=held.key,
        image=held.name,
        severity=severity,
        available_at=_find_available_time(held, requests, sightings),
        patched_at=None if is_open else (max(merges) if merges else held.ended_at),
        owners=held.owners,
        request=max(requests, key=lambda each: (each.state is RequestState.OPEN, each.number)),
        is_merged_by_basebump=bool(merges),
        published_at=_find_publication(held, requests, severity),
        proposed_at=min((each.opened_at for each in requests if each.opened_at is not None), default=None),
        replaced=held,
    )


def _find_publication(held: HeldDigest, requests: Sequence[StoredRequest], severity: FixSeverity) -> datetime | None:
    """Return when the first fix of the given severity was published; None if the scanner does not state it.

    The time is not before the base branch held the vulnerable digest, unless the first visit already found this digest,
    because the branch may then have held it since any time.
    """
    dates = [each.fix_published_at for each in requests if get_fix_severity(each.fixes) is severity]
    published_at = min((each for each in dates if each is not None), default=None)
    if published_at is None or held.is_since_first_visit:
        return published_at
    return max(published_at, _find_start_of_need(held, requests))


def _find_available_time(held: HeldDigest, requests: Sequence[StoredRequest], sightings: _Sightings) -> datetime:
    """Return the time since which the base branch could have had the fix.

    This time is not before the base branch held the vulnerable digest, according to the state or an earlier pull
    request.
    """
    opened = [each.opened_at for each in requests if each.opened_at is not None]
    images: frozenset[ImageVersion] = frozenset().union(*(parse_targets(each.targets) for each in requests))
    seen = [sightings.get((repository, Digest(digest))) for repository, _, digest in images]
    available_at = min((time for time in (*opened, *seen) if time is not None), default=held.since)
    return max(_find_start_of_need(held, requests), available_at)


def _find_start_of_need(held: HeldDigest, requests: Sequence[StoredRequest]) -> datetime:
    """Return the time since which the base branch held the vulnerable digest."""
    return min((held.since, *(each.opened_at for each in requests if each.opened_at is not None)))


def list_groups(patch: Patch, grouping: PatchGrouping) -> Sequence[str]:
    """Return the groups of a patch. A patch of several teams is in several groups."""
    match grouping:
        case PatchGrouping.ALL:
            return (ALL_PATCHES,)
        case PatchGrouping.SEVERITY:
            return (patch.severity.value,)
        case PatchGrouping.TEAM:
            return patch.owners or (NO_OWNER,)
        case PatchGrouping.REPOSITORY:
            return (patch.key.repository,)
        case PatchGrouping.MONTH:
            return (f"{patch.patched_at:%Y-%m}",) if patch.patched_at is not None else ()
        case PatchGrouping.STAGE:
            return tuple(stage.value for stage in patch.ends)
    assert_never(grouping)


def _summarise_stages(patches: Sequence[Patch], now: datetime) -> Iterator[PatchSummary]:
    """Yield how long patches took until each stage. Patches whose stage is unknown are left out."""
    for stage in UpdateStage:
        known = [(each, each.ends[stage]) for each in patches if stage in each.ends]
        if known:
            yield _summarise_ends(stage.value, known, now)


def _summarise(group: str, patches: Sequence[Patch], now: datetime) -> PatchSummary:
    summary = _summarise_ends(group, [(each, each.patched_at) for each in patches], now)
    stages = {each.group: each.since_seen for each in _summarise_stages(patches, now)}
    return replace(summary, until_stages={stage: stages[stage] for stage in UpdateStage if stage in stages})


def _summarise_ends(group: str, ends: Sequence[tuple[Patch, datetime | None]], now: datetime) -> PatchSummary:
    """Return the summary of patches, each with the time at which its wait ended; None if it still waits."""
    published = [(patch.published_at, end) for patch, end in ends if patch.published_at is not None]
    return PatchSummary(
        group=group,
        since_seen=_summarise_times([(patch.available_at, end) for patch, end in ends], now),
        since_published=_summarise_times(published, now),
    )


def _summarise_times(times: Sequence[tuple[datetime, datetime | None]], now: datetime) -> WaitSummary:
    return _summarise_waits(
        [max(end - start, timedelta()) for start, end in times if end is not None],
        [now - start for start, end in times if end is None],
    )


def _summarise_waits(merged: Sequence[timedelta], waiting: Sequence[timedelta]) -> WaitSummary:
    """Return the summary of the waits that ended, and of the waits that still last."""
    return WaitSummary(
        merged=len(merged),
        median=find_percentile(merged, 0.5),
        percentile_90=find_percentile(merged, 0.9),
        open=len(waiting),
        oldest_open=max(waiting, default=None),
    )
