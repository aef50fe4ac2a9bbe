"""Template data for the differences in the contents of two images: packages, configuration and source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import assert_never

from bot.core.evidence.image_changes import (
    ImageAspect,
    SourceOrigin,
    build_source_comparison,
    determine_origin,
    has_become_root,
    list_aspect_changes,
)
from bot.core.markdown import Link, Plain, Text, truncate_list
from bot.core.sizes import format_size, format_size_change
from bot.model.contents import PackageChange, PackageChangeKind, TransitionContents
from bot.model.source_changes import SourceChanges, UnknownSourceChanges

MAX_LIST_ITEMS = 20
"""Limit for the removed and for the added items that are shown of one list in an image's config."""
MAX_VERSIONS = 5
"""Limit for the versions that are shown of one package."""
MAX_RELEASE_LINES = 30
"""Limit for the lines of release notes that are shown."""
MAX_LINE_LENGTH = 200
"""Limit for the characters that are shown of a line of release notes."""


@dataclass(frozen=True, slots=True)
class PackageView:
    """One package that differs between both images."""

    change: PackageChangeKind
    """`added`, `removed`, `upgraded`, `downgraded`, or `changed` if the versions cannot be ordered."""
    type: Text
    name: Text
    old: tuple[Text | Plain, ...]
    """The versions in the old image; empty for an added package.

    A long list is shortened, and begins with the number of omitted versions, such as `3 others`.
    """
    new: tuple[Text | Plain, ...]


@dataclass(frozen=True, slots=True)
class ChangeCountView:
    """The number of packages with one kind of change, for example the number of upgraded packages."""

    change: PackageChangeKind
    count: int


@dataclass(frozen=True, slots=True)
class PackagesView:
    """The packages that differ between both images."""

    counts: tuple[ChangeCountView, ...]
    """The number of packages for each kind of change that occurs."""
    rows: tuple[PackageView, ...]
    """The packages that differ, with downgraded packages first. The list may have been truncated."""
    cut: int
    """The number of rows that were left out."""


@dataclass(frozen=True, slots=True)
class AspectView:
    """One property in which the old and the new image differ, such as the user or the environment variables.

    If the property is a list, `old` contains the removed items and `new` the added items. A long list is truncated and
    ends with the number of omitted items.
    """

    aspect: ImageAspect
    old: tuple[Text | Plain, ...]
    new: tuple[Text | Plain, ...]


@dataclass(frozen=True, slots=True)
class ReleaseView:
    """The release of the new version, from the forge that hosts the source."""

    link: Link
    """A link to the page of the release, with its name."""
    lines: tuple[Text, ...]
    """The first lines of the release notes, without empty lines."""
    cut: int
    """The number of lines that were left out."""


@dataclass(frozen=True, slots=True)
class ContentsView:
    """The differences between the contents of both images."""

    aspects: tuple[AspectView, ...]
    becomes_root: bool
    """True if only the newer image starts as root. Clusters that forbid root do not run such an image."""
    old_size: Plain
    """The download size of the old image (all layers, compressed)."""
    new_size: Plain
    size_change: Plain
    """The difference of the download sizes, such as `+6.4 MB`; `same size` if there is none."""
    is_twice_as_large: bool
    """True if the download size of the new image is at least twice that of the old image."""
    origin: SourceOrigin
    """How the source of the image changed: `rebuilt` (same revision), `changed` (other revision), `moved` (other source
    repository), or `unknown`.
    """
    source: Text | None
    """The source repository, such as `github.com/acme/image`; None if there is no comparison of its revisions."""
    comparison: Link | None
    """A link to a comparison of both source revisions; None if there is no such comparison.

    If the changes of the source were looked up, the label is the number of commits.
    """
    release: ReleaseView | None = None
    """The release of the new version; None if it was not looked up, or if there is none."""
    unknown_changes: Plain | None = None
    """Why the source changes are unknown although the config sets `source_changes`; None if they are known."""
    unknown_release: Plain | None = None
    """Why only the release is unknown; None if it is known, or if the source changes are unknown, too."""


