"""Divide the look-ups of a run among the repositories, so that no repository uses up the quotas of all others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from bot.model.cost_limits import MAX_TREE_IMAGES
from bot.model.decision import SkippedReference, TrackedImage, UnresolvedReference
from bot.model.forge import GitRepository
from bot.model.image_name import Digest, TagRef
from bot.model.report import RunFailure
from bot.model.vocabulary import FailureStage, Reason

Selection = TrackedImage | SkippedReference | UnresolvedReference
"""The selection for one image reference. It is unresolved if the share of its repository does not include the image."""
_LookedUpImage = tuple[TagRef, Digest | None]
"""A tag, and the digest in the file. Each of the two costs requests."""


@dataclass(frozen=True, slots=True)
class LookupShares:
    """The selections of all repositories after the shares were applied, and a failure for each exceeded share."""

    selections: tuple[tuple[Selection, ...], ...]
    failures: tuple[RunFailure, ...]


def limit_lookups(
    repositories: Sequence[GitRepository], selections: Sequence[Sequence[TrackedImage | SkippedReference]]
) -> LookupShares:
    """Return the selections with the look-ups of each repository limited to its share.

    The share is MAX_TREE_IMAGES distinct pairs of a tag and the digest in the file, in the order of the files. All base
    branches of a repository have one share. An image that the share of another repository includes is looked up for all
    repositories. All further images become unresolved. A scanned folder, which has no name, has no limit, because no
    other repository depends on its look-ups.

    Args:
        repositories: The repositories; one with several base branches is listed for each of them.
        selections: The selections for the image references of each of `repositories`.
    """
    images_by_repository: dict[tuple[str, str | None, str], dict[_LookedUpImage, None]] = defaultdict(dict)
    for repository, items in zip(repositories, selections, strict=True):
        images = images_by_repository[_get_key(repository)]
        images |= dict.fromkeys(_get_image(item) for item in items if isinstance(item, TrackedImage))
    included: set[_LookedUpImage] = set()
    for (_, _, name), images in images_by_repository.items():
        included.update(list(images)[:MAX_TREE_IMAGES] if name else images)
    return LookupShares(
        tuple(tuple(_limit_selection(item, included) for item in items) for items in selections),
        tuple(
            _report_exceeded_share(name, len(images))
            for (_, _, name), images in images_by_repository.items()
            if not images.keys() <= included
        ),
    )


def _get_key(repository: GitRepository) -> tuple[str, str, str]:
    return repository.forge, repository.server, repository.name


def _get_image(tracked_image: TrackedImage) -> _LookedUpImage:
    return tracked_image.tag_ref, tracked_image.reference.image.digest


def _limit_selection(item: TrackedImage | SkippedReference, included: set[_LookedUpImage]) -> Selection:
    if isinstance(item, SkippedReference) or _get_image(item) in included:
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
