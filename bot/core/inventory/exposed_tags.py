"""The exposed images in use: where each of them is used, and where a fix of the vulnerability exists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from bot.core.evidence.exposure import find_place_outside
from bot.core.evidence.finding_keys import FindingKey, get_finding_key
from bot.model.evidence import FixDate
from bot.model.exposed_images import (
    ContainerUse,
    ExposedImage,
    ExposedTag,
    ExposedUse,
    ExposureFacts,
    ImageUse,
    ScanKey,
)
from bot.model.exposure import FixPlace
from bot.model.image_name import Digest, TagRef
from bot.model.inventory import BranchKey, StoredRequest

_PLACES = (FixPlace.NO_FIX, FixPlace.IN_DISTRIBUTION, None, FixPlace.IN_UPDATE)
"""If an image has several findings, the first of these places that one of them has is the place of the fix."""

_UsedImage = tuple[Digest, TagRef | None]
"""The digest of an image, and its tag in files; None if only containers use the image."""
_RequestsByImage = Mapping[tuple[BranchKey, str], Sequence[StoredRequest]]
"""The open pull requests by their base branch and the repository of the image that they update."""


def build_exposed_tags(facts: ExposureFacts) -> tuple[ExposedTag, ...]:
    """Return the exposed images that files or containers use, one for each tag, with the most used ones first."""
    exposed = _group_by_digest(facts.exposed)
    uses: dict[_UsedImage, list[ImageUse]] = defaultdict(list)
    for use in facts.uses:
        uses[use.digest, use.tag_ref].append(use)
    containers: dict[Digest, list[ContainerUse]] = defaultdict(list)
    for container in facts.containers:
        containers[container.digest].append(container)
    for digest in containers.keys() - {digest for digest, _ in uses}:
        uses[digest, None] = []
    exposed_keys = {(each.scan_key, get_finding_key(each.finding)) for each in facts.exposed}
    scans = {*facts.scans, *(each.scan_key for each in facts.exposed)}
    requests = _group_requests(facts)
    tags = []
    for (digest, tag_ref), found in sorted(uses.items(), key=lambda item: _get_position(item[0], item[1])):
        images = exposed.get(digest, ())
        newest = facts.newest.get(tag_ref) if tag_ref is not None else None
        place = _find_place(images, newest, exposed_keys, scans)
        tags.append(
            ExposedTag(
                digest=digest,
                tag_ref=tag_ref,
                exposed=tuple(images),
                fix=place,
                fix_date=_find_fix_date(images) if place is not FixPlace.NO_FIX else None,
                newest=newest,
                uses=tuple(_build_use(each, images, requests) for each in found),
                containers=tuple(containers.pop(digest, ())),
            )
        )
    return tuple(tags)


def _get_position(image: _UsedImage, uses: Collection[ImageUse]) -> tuple[int, str, str]:
    digest, tag_ref = image
    return -len(uses), str(tag_ref or ""), digest


def _group_by_digest(exposed: Iterable[ExposedImage]) -> Mapping[Digest, Sequence[ExposedImage]]:
    by_digest: dict[Digest, list[ExposedImage]] = defaultdict(list)
    for each in exposed:
        by_digest[each.digest].append(each)
    return by_digest


def _find_place(
    images: Sequence[ExposedImage],
    newest: Digest | None,
    exposed_keys: Collection[tuple[ScanKey, FindingKey]],
    scans: Collection[ScanKey],
) -> FixPlace | None:
    """Return the place of the fix of all findings of an image."""
    places = [_find_place_of(each, newest, exposed_keys, scans) for each in images]
    return min(places, key=_PLACES.index, default=None)


def _find_place_of(
    image: ExposedImage,
    newest: Digest | None,
    exposed_keys: Collection[tuple[ScanKey, FindingKey]],
    scans: Collection[ScanKey],
) -> FixPlace | None:
    outside = find_place_outside(image.finding)
    if newest is None or newest == image.digest:
        return outside
    scan_of_newest = (newest, *image.scan_key[1:])
    if image.database_built is None or scan_of_newest not in scans:
        return outside if outside is FixPlace.NO_FIX else None
    is_fixed = (scan_of_newest, get_finding_key(image.finding)) not in exposed_keys
    return FixPlace.IN_UPDATE if is_fixed else outside


def _find_fix_date(images: Iterable[ExposedImage]) -> FixDate | None:
    """Return the latest date of the fixes, because an image contains the vulnerability until all packages are fixed."""
    dates = (each.finding.fix_date for each in images if each.finding.fix_date is not None)
    return max(dates, key=lambda date: date.at, default=None)


def _group_requests(facts: ExposureFacts) -> _RequestsByImage:
    requests: dict[tuple[BranchKey, str], list[StoredRequest]] = defaultdict(list)
    for each in facts.requests:
        repositories = {target.rpartition("@")[0].rpartition(":")[0] for target in each.request.targets}
        for repository in repositories:
            requests[each.key, repository].append(each.request)
    return requests


def _build_use(use: ImageUse, images: Sequence[ExposedImage], requests: _RequestsByImage) -> ExposedUse:
    """Return a use with its pull request: the one that updates its tag, otherwise one that replaces the tag."""
    found = requests.get((use.key, use.tag_ref.repository), ())
    prefix = f"{use.tag_ref}@"
    same_tag = (each for each in found if any(target.startswith(prefix) for target in each.targets))
    first_seen = min((each.first_seen for each in images), default=use.since)
    times = [time for time in (use.since, first_seen) if time is not None]
    return ExposedUse(use, max(times), next(same_tag, next(iter(found), None)))
