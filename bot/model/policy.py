"""What holds at one place, after every rule was asked, and all rules of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.model.hosts import PURGING_HOSTS
from bot.model.modes import REFRESH_EVERY, OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.vocabulary import Reason

if TYPE_CHECKING:  # fields name these, and nothing here makes one: a start pays only for what it uses
    from bot.model.evidence import Urgency
    from bot.model.pace import Schedule
    from bot.model.rules import Accepted, Allowance, Automerge, EndOfLife, OpenWhen, Rule
    from bot.model.trust import Trust


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
    require_signature: bool = False
    """Whether somebody who is trusted must have signed what a place moves to."""
    allow_introduced: tuple[Allowance, ...] = ()
    """How many vulnerabilities an update may bring; of a severity that is not named, any number."""
    open_when: OpenWhen | None = None
    """What makes it worth opening a proposal; None where anything newer is."""
    when_unknown: WhenUnknown | None = None
    """What becomes of it while nobody knows what it fixes and brings; None: it waits while that may change."""
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
    bypass_min_age_for: tuple[Urgency, ...] = ()
    """A digest that fixes a vulnerability of one of these kinds need not be old."""
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
    trust: tuple[Trust, ...] = ()
    """Who may sign which images; the first entry that is about an image counts."""
