"""Tag families: the tags of a repository that differ only in their version."""

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
    """Parse each distinct tag, in an order that does not depend on the registry.

    Tags without a version are left out. A number such as 18 in `3.2-18` counts builds only if other tags of the family
    show this. Otherwise it is treated as the version of another product, which must stay the same.
    """
    parsed_versions = [version for tag in sorted(set(available_tags)) if (version := parse_tag(tag)) is not None]
    build_counting_skeletons = {version.skeleton for version in parsed_versions if _has_certain_build_count(version)}
    final_versions = (
        version if version.skeleton in build_counting_skeletons else _resolve_ambiguous_build(version)
        for version in parsed_versions
    )
    return tuple(version for version in final_versions if version is not None)


def parse_tag_among(tag: str, available_tags: Iterable[str]) -> tuple[TagVersion | None, tuple[TagVersion, ...]]:
    """Parse `tag` together with all available tags.

    Return the version of `tag` and all versions, or None and no versions if `tag` has no version.
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
        return parse_tag(version.tag, counts_builds=False)
    return version


def is_same_family(tag: str, other: str) -> bool:
    """Return True if both tags have the same prefix, suffix and scheme. Their precision may differ."""
    version, other_version = parse_tag(tag), parse_tag(other)
    return version is not None and other_version is not None and version.skeleton == other_version.skeleton


def filter_relatives(written: TagVersion, available_versions: Iterable[TagVersion]) -> tuple[TagVersion, ...]:
    """Return the versions that have the prefix, suffix, scheme and precision of `written`.

    Their operating systems may differ.

    Publishers leave tags of abandoned schemes in a repository, so numbers with leading zeros are a scheme of their own.
    If `20.04` is a tag, then `20.10` has the same widths and is in the same scheme, but `5.2.3` is not. Widths alone
    are not enough if the repository also has tags with the same beginning and a shorter number (`27.3` next to
    `19.03`). Then `20.10` counts as a tag without leading zeros.
    """
    related_versions = [version for version in available_versions if version.is_related(written)]
    zeros = {prefix: True for version in (*related_versions, written) if (prefix := _get_padded_widths(version))}
    for prefix in zeros:
        zeros[prefix] = not any(_has_unpadded_number(version, prefix) for version in related_versions)
    written_padding = _get_padding_scheme(written, zeros)
    return tuple(version for version in related_versions if _get_padding_scheme(version, zeros) == written_padding)


def _get_padded_widths(version: TagVersion) -> tuple[int, ...]:
    """Return the widths of the numbers up to the last one with a leading zero.

    Empty if no number has a leading zero, and for dates, in which any number may have one.
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


def _get_padding_scheme(version: TagVersion, zeros: Mapping[tuple[int, ...], bool]) -> tuple[int, ...]:
    """Return the prefix of widths by which a version belongs to a scheme with leading zeros; empty if it does not.

    `zeros` contains the prefix of each such scheme. Its values say whether equal widths are enough to belong to the
    scheme. If not, the version itself must have leading zeros.
    """
    padded_widths = _get_padded_widths(version)
    matching_prefixes = (
        prefix
        for prefix, by_width in zeros.items()
        if version.widths[: len(prefix)] == prefix and (by_width or padded_widths[: len(prefix)] == prefix)
    )
    return max(matching_prefixes, default=())