_COMMANDS = frozenset({ImageAspect.ENTRYPOINT, ImageAspect.COMMAND})
_CHANGE_ORDER = (
    PackageChangeKind.DOWNGRADED,
    PackageChangeKind.CHANGED,
    PackageChangeKind.UPGRADED,
    PackageChangeKind.ADDED,
    PackageChangeKind.REMOVED,
)


def build_packages_view(changes: Iterable[PackageChange], rows: int) -> PackagesView:
    """Return the data on package changes. The list has at most `rows` rows."""
    found = sorted(changes, key=lambda each: (_CHANGE_ORDER.index(each.kind), each.type, each.name))
    counted = Counter(each.kind for each in found)
    return PackagesView(
        counts=tuple(ChangeCountView(change, counted[change]) for change in _CHANGE_ORDER if counted[change]),
        rows=tuple(
            PackageView(
                each.kind,
                Text(each.type),
                Text(each.name),
                list_latest_versions(each.old),
                list_latest_versions(each.new),
            )
            for each in found[:rows]
        ),
        cut=max(0, len(found) - rows),
    )


def list_latest_versions(versions: Sequence[str]) -> tuple[Text | Plain, ...]:
    """Return the highest MAX_VERSIONS of `versions`, which must be sorted in ascending order.

    If versions are left out, the result begins with their number, such as `3 others`.
    """
    earlier = len(versions) - MAX_VERSIONS
    return (*([Plain(f"{earlier} others")] if earlier > 0 else []), *map(Text, versions[-MAX_VERSIONS:]))


def build_contents_view(contents: TransitionContents | None, rows: int) -> ContentsView | None:
    """Return the data on the differences between both images, or None if the contents of either image are unknown.

    Each list has at most `rows` items.
    """
    changes = list_aspect_changes(contents)
    if changes is None or contents is None or contents.old is None or contents.new is None:
        return None
    source_comparison, found = build_source_comparison(contents), contents.source_changes
    release_failure = found.release_failure if isinstance(found, SourceChanges) else None
    return ContentsView(
        aspects=tuple(
            AspectView(each.aspect, *(_show_words(each.aspect, words, rows) for words in (each.old, each.new)))
            for each in changes
        ),
        becomes_root=has_become_root(contents),
        old_size=Plain(format_size(contents.old.size)),
        new_size=Plain(format_size(contents.new.size)),
        size_change=Plain(format_size_change(contents.new.size - contents.old.size)),
        is_twice_as_large=contents.new.size >= 2 * contents.old.size > 0,
        origin=determine_origin(contents),
        source=Text(f"{source_comparison.host}/{source_comparison.repository}") if source_comparison else None,
        comparison=Link(_describe_changes(contents), source_comparison.url) if source_comparison is not None else None,
        release=_build_release_view(contents, min(rows, MAX_RELEASE_LINES)),
        unknown_changes=Plain(found.reason) if isinstance(found, UnknownSourceChanges) else None,
        unknown_release=Plain(release_failure) if release_failure is not None else None,
    )


def _show_words(aspect: ImageAspect, words: Sequence[str], rows: int) -> tuple[Text | Plain, ...]:
    """Return the values of a property. A command with its arguments is a single text."""
    if aspect in _COMMANDS and words:
        return (Text(" ".join(words)),)
    return truncate_list(words, min(rows, MAX_LIST_ITEMS))


def _describe_changes(contents: TransitionContents) -> Plain:
    """Return the label of the link to the changes of the source: the number of commits, if it is known."""
    match contents.source_changes:
        case SourceChanges(commits=count, is_lower_bound=is_lower_bound, dropped_commits=dropped):
            commits = f"{count}{' or more' if is_lower_bound else ''} commit{'' if count == 1 else 's'}"
            return Plain(f"{commits}, and {dropped} of the old image dropped" if dropped else commits)
        case UnknownSourceChanges() | None:
            return Plain("what changed")
        case _:
            assert_never(contents.source_changes)


def _build_release_view(contents: TransitionContents, lines: int) -> ReleaseView | None:
    release = contents.source_changes.release if isinstance(contents.source_changes, SourceChanges) else None
    if release is None:
        return None
    return ReleaseView(
        Link(Text(release.name), release.url),
        tuple(Text(line, MAX_LINE_LENGTH) for line in release.lines[:lines]),
        release.cut + max(0, len(release.lines) - lines),
    )
