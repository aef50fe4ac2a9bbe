"""Tag families: tags of a repository that differ in their version only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.core.choice.tags.parsing import parse_tag
from bot.core.choice.tags.patterns import is_ambiguous_build
from bot.core.choice.tags.version import TagVersion, VersionScheme

_FIRST_BUILDS = range(2)
_MANY_BUILDS = 100
"""Versions of other products are never so low or so high, so a family with such numbers counts builds."""


def parse_versions(available_tags: Iterable[str]) -> tuple[TagVersion, ...]:
    """Parse the tags, each once, in an order that does not depend on the registry.

    A number such as 18 in `3.2-18` counts builds only if other tags of the family show this. Otherwise it is treated
    as the version of another product, which must stay equal.
    """
    parsed_versions = [version for tag in sorted(set(available_tags)) if (version := parse_tag(tag)) is not None]
    build_counting_skeletons = {version.skeleton for version in parsed_versions if _has_certain_build_count(version)}
    final_versions = (
        version if version.skeleton in build_counting_skeletons else _resolve_ambiguous_build(version)
        for version in parsed_versions
    )
    return tuple(version for version in final_versions if version is not None)


def parse_tag_among(tag: str, available_tags: Iterable[str]) -> tuple[TagVersion | None, tuple[TagVersion, ...]]:
    """Parse `tag` and all available tags together; return None and no versions if `tag` has no version."""
    if parse_tag(tag) is None:
        return None, ()
    all_versions = parse_versions((*available_tags, tag))
    return next((version for version in all_versions if version.tag == tag), None), all_versions


def _has_certain_build_count(version: TagVersion) -> bool:
    last = version.builds[-1] if version.builds else ()
    return len(last) == 1 and (last[0] in _FIRST_BUILDS or last[0] >= _MANY_BUILDS)


def _resolve_ambiguous_build(version: TagVersion) -> TagVersion | None:
    if version.builds and is_ambiguous_build(len(version.numbers), version.builds[-1]):
        return parse_tag(version.tag, counts_builds=False)
    return version


def is_same_family(tag: str, other: str) -> bool:
    """Return True if both tags have the same prefix, suffix and scheme, at any precision."""
    version, other_version = parse_tag(tag), parse_tag(other)
    return version is not None and other_version is not None and version.skeleton == other_version.skeleton


def filter_relatives(written: TagVersion, available_versions: Iterable[TagVersion]) -> tuple[TagVersion, ...]:
    """Return the versions with the prefix, suffix, scheme and precision of `written`; operating systems may differ.

    If some tags have numbers with leading zeros (`20.04`), tags of the same widths (`20.10`) are of the same scheme,
    and `5.2.3` is of another: publishers leave tags of abandoned schemes in the repository. If other tags with the
    same beginning have no zeros (`27.3` next to `19.03`), `20.10` belongs to those.
    """
    related_versions = [version for version in available_versions if version.is_related(written)]
    zeros = {prefix: True for version in (*related_versions, written) if (prefix := _get_padded_widths(version))}
    for prefix in zeros:
        zeros[prefix] = not any(_has_unpadded_number(version, prefix) for version in related_versions)
    written_padding = _get_padding_scheme(written, zeros)
    return tuple(version for version in related_versions if _get_padding_scheme(version, zeros) == written_padding)


def _get_padded_widths(version: TagVersion) -> tuple[int, ...]:
    """Return the widths of the numbers up to the last with a leading zero; empty for dates, which may all have them."""
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


def _get_padding_scheme(version: TagVersion, zeros: Mapping[tuple[int, ...], bool]) -> tuple[int, ...]:
    """Return the widths that make a version part of a scheme with leading zeros; empty if it belongs to none.

    The values of `zeros` say whether equal widths are enough, or the version needs leading zeros itself.
    """
    padded_widths = _get_padded_widths(version)
    matching_prefixes = (
        prefix
        for prefix, by_width in zeros.items()
        if version.widths[: len(prefix)] == prefix and (by_width or padded_widths[: len(prefix)] == prefix)
    )
    return max(matching_prefixes, default=())
