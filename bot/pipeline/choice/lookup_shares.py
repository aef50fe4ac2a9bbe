"""Divide the look-ups of a run among the repositories, so that no repository alone uses up the quotas of registries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from bot.model.cost_limits import MAX_TREE_IMAGES
from bot.model.decision import TrackedImage, UnresolvedReference
from bot.model.forge import GitRepository
from bot.model.image_name import Digest, TagRef
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage, Reason
from bot.pipeline.choice.decided_scan import DecidedScan, Scan, Selection
from bot.pipeline.failures import FailureLog

_LookedUpImage = tuple[TagRef, Digest | None]
"""A tag, and the digest in the file. Looking up either of them costs requests."""


def limit_lookups(decided_scans: Sequence[DecidedScan[Scan]], failures: FailureLog) -> Sequence[DecidedScan[Scan]]:
    """Limit the look-ups of each repository to its share, and note a failure for each exceeded share.

    The share is MAX_TREE_IMAGES distinct pairs of a tag and the digest in the file, in the order of the files. All base
    branches of a repository have one share. An image that the share of another repository includes is looked up for all
    repositories. All further images become unresolved. A scanned folder, which has no name, has no limit, because no
    other repository depends on its look-ups.
    """
    images_by_repository: dict[tuple[str, str | None, str], dict[_LookedUpImage, None]] = defaultdict(dict)
    for each in decided_scans:
        images = images_by_repository[_get_key(each.scan.extract_result.repository)]
        images |= dict.fromkeys(map(_get_image, each.list_tracked_images()))
    included: set[_LookedUpImage] = set()
    for (_, _, name), images in images_by_repository.items():
        included.update(list(images)[:MAX_TREE_IMAGES] if name else images)
    failures.add(
        _report_exceeded_share(name, len(images))
        for (_, _, name), images in images_by_repository.items()
        if not images.keys() <= included
    )
    return [
        replace(each, selections=tuple(_limit_selection(item, included) for item in each.selections))
        for each in decided_scans
    ]


def _get_key(repository: GitRepository) -> tuple[str, str, str]:
    return repository.forge, repository.server, repository.name


def _get_image(tracked_image: TrackedImage) -> _LookedUpImage:
    return tracked_image.tag_ref, tracked_image.reference.image.digest


def _limit_selection(item: Selection, included: set[_LookedUpImage]) -> Selection:
    if not isinstance(item, TrackedImage) or _get_image(item) in included:
        return item
    detail = f"Only the first {MAX_TREE_IMAGES} distinct images of a repository are looked up, and this is a later one."
    return UnresolvedReference(item, Reason.TOO_MANY_IMAGES, detail)


def _report_exceeded_share(name: str, count: int) -> RunFailure:
    return RunFailure(
        name,
        FailureStage.RESOLVE,
        f"only {MAX_TREE_IMAGES} of {count} distinct images were looked up, the limit for one repository; hint: ignore "
        "images in the policy, or split the repository",
    )
