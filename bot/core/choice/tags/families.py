"""Tag families: the tags of a repository that differ only in their version, such as `3.11-slim` and `3.12.4-slim`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.choice.tags.parsing import parse_tag
from bot.core.choice.tags.patterns import is_ambiguous_build
from bot.core.choice.tags.version import TagVersion, VersionScheme

_FIRST_BUILDS = range(2)
_MANY_BUILDS = 100
"""A number below or above these limits is never the version of another product, so a family with such numbers counts
builds."""


def parse_versions(available_tags: Iterable[str]) -> tuple[TagVersion, ...]:
    """Parse all tags that have a version, each once, in an order that does not depend on the registry.

    The number 18 in `3.2-18` may be a build number, or the version of another product that an update must not change.
    It is treated as a build number only if other tags of the family end in a number that must be a build number, such
    as 0, 1 or 100.
    """
    parsed_versions = [version for tag in sorted(set(available_tags)) if (version := parse_tag(tag)) is not None]
    build_counting_skeletons = {version.skeleton for version in parsed_versions if _has_certain_build_count(version)}
    final_versions = (
        version if version.skeleton in build_counting_skeletons else _resolve_ambiguous_build(version)
        for version in parsed_versions
    )
    return tuple(version for version in final_versions if version is not None)


def parse_tag_among(tag: str, available_tags: Iterable[str]) -> tuple[TagVersion | None, tuple[TagVersion, ...]]:
    """Parse `tag` together with the other tags of its repository, which show whether its last number counts builds.

    Return the version of `tag` and the versions of all tags. If `tag` has no version, return None and no versions.
    """
    if parse_tag(tag) is None:
        return None, ()
    all_versions = parse_versions((*available_tags, tag))
    return next((version for version in all_versions if version.tag == tag), None), all_versions


def _has_certain_build_count(version: TagVersion) -> bool:
    last = version.builds[-1] if version.builds else ()
    return len(last) == 1 and (last[0] in _FIRST_BUILDS or last[0] >= _MANY_BUILDS)


def _resolve_ambiguous_build(version: TagVersion) -> TagVersion | None:
    if version.builds and is_ambiguous_build(len(version.numbers), version.builds[-1]):
        return parse_tag(version.tag, allow_ambiguous_builds=False)
    return version


def is_same_family(tag: str, other: str) -> bool:
    """Return True if two tags differ only in their version, such as `3.11-slim` and `3.12.4-slim`.

    The release of the operating system in the tag may differ as well.
    """
    version, other_version = parse_tag(tag), parse_tag(other)
    return version is not None and other_version is not None and version.skeleton == other_version.skeleton


def filter_relatives(written: TagVersion, available_versions: Iterable[TagVersion]) -> tuple[TagVersion, ...]:
    """Return the versions that have the same prefix, suffix, scheme and count of numbers as `written`.

    The releases of operating systems in the tags may differ.

    A version with zero-padded numbers is not related to one without, because repositories keep the tags of abandoned
    schemes. `20.10` has as many digits as `20.04` and therefore belongs to the same scheme, but `5.2` does not.

    If a repository has both `19.03` and `27.3`, the number of digits proves nothing. In this case, only tags with a
    leading zero belong to the zero-padded scheme, so `20.10` does not.
    """
    related_versions = [version for version in available_versions if version.is_related(written)]
    padding_schemes = {
        prefix: True for version in (*related_versions, written) if (prefix := _get_padded_widths(version))
    }
    for prefix in padding_schemes:
        padding_schemes[prefix] = not any(_has_unpadded_number(version, prefix) for version in related_versions)
    written_padding = _get_padding_scheme(written, padding_schemes)
    return tuple(
        version for version in related_versions if _get_padding_scheme(version, padding_schemes) == written_padding
    )


def _get_padded_widths(version: TagVersion) -> tuple[int, ...]:
    """Return the digit count of each number up to the last zero-padded number, such as (2, 2) for `20.04.1`.

    The result is empty if no number is zero-padded. It is also empty for schemes such as dates, in which any number may
    be zero-padded.
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
    """Return the zero-padded scheme of a version, as the digit counts of its leading numbers.

    The result is empty if the version belongs to no such scheme. The keys of `padding_schemes` are the digit counts of
    all zero-padded schemes. If the value is True, every version with these digit counts belongs to the scheme. If it is
    False, the version must contain a leading zero as well.
    """
    padded_widths = _get_padded_widths(version)
    matching_prefixes = (
        prefix
        for prefix, is_width_enough in padding_schemes.items()
        if version.widths[: len(prefix)] == prefix and (is_width_enough or padded_widths[: len(prefix)] == prefix)
    )
    return max(matching_prefixes, default=())
