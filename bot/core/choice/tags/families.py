"""Tag families: the tags of a repository that differ only in their version, such as `3.11-slim` and `3.12.4-slim`."""

from __future__ import annotations

from bisect import insort
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bot.core.choice.tags.parsing import parse_tag
from bot.core.choice.tags.patterns import is_ambiguous_build
from bot.core.choice.tags.version import TagVersion, VersionScheme

_FIRST_BUILDS = range(2)
_MANY_BUILDS = 100
"""A number below or above these limits is never the version of another product, so a family with such numbers counts
builds."""


@dataclass(frozen=True, slots=True)
class _ParsedTags:
    """All tags of a repository that have a version, each once, in an order that does not depend on the registry."""

    tags: frozenset[str]
    """All tags of the repository, with and without versions."""
    parsed_versions: tuple[TagVersion, ...]
    """The versions, in which ambiguous numbers are treated as build numbers."""
    versions: Mapping[str, TagVersion]
    """The versions by tag, in the order of the tags. Ambiguous numbers are resolved (see `_resolve_versions`)."""


def parse_tag_among(tag: str, available_tags: Iterable[str]) -> tuple[TagVersion | None, Collection[TagVersion]]:
    """Return the version of `tag`, and the versions of all tags of its repository.

    All tags are parsed together, because the other tags show whether a number such as 18 in `3.2-18` is a build number.
    `available_tags` are the tags of the repository. If `tag` has no version, the result is `(None, ())`.
    """
    version = parse_tag(tag)
    if version is None:
        return None, ()
    parsed_tags = _parse_tags(tuple(available_tags))
    versions = parsed_tags.versions
    if tag not in parsed_tags.tags:
        parsed_versions = [*parsed_tags.parsed_versions]
        insort(parsed_versions, version, key=_get_tag)
        versions = _resolve_versions(parsed_versions)
    return versions.get(tag), versions.values()


@lru_cache(maxsize=1)
def _parse_tags(available_tags: tuple[str, ...]) -> _ParsedTags:
    """Parse all tags of a repository.

    The last result is kept, because several tags of one repository are looked up one after the other.
    """
    tags = frozenset(available_tags)
    parsed_versions = tuple(version for tag in sorted(tags) if (version := parse_tag(tag)) is not None)
    return _ParsedTags(tags, parsed_versions, _resolve_versions(parsed_versions))


def _resolve_versions(parsed_versions: Sequence[TagVersion]) -> Mapping[str, TagVersion]:
    """Return the versions by tag, after deciding whether ambiguous numbers are build numbers.

    The last number of a tag such as `3.2-18` is ambiguous: 18 may be a build number, or the version of another product,
    which an update must not change. The number is treated as a build number if another tag of the family has a number
    at this place that can only be a build number. Such numbers are 0, 1, and all from 100 on.
    """
    build_counting_skeletons = {version.skeleton for version in parsed_versions if _has_certain_build_count(version)}
    final_versions = (
        version if version.skeleton in build_counting_skeletons else _resolve_ambiguous_build(version)
        for version in parsed_versions
    )
    return {version.tag: version for version in final_versions if version is not None}


def _get_tag(version: TagVersion) -> str:
    return version.tag


def _has_certain_build_count(version: TagVersion) -> bool:
    last = version.builds[-1] if version.builds else ()
    return len(last) == 1 and (last[0] in _FIRST_BUILDS or last[0] >= _MANY_BUILDS)


def _resolve_ambiguous_build(version: TagVersion) -> TagVersion | None:
    if version.builds and is_ambiguous_build(len(version.numbers), version.builds[-1]):
        return parse_tag(version.tag, allow_ambiguous_builds=False)
    return version


def is_same_family(tag: str, other: str) -> bool:
    """Return True if two tags differ only in their version, such as `3.11-slim` and `3.12.4-slim`.

    The release of the operating system may differ, as in `3.11-alpine3.18` and `3.12-alpine3.19`.
    """
    version, other_version = parse_tag(tag), parse_tag(other)
    return version is not None and other_version is not None and version.skeleton == other_version.skeleton


def filter_relatives(written: TagVersion, available_versions: Iterable[TagVersion]) -> tuple[TagVersion, ...]:
    """Return the versions that can be compared with `written`, the version in the file.

    These versions have the same prefix, suffix, scheme and count of numbers. Releases of operating systems may differ,
    as in `3.11-alpine3.18` and `3.12-alpine3.19`.

    A version with zero-padded numbers (`20.04`) cannot be compared with a version without them (`5.2`), because a
    repository that contains both has changed from one scheme to the other. `20.10` has no leading zero, but belongs to
    the zero-padded scheme because its numbers have as many digits as those of `20.04`.

    If the repository contains both `19.03` and `27.3`, the number of digits proves nothing, because `20.10` may belong
    to either scheme. In such a repository, only versions with a leading zero belong to the zero-padded scheme.
    """
    related_versions = [version for version in available_versions if version.is_related(written)]
    padding_schemes = {
        prefix: True for version in (*related_versions, written) if (prefix := _get_padded_widths(version))
    }
    if not padding_schemes:
        return tuple(related_versions)
    for prefix in padding_schemes:
        padding_schemes[prefix] = not any(_has_unpadded_number(version, prefix) for version in related_versions)
    written_padding = _get_padding_scheme(written, padding_schemes)
    return tuple(
        version for version in related_versions if _get_padding_scheme(version, padding_schemes) == written_padding
    )


def _get_padded_widths(version: TagVersion) -> tuple[int, ...]:
    """Return the digit counts of a version's numbers, up to the last number with a leading zero.

    For `20.04.1`, the result is (2, 2), the digit counts of `20` and `04`. The result is empty if no number has a
    leading zero. For dates such as `2024-05-30`, the result is always empty: their leading zeros are normal, and do not
    show that a tag belongs to a different series of tags.
    """
    if version.scheme not in {VersionScheme.NUMBERS, VersionScheme.YEAR}:
        return ()
    padded = [
        index
        for index, (number, width) in enumerate(zip(version.numbers, version.widths, strict=True))
        if len(str(number)) < width
    ]
    return version.widths[: padded[-1] + 1] if padded else ()


def _has_unpadded_number(version: TagVersion, prefix: tuple[int, ...]) -> bool:
    *start, last = prefix
    return list(version.widths[: len(start)]) == start and version.widths[len(start)] < last


def _get_padding_scheme(version: TagVersion, padding_schemes: Mapping[tuple[int, ...], bool]) -> tuple[int, ...]:
    """Return the digit counts that identify the zero-padded scheme of a version: (2, 2) for `20.04` and `20.10`.

    The result is empty if the version does not belong to a zero-padded scheme (see `filter_relatives`). The keys of
    `padding_schemes` are the digit counts of each zero-padded scheme in the repository. The value is True if every
    version with these digit counts belongs to the scheme. The value is False if a version needs a leading zero to
    belong to it, because the repository also contains versions such as `27.3`.
    """
    padded_widths = _get_padded_widths(version)
    matching_prefixes = (
        prefix
        for prefix, is_width_enough in padding_schemes.items()
        if version.widths[: len(prefix)] == prefix and (is_width_enough or padded_widths[: len(prefix)] == prefix)
    )
    return max(matching_prefixes, default=())
