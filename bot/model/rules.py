"""What the operator's rules say, word for word: what holds at a place is a Policy, which is made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date, timedelta

    from bot.model.evidence import Severity, Urgency
    from bot.model.modes import OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
    from bot.model.pace import Schedule
    from bot.model.vocabulary import Reason, Role


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
class Automerge:
    """Under which conditions the forge may merge a proposal by itself; all of them."""

    max_update: UpdateMode
    """How far the farthest of its images may move."""
    require_scan: bool = True
    """Whether what it moves to must have been scanned."""
    no_new: bool = True
    """Whether it must be known that it brings no vulnerability."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many vulnerabilities of one severity an update may bring."""

    severity: Severity
    most: int


@dataclass(frozen=True, slots=True)
class OpenWhen:
    """What makes an update worth the attention of people; either of it."""

    fixes: Urgency
    """The least severity that it must fix one of, `UNKNOWN` for anything; or that it must be known to be exploited."""
    or_older_than: timedelta | None = None
    """How old the image in use may become before it is replaced whatever that fixes."""


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
    require_signature: bool | None = None
    allow_introduced: tuple[Allowance, ...] | None = None
    open_when: OpenWhen | None = None
    when_unknown: WhenUnknown | None = None
    allow: tuple[Reason, ...] | None = None
    accept: tuple[Accepted, ...] | None = None
    min_age: timedelta | None = None
    platforms: tuple[str, ...] | None = None
    os_variants: bool | None = None
    replace_ended: bool | None = None
    bypass_min_age_for: tuple[Urgency, ...] | None = None
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
class EndOfLife:
    """The operator's word on when support for some tags of an image ends. Texts are globs over the whole value."""

    image: str
    tag: str
    date: date
    """The last day of support."""
    successor: str | None = None
    """The tag to move to."""
