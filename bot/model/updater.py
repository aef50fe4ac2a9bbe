"""What a repository tells other bots that move its images: Dependabot and Renovate."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Move(StrEnum):
    """How an image can be moved; the words are Renovate's."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"
    DIGEST = "digest"
    """The digest in the file becomes the one that its tag points to."""
    PIN_DIGEST = "pinDigest"
    """A digest is written where there is none."""


@dataclass(frozen=True, slots=True)
class IgnoredImages:
    """Images that Dependabot is not to move."""

    name: str
    """A name without its registry, with `*` for anything."""
    moves: frozenset[Move] = frozenset(Move)


@dataclass(frozen=True, slots=True)
class DependabotUpdate:
    """One entry of a `dependabot.yml` that may be about images."""

    line_number: int
    ecosystem: str
    """`docker`, `docker-compose` or `helm`."""
    folders: tuple[str, ...]
    """Globs, from the top of the tree, which has no name."""
    branch: str | None = None
    """The one that it is for; None for the default branch."""
    allowed: tuple[str, ...] = ()
    """Names like those that are ignored; all images where there are none."""
    ignored: tuple[IgnoredImages, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveSettings:
    """What Renovate is told of moves, by something that may be silent about it; None where it is."""

    enabled: bool | None = None
    pin_digests: bool | None = None
    of_moves: tuple[tuple[Move, bool], ...] = ()
    """Moves that are switched on or off by themselves, the last word on each last."""


@dataclass(frozen=True, slots=True)
class PackageRule:
    """A rule of Renovate's, for what all of its matchers describe."""

    settings: MoveSettings
    managers: tuple[str, ...] | None = None
    """Patterns, as of all matchers; None where there is no such matcher."""
    datasources: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    files: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
    branches: tuple[str, ...] | None = None
    moves: tuple[str, ...] | None = None
    is_certain: bool = True
    """Whether these are all of its matchers; else it may be for less than they describe."""


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """What Renovate is told of one of its managers, which read files of one kind."""

    manager: str
    settings: MoveSettings = MoveSettings()
    patterns: tuple[str, ...] = ()
    """Files that it reads besides those that it always does."""
    ignored_paths: tuple[str, ...] | None = None
    included_paths: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class RenovateSettings:
    """What a repository tells Renovate, its presets included as far as they are known."""

    settings: MoveSettings = MoveSettings()
    managers: tuple[ManagerSettings, ...] = ()
    """At most one for each."""
    enabled_managers: tuple[str, ...] = ()
    """Only these, unless there are none."""
    ignored_paths: tuple[str, ...] = ()
    included_paths: tuple[str, ...] = ()
    """Only these, unless there are none."""
    ignored_names: tuple[str, ...] = ()
    rules: tuple[PackageRule, ...] = ()
    """A later one overrules those before it."""
    branches: tuple[str, ...] = ()
    """Patterns; the default branch alone where there are none."""
    searched: tuple[str, ...] = ()
    """Patterns of files in which expressions of the repository's own find images."""
    unread: tuple[str, ...] = ()
    """Presets that are elsewhere."""
    spoken_of: frozenset[str] = frozenset()
    """Managers and datasources that rules name, whatever those say: whoever writes such a rule has them in use."""
