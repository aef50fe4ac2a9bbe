"""Find out whether an own image was built on an updated base image.

Only the image itself shows its base: by its layers, its provenance, the record of its build task, its label, or the
commit from which it was built. A build time after the merge does not show the base, because the build can be of an
older commit. The base image of a builder stage leaves no layers, so that only the other facts show it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from bot.core.inventory.stage_index import StageIndex
from bot.model.build_link import BuildLink
from bot.model.image_name import Digest
from bot.model.own_build import OwnBuild, StoredBuild
from bot.model.update_stages import (
    ImageUse,
    ReachedStage,
    RebuildEvidence,
    UpdateBuild,
    UpdateStage,
    UpdateWait,
    WaitReason,
)

_STRENGTH = tuple(RebuildEvidence)


@dataclass(frozen=True, slots=True)
class MergedUpdate:
    """An update that a base branch contains."""

    use: ImageUse
    digests: frozenset[Digest]
    """The digest of the update, and possibly digests to which the base branch was updated later."""
    earlier: frozenset[Digest]
    """The digests of the image that the base branch contained before."""
    merged: ReachedStage


class ImageRelation(Enum):
    """The relation of a built or running image to an update of a base branch."""

    UPDATED = auto()
    OLDER = auto()
    """The base branch contained the image or its base image before the update."""
    UNKNOWN = auto()
    """It is unknown whether the image is older or newer than the update."""


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """The result of the search for own images that were built on an update. One of `reached` and `wait` is None."""

    reached: ReachedStage | None
    wait: UpdateWait | None
    builds: tuple[UpdateBuild, ...]
    """The builds on the update, newest first."""


def find_rebuild(update: MergedUpdate, links: Sequence[BuildLink], index: StageIndex) -> RebuildResult:
    """Return whether the own images in `links` were built on an update.

    An image whose base is not known at all does not count if another image is built from the same file.
    """
    first_builds: list[ReachedStage] = []
    found: list[UpdateBuild] = []
    reasons: set[WaitReason] = set()
    missing: list[str] = []
    for link in links:
        builds = index.list_builds(link.image)
        updated = [(stored, evidence) for stored in builds if (evidence := find_evidence(stored.build, update, index))]
        if updated:
            first_builds.append(min((_build_stage(stored, update) for stored, _ in updated), key=lambda each: each.at))
            found += [_build_value(stored.build, evidence, link) for stored, evidence in updated]
        else:
            reasons.add(_find_reason(builds, update, index))
            missing.append(link.image)
    found.sort(key=lambda each: (each.built_at or update.merged.at, each.repository, each.digest), reverse=True)
    if first_builds and WaitReason.NOT_BUILT not in reasons:
        last = max(first_builds, key=lambda each: (each.at, not each.is_exact))
        return RebuildResult(last, None, tuple(found))
    return RebuildResult(None, _build_wait(update, missing, reasons, index), tuple(found))


def find_relation(build: OwnBuild, update: MergedUpdate, index: StageIndex) -> ImageRelation:
    """Return the relation of a build to an update of its base image.

    A build before the merge is older, unless it has the updated base nevertheless.
    """
    if find_evidence(build, update, index) is not None:
        return ImageRelation.UPDATED
    is_before = update.merged.is_exact and build.built_at is not None and build.built_at < update.merged.at
    is_older = is_before or any(index.is_among(each, update.earlier) for each in _list_bases(build, update.use))
    return ImageRelation.OLDER if is_older else ImageRelation.UNKNOWN


def find_evidence(build: OwnBuild, update: MergedUpdate, index: StageIndex) -> RebuildEvidence | None:
    """Return how it is known that a build contains an update; None if it is not known."""
    evidence = [
        RebuildEvidence(base.evidence.value)
        for base in build.bases
        if base.repository in {None, update.use.repository} and index.is_among(base.digest, update.digests)
    ]
    head = index.facts.heads.get(update.use.key)
    if head is not None and build.revision == head and update.use.digest in update.digests:
        evidence.append(RebuildEvidence.COMMIT)
    return min(evidence, key=_STRENGTH.index, default=None)


def _list_bases(build: OwnBuild, use: ImageUse) -> Iterator[Digest]:
    return (base.digest for base in build.bases if base.repository in {None, use.repository})


def _find_reason(builds: Sequence[StoredBuild], update: MergedUpdate, index: StageIndex) -> WaitReason:
    """Return the reason that no known build of an own image contains the updated base image."""
    if not builds:
        return WaitReason.IMAGE_UNKNOWN
    relations = {find_relation(stored.build, update, index) for stored in builds}
    return WaitReason.BASE_UNKNOWN if ImageRelation.UNKNOWN in relations else WaitReason.NOT_BUILT


def _build_wait(update: MergedUpdate, images: Sequence[str], reasons: set[WaitReason], index: StageIndex) -> UpdateWait:
    check = index.facts.failed_checks.get(update.use.key)
    if WaitReason.NOT_BUILT in reasons:
        reason = WaitReason.NOT_BUILT if check is None else WaitReason.BUILD_FAILED
    else:
        reason = WaitReason.BASE_UNKNOWN if WaitReason.BASE_UNKNOWN in reasons else WaitReason.IMAGE_UNKNOWN
    times: list[datetime] = [
        stored.build.built_at
        for image in images
        for stored in index.list_builds(image)
        if stored.build.built_at is not None and stored.build.built_at <= stored.read_at
    ]
    return UpdateWait(
        reason,
        update.merged.at,
        check=check if reason is WaitReason.BUILD_FAILED else None,
        images=tuple(sorted(set(images))),
        last_built_at=max(times, default=None),
    )


def _build_stage(stored: StoredBuild, update: MergedUpdate) -> ReachedStage:
    """Return the stage `rebuilt` as one build shows it. It does not begin before the merge.

    An image can state any build time. One after the time at which a run read the image does not count.
    """
    built_at = stored.build.built_at
    at = min(built_at, stored.read_at) if built_at is not None else stored.read_at
    is_exact = built_at is not None and update.merged.at <= built_at <= stored.read_at
    return ReachedStage(UpdateStage.REBUILT, max(at, update.merged.at), is_exact)


def _build_value(build: OwnBuild, evidence: RebuildEvidence, link: BuildLink) -> UpdateBuild:
    return UpdateBuild(build.repository, build.digest, build.built_at, evidence, link.evidence)
