"""Differences between two images apart from their packages: configuration, platforms and source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.model.contents import ImageConfig, ImageContents, TransitionContents
from bot.model.source_changes import GITHUB_HOST, GITLAB_HOST, SourceComparison


class ImageAspect(StrEnum):
    """A property in which two images are compared."""

    USER = "user"
    ENTRYPOINT = "entrypoint"
    COMMAND = "command"
    FOLDER = "working directory"
    ENVIRONMENT = "environment"
    PORTS = "ports"
    VOLUMES = "volumes"
    STOP_SIGNAL = "stop signal"
    VERSION = "version"
    PLATFORMS = "platforms"


@dataclass(frozen=True, slots=True)
class AspectChange:
    """A property in which two images differ.

    If the property is a list of independent items, such as ports, `old` contains only the removed items, and `new` only
    the added items. For any other property, they contain the whole values.
    """

    aspect: ImageAspect
    old: tuple[str, ...]
    new: tuple[str, ...]


class SourceOrigin(StrEnum):
    """The relation between the source code of two images, according to the labels of the images."""

    REBUILT = "rebuilt"
    """Both images were built from the same revision of the same source, so only installed packages changed."""
    CHANGED = "changed"
    """The images were built from different revisions of the same source."""
    MOVED = "moved"
    """The images were built from different sources."""
    UNKNOWN = "unknown"


_SOURCE = re.compile(
    rf"https://(?P<host>{re.escape(GITHUB_HOST)}|{re.escape(GITLAB_HOST)})/"
    r"(?P<repository>[A-Za-z0-9][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}){1,5}?)"
    r"(?:\.git)?/?(?:#(?P<commit>[0-9a-f]{40})(?::\S*)?)?",
    re.ASCII,
)
"""Matches `org.opencontainers.image.source`. Docker's official images append the commit and a folder."""
_COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)

_WHOLE_VALUE_ASPECTS: dict[ImageAspect, Callable[[ImageConfig], tuple[str, ...]]] = {
    ImageAspect.USER: lambda config: (config.user,) if config.user else (),
    ImageAspect.ENTRYPOINT: lambda config: config.entrypoint,
    ImageAspect.COMMAND: lambda config: config.command,
    ImageAspect.FOLDER: lambda config: (config.folder,) if config.folder else (),
    ImageAspect.STOP_SIGNAL: lambda config: (config.stop_signal,) if config.stop_signal else (),
}
_LIST_ASPECTS: dict[ImageAspect, Callable[[ImageConfig], tuple[str, ...]]] = {
    ImageAspect.ENVIRONMENT: lambda config: config.environment,
    ImageAspect.PORTS: lambda config: config.ports,
    ImageAspect.VOLUMES: lambda config: config.volumes,
}
ROOT = "root"
_ROOT_USERS = frozenset({"", "0", ROOT})


def list_aspect_changes(contents: TransitionContents | None) -> tuple[AspectChange, ...] | None:
    """Return the properties in which two images differ; None if the contents of an image are unknown."""
    both_contents = _get_both_contents(contents)
    if both_contents is None:
        return None
    old, new = both_contents
    whole = [AspectChange(aspect, of(old.config), of(new.config)) for aspect, of in _WHOLE_VALUE_ASPECTS.items()]
    lists = [_compare_lists(aspect, of(old.config), of(new.config)) for aspect, of in _LIST_ASPECTS.items()]
    versions = AspectChange(ImageAspect.VERSION, tuple(filter(None, [old.version])), tuple(filter(None, [new.version])))
    platforms = (
        _compare_lists(ImageAspect.PLATFORMS, old.platforms, new.platforms) if old.platforms and new.platforms else None
    )
    candidates = [*whole, *lists, versions, *([platforms] if platforms else [])]
    return tuple(each for each in candidates if each.old != each.new)


def _compare_lists(aspect: ImageAspect, old: Sequence[str], new: Iterable[str]) -> AspectChange:
    removed, added = [each for each in old if each not in set(new)], [each for each in new if each not in old]
    return AspectChange(aspect, tuple(removed), tuple(added))


def has_become_root(contents: TransitionContents | None) -> bool:
    """Return True if the new image starts as root, but the old image did not.

    Kubernetes may then refuse to run the new image.
    """
    both = _get_both_contents(contents)
    if both is None:
        return False
    old, new = map(_get_user, both)
    return old not in _ROOT_USERS and new in _ROOT_USERS


def _get_user(contents: ImageContents) -> str:
    """Return the user that an image starts as, without the group."""
    return contents.config.user.partition(":")[0]


def determine_origin(contents: TransitionContents | None) -> SourceOrigin:
    """Return the relation between the source code of two images, from the source and revision in their labels.

    The result is only a hint. An image inherits the labels of its base image, and may therefore state the source of its
    base.
    """
    both = _get_both_contents(contents)
    if both is None:
        return SourceOrigin.UNKNOWN
    old, new = map(_get_source_state, both)
    if old is None or new is None:
        return SourceOrigin.UNKNOWN
    if old[0] != new[0]:
        return SourceOrigin.MOVED
    return SourceOrigin.REBUILT if old == new else SourceOrigin.CHANGED


def build_source_comparison(contents: TransitionContents | None) -> SourceComparison | None:
    """Return the comparison of the source commits of two images.

    Return None if an image does not state a commit on GitHub or GitLab, if the repositories differ, or if the commits
    are equal.
    """
    both = _get_both_contents(contents)
    if both is None:
        return None
    old, new = map(_parse_source, both)
    if old is None or new is None or old[0] != new[0] or old[1] == new[1]:
        return None
    (host, repository), old_commit = old
    return SourceComparison(host, repository, old_commit, new[1])


def get_new_version(contents: TransitionContents | None) -> str | None:
    """Return the version that the new image states; None if it has no version, or the same version as the old image."""
    both = _get_both_contents(contents)
    return both[1].version if both is not None and both[0].version != both[1].version else None


def _get_source_state(contents: ImageContents) -> tuple[str, str] | None:
    """Return the source and the revision that an image states; None if one of them is missing."""
    address = _parse_source(contents)
    if address is not None:
        return "/".join(address[0]), address[1]
    if contents.source is None or contents.revision is None:
        return None
    return contents.source, contents.revision


def _parse_source(contents: ImageContents) -> tuple[tuple[str, str], str] | None:
    """Return the source of an image as `((host, repository), commit)`.

    Return None if the image does not state a repository on GitHub or GitLab and a full commit hash.
    """
    match = _SOURCE.fullmatch(contents.source or "")
    if match is None:
        return None
    commit = match["commit"] or contents.revision or ""
    if not _COMMIT.fullmatch(commit) or (match["host"] == GITHUB_HOST and match["repository"].count("/") != 1):
        return None
    return (match["host"], match["repository"].removesuffix(".git")), commit


def _get_both_contents(contents: TransitionContents | None) -> tuple[ImageContents, ImageContents] | None:
    """Return the contents of the old and the new image; None if the contents of one of them are unknown."""
    if contents is None or contents.old is None or contents.new is None:
        return None
    return contents.old, contents.new
