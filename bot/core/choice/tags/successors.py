"""Selection of the tag to update to.

Some products have long-term releases (LTS). An image on a long-term release of such a product is updated only to other
long-term releases. This module contains the rules that recognise them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import assert_never

from bot.core.choice.tags.families import filter_relatives, parse_tag_among
from bot.core.choice.tags.version import TagVersion, VersionScheme
from bot.model.modes import UpdateMode


def find_successor(
    tag: str, available_tags: Iterable[str], mode: UpdateMode, *, allow_os_variants: bool = False
) -> str | None:
    """Return the newest tag that `tag` may be updated to within `mode`; None if there is none.

    The parameters are those of `find_successors`.
    """
    return next(iter(find_successors(tag, available_tags, mode, allow_os_variants=allow_os_variants)), None)


def find_successors(
    tag: str, available_tags: Iterable[str], mode: UpdateMode, *, allow_os_variants: bool = False
) -> tuple[str, ...]:
    """Return all tags that `tag` may be updated to, newest first.

    `mode` limits which numbers may change. For example, `UpdateMode.MINOR` keeps the first number. Numbers are
    interpreted as major.minor.patch, even if the publisher gives them another meaning. The prefix, the suffix and the
    count of numbers never change: `3.12-slim` may be updated to `3.13-slim`, but not to `3.13` or `3.13.1-slim`. A
    pre-release such as `17rc2` is returned only if `tag` is an earlier pre-release of the same release, such as
    `17rc1`.

    If `allow_os_variants` is True, the operating system in the tag (`alpine3.19`, `bookworm`) may change to a later
    release of the same distribution. In a tag such as `jammy-20240530`, the date counts rebuilds, so a later date is
    allowed in every mode that allows changing the tag.
    """
    fixed_count = _count_fixed_numbers(mode)
    if fixed_count is None:
        return ()
    tags = tuple(available_tags)
    written, versions = parse_tag_among(tag, tags)
    if written is None:
        return ()
    candidates = [
        version
        for version in filter_relatives(written, versions)
        if version.sort_key > written.sort_key
        and (written.is_stream or version.has_leading_numbers(written.numbers[:fixed_count]))
        and can_follow(written, version, allow_os_variants=allow_os_variants)
    ]
    schedule = _find_schedule(tags) if candidates and written.scheme is VersionScheme.NUMBERS else None
    if schedule is not None:
        candidates = [version for version in candidates if schedule.can_update(written.numbers, version.numbers)]
    return tuple(version.tag for version in sorted(candidates, key=_get_sort_key, reverse=True))


def is_within_mode(tag: str, new_tag: str, mode: UpdateMode) -> bool:
    """Return True if `mode` allows the update from `tag` to `new_tag`.

    Return False if the versions in the tags cannot be compared, or if the operating system in the tag changes.
    """
    return new_tag == tag or find_successor(tag, [new_tag], mode) == new_tag


def can_follow(written: TagVersion, candidate: TagVersion, *, allow_os_variants: bool) -> bool:
    """Return True if operating system and stability allow an update from `written` to `candidate`.

    The operating systems must be equal. If `allow_os_variants` is True, `candidate` may have a later release of the
    same operating system. If `candidate` is a pre-release, `written` must be a pre-release of the same release. The
    caller has to check that `candidate` is later than `written`.
    """
    if candidate.is_pre_release and not (written.is_pre_release and candidate.numbers == written.numbers):
        return False
    if not allow_os_variants:
        return candidate.system_words == written.system_words
    return all(old.can_be_replaced_by(new) for old, new in zip(written.systems, candidate.systems, strict=True))


def find_newest_tag(candidates: Iterable[TagVersion]) -> str | None:
    """Return the tag of the newest candidate; None if there are no candidates."""
    newest_version = max(candidates, key=_get_sort_key, default=None)
    return newest_version.tag if newest_version is not None else None


def _get_sort_key(version: TagVersion) -> tuple[object, ...]:
    """Return a sort key by version, then by tag, so that the order of equal versions is deterministic."""
    return (version.sort_key, version.tag)


def _count_fixed_numbers(mode: UpdateMode) -> int | None:
    """Return how many leading numbers of a tag must stay the same: 2 for `PATCH`, 1 for `MINOR`, 0 for `MAJOR`.

    Return None if `mode` does not allow changing the tag at all.
    """
    match mode:
        case UpdateMode.DIGEST:
            return None
        case UpdateMode.PATCH:
            return 2
        case UpdateMode.MINOR:
            return 1
        case UpdateMode.MAJOR:
            return 0
    assert_never(mode)


@dataclass(frozen=True, slots=True)
class _LongTermSchedule:
    """The rule that tells the long-term releases of one product from its other releases.

    Tags do not contain the name of the product. A repository is therefore recognised by the tags that it has, such as
    `mainline` and `stable` for nginx.
    """

    identifying_tags: tuple[frozenset[str], ...]
    """Sets of tags. A repository that has all tags of at least one set belongs to the product."""
    depth: int
    """Number of leading numbers that identify a release with a support period of its own."""
    is_long_term: Callable[[tuple[int, ...]], bool]
    """Returns whether the first `depth` numbers of a version are those of a long-term release."""

    def can_update(self, written: tuple[int, ...], candidate: tuple[int, ...]) -> bool:
        """Return False if the update would replace a long-term release by one that is not; otherwise True.

        `written` and `candidate` are the version numbers before and after the update.
        """
        written_release, candidate_release = written[: self.depth], candidate[: self.depth]
        if len(written_release) < self.depth or written_release == candidate_release:
            return True
        return self.is_long_term(candidate_release) or not self.is_long_term(written_release)


def _build_tag_sets(*pairs: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(pair.split()) for pair in pairs)


_LONG_TERM_SCHEDULES = (
    # Node.js: even majors become LTS in the October after their release.
    _LongTermSchedule(
        _build_tag_sets("lts current", "hydrogen iron", "iron jod"), 1, lambda numbers: numbers[0] % 2 == 0
    ),
    # Java: 8, 11, 17, and every fourth from there on.
    _LongTermSchedule(
        _build_tag_sets(
            *("11-jdk 17-jdk", "17-jdk 21-jdk", "21-jdk 25-jdk", "11-jre 17-jre", "17-jre 21-jre", "21-jre 25-jre"),
            *("11-alpine-jdk 17-alpine-jdk", "17-alpine-jdk 21-alpine-jdk", "21-alpine-jdk 25-alpine-jdk"),
        ),
        1,
        lambda numbers: numbers[0] in {8, 11} or (numbers[0] >= 17 and numbers[0] % 4 == 1),  # noqa: PLR2004
    ),
    # nginx: even minors are stable, odd ones are mainline.
    _LongTermSchedule(_build_tag_sets("mainline stable"), 2, lambda numbers: numbers[1] % 2 == 0),
    # Ubuntu: April of even years.
    _LongTermSchedule(
        _build_tag_sets("focal 20.04", "jammy 22.04", "noble 24.04", "resolute 26.04"),
        2,
        lambda numbers: numbers[0] % 2 == 0 and numbers[1] == 4,  # noqa: PLR2004
    ),
)


@lru_cache(maxsize=1)
def _find_schedule(available_tags: tuple[str, ...]) -> _LongTermSchedule | None:
    """Return the long-term schedule of the product to which a repository with `available_tags` belongs.

    A product is recognised by tags that only its repositories have, such as `mainline` and `stable` for nginx. If no
    product is recognised, return None.
    """
    tags = frozenset(available_tags)
    return next(
        (schedule for schedule in _LONG_TERM_SCHEDULES if any(each <= tags for each in schedule.identifying_tags)), None
    )
