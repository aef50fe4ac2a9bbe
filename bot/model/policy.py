"""What the operator wants: rules over images and places."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.model.hosts import PURGING_HOSTS
from bot.model.vocabulary import Reason, Role

if TYPE_CHECKING:  # fields name it, and nothing here makes one: a start pays only for what it uses
    from bot.model.evidence import Severity
    from bot.model.pace import Schedule


class UpdateMode(StrEnum):
    """How far an image may move."""

    NONE = "none"
    DIGEST = "digest"
    PATCH = "patch"
    MINOR = "minor"
    MAJOR = "major"


class SplitBy(StrEnum):
    """How far one line or group is cut into proposals of their own."""

    NOTHING = "nothing"
    FOLDER = "folder"


class OnClose(StrEnum):
    """What a person declines by closing a proposal."""

    DIGEST = "digest"
    """Exactly what it proposed; what comes next is offered."""
    LINE = "line"
    """All that its lines will ever point to, until that is pressing."""


class Rebase(StrEnum):
    """When a proposal is built anew because its base moved on."""

    AUTO = "auto"
    """Where it conflicts, and where the forge merges only what is up to date."""
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Automerge:
    """Under which conditions the forge may merge a proposal by itself; all of them."""

    max_update: UpdateMode
    """How far the farthest of its images may move."""
    require_scan: bool = True
    """Whether what it moves to must have been scanned."""
    no_new: bool = True
    """Whether it must be known that it brings no vulnerability."""


REFRESH_EVERY = timedelta(days=7)
"""How often a proposal that waits for people may change under them: each time costs an approval and a CI run."""


@dataclass(frozen=True, slots=True)
class Match:
    """A condition on a place; what is None or empty matches everything. Texts are globs over the whole value."""

    image: tuple[str, ...] = ()
    """Canonical repositories: `docker.io/library/*`."""
    path: tuple[str, ...] = ()
    format: tuple[str, ...] = ()
    role: Role | None = None
    repository: tuple[str, ...] = ()
    """Names of git repositories."""
    base_branch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A hold that somebody answers for."""

    reason: Reason
    owner: str
    because: str
    until: date
    """The last day on which it is accepted."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Keys that are set hold where `match` matches; None leaves the key to a later rule."""

    match: Match = field(default_factory=Match)
    update: UpdateMode | None = None
    pin: bool | None = None
    tag: str | None = None
    ignore: bool | None = None
    labels: tuple[str, ...] | None = None
    require_scan: bool | None = None
    allow: tuple[Reason, ...] | None = None
    accept: tuple[Accepted, ...] | None = None
    min_age: timedelta | None = None
    platforms: tuple[str, ...] | None = None
    os_variants: bool | None = None
    replace_ended: bool | None = None
    bypass_min_age_for: tuple[Severity, ...] | None = None
    group: str | None = None
    split_by: SplitBy | None = None
    refresh_every: timedelta | None = None
    paused: bool | None = None
    schedule: Schedule | None = None
    on_close: OnClose | None = None
    reviewers: tuple[str, ...] | None = None
    assignees: tuple[str, ...] | None = None
    milestone: str | None = None
    draft: bool | None = None
    automerge: Automerge | None = None
    rebase: Rebase | None = None
    mandatory: bool | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What holds at one place, after every key found its rule."""

    update: UpdateMode = UpdateMode.DIGEST
    pin: bool = True
    tag: str | None = None
    """The tag that an untagged reference follows."""
    ignore: bool = False
    labels: tuple[str, ...] = ()
    require_scan: bool = False
    allow: tuple[Reason, ...] = ()
    """Warnings that do not hold: places closed for one of these reasons are open."""
    accept: tuple[Accepted, ...] = ()
    """Holds that do not hold, for as long as somebody answers for them."""
    min_age: timedelta = timedelta()
    """How long a digest must have been known before it is taken."""
    platforms: tuple[str, ...] = ()
    """The platforms in use; empty for all that the held image has."""
    os_variants: bool = False
    """Whether a tag may move to the next release of the distribution that it names."""
    replace_ended: bool = False
    """Whether the successor of a line that has ended is proposed."""
    bypass_min_age_for: tuple[Severity, ...] = ()
    """A digest that fixes a vulnerability of one of these severities need not be old."""
    group: str | None = None
    """The proposal that it is part of, by its name; None for one of its line alone."""
    split_by: SplitBy = SplitBy.NOTHING
    """Whether each folder has a proposal of its own."""
    refresh_every: timedelta = REFRESH_EVERY
    """How often a proposal may move on though somebody accepted it, or though only time went by."""
    paused: bool = False
    """Whether nothing is proposed for now; what is open stays as it is."""
    schedules: tuple[Schedule, ...] = ()
    """All of them must allow that a proposal is opened."""
    on_close: OnClose = OnClose.DIGEST
    """What closing a proposal declines."""
    reviewers: tuple[str, ...] = ()
    """Who is asked to look at it: logins, and teams as `team:NAME`."""
    assignees: tuple[str, ...] = ()
    milestone: str | None = None
    """Its title."""
    draft: bool = False
    automerge: Automerge | None = None
    """When the forge may merge it by itself; None for never."""
    rebase: Rebase = Rebase.AUTO
    """When it is built anew because its base moved on."""
    mandatory: bool = False
    """Whether the repository itself, by its own file or by comments, can neither ignore the place nor slow it down."""
    names_own: bool = False
    """Whether a matching rule says `role: own`, without which own images are left alone."""


@dataclass(frozen=True, slots=True)
class EndOfLife:
    """The operator's word on when support for some tags of an image ends. Texts are globs over the whole value."""

    image: str
    tag: str
    date: date
    """The last day of support."""
    successor: str | None = None
    """The tag to move to."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All that selecting and deciding needs of the operator's config."""

    rules: tuple[Rule, ...] = ()
    inner: tuple[Rule, ...] = ()
    """Those of the repository's own file, which make stricter what the others say, and never laxer."""
    own: tuple[str, ...] | None = None
    """Globs of the operator's own images; None where it is not stated."""
    hosts: frozenset[str] = frozenset()
    """Registries that the operator listed."""
    purging: frozenset[str] = PURGING_HOSTS
    """Registries that delete what no tag points to, as far as it is known or declared."""
    end_of_life: tuple[EndOfLife, ...] = ()
