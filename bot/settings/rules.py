"""The rules of the config file and of a repository's own file: every key, and the sentence that documents it."""

from __future__ import annotations

from pydantic import StrictBool

from bot.model.modes import OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.policy import Policy
from bot.model.vocabulary import Role
from bot.settings import fields, times, urgencies, words
from bot.settings.handling import Automerge, OpenWhen, Refresh, Schedule
from bot.settings.section import OneOrMore, Section, SomeOf


class Match(Section):
    """Which image references a rule applies to; all keys must match, and of a list at least one glob."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""
    path: OneOrMore[fields.PathGlob] | None = None
    """Globs over the path of the file in its repository: `**/Dockerfile`."""
    format: OneOrMore[fields.FormatGlob] | None = None
    """Globs over the name of the file format: `dockerfile`."""
    role: Role | None = None
    """`base`: used by Dockerfiles and CI; `third-party`: other people's software; `own`: your own builds."""
    repository: OneOrMore[fields.Glob] | None = None
    """Globs over the name of the git repository: `acme/*`."""
    base_branch: OneOrMore[fields.Glob] | None = None
    """Globs over the branch that proposals are made to."""


class Require(Section):
    """Evidence required before an update is proposed."""

    scan: StrictBool = Policy().require_scan
    """Whether an image that could not be scanned is refused."""
    signature: StrictBool = Policy().require_signature
    """Whether an image is refused unless a signer listed under `trust` signed it."""


class AllowIntroduced(Section):
    """How many new vulnerabilities an update may have, by severity; severities that are left out have no limit."""

    critical: fields.Most | None = None
    """The limit for critical ones."""
    high: fields.Most | None = None
    """The limit for high ones."""
    medium: fields.Most | None = None
    """The limit for medium ones."""
    low: fields.Most | None = None
    """The limit for low ones."""


class Accept(Section):
    """A hold, or a refusal because of scan results, that is accepted for some time."""

    hold: fields.Acceptable
    """The reason that is accepted."""
    owner: fields.Text
    """The person or team that answers for it."""
    reason: fields.Text
    """Why it is acceptable."""
    until: times.Day
    """The last day on which it is accepted."""


class InnerMatch(Section):
    """Which of its image references a rule applies to; all keys must match, and of a list at least one glob."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""
    path: OneOrMore[fields.PathGlob] | None = None
    """Globs over the path of the file: `**/Dockerfile`."""
    format: OneOrMore[fields.FormatGlob] | None = None
    """Globs over the name of the file format: `dockerfile`."""


class InnerRule(Section):
    """What a repository sets where `match` matches: it can make the operator's policy stricter, and never laxer."""

    match: InnerMatch = InnerMatch()
    """The image references that this rule applies to. Default: all."""
    update: UpdateMode | None = None
    """How far images may be updated; of this and the operator's value the more restrictive one applies."""
    pin: StrictBool | None = None
    """Whether a reference without a digest gets one, even if the operator's policy does not ask for it."""
    ignore: StrictBool | None = None
    """Whether the image reference is left unchanged."""
    paused: StrictBool | None = None
    """Whether nothing is proposed for now; open proposals stay as they are."""
    labels: tuple[fields.Label, ...] | None = None
    """Labels of the proposal, in addition to the operator's."""
    reviewers: tuple[words.Reviewer, ...] | None = None
    """Reviewers of the proposal, in addition to the operator's."""
    min_age: times.Age | None = None
    """The minimum age of a digest; of this and the operator's value the longer one applies."""
    group: words.Group | None = None
    """The name of a proposal that contains all updates with this group."""
    split_by: SplitBy | None = None
    """`folder`: each folder has a proposal of its own."""
    schedule: Schedule | None = None
    """When proposals may be opened; the operator's schedule must allow it as well."""
    require: Require | None = None
    """Evidence required before an update is proposed."""
    allow_introduced: AllowIntroduced | None = None
    """How many new vulnerabilities an update may have; of this and the operator's limits the lower one applies."""


class Rule(Section):
    """What applies to references that `match` matches; each key is that of the first matching rule that sets it."""

    match: Match = Match()
    """The image references that this rule applies to. Default: all."""
    update: UpdateMode | None = None
    """How far: `none`, to the tag's newest digest (`digest`), or to newer tags of its family. Default: `digest`."""
    pin: StrictBool | None = None
    """Whether a reference without a digest gets one. Default: `true`."""
    tag: fields.Tag | None = None
    """The tag that a reference without a tag follows. Default: none, and such a reference is left unchanged."""
    ignore: StrictBool | None = None
    """Whether the image reference is left unchanged. Default: `false`."""
    labels: tuple[fields.Label, ...] | None = None
    """Labels of the proposal. Default: none."""
    reviewers: tuple[words.Reviewer, ...] | None = None
    """Reviewers of the proposal: logins, and teams as `team:NAME`. Default: none."""
    assignees: tuple[words.Login, ...] | None = None
    """Assignees of the proposal: logins. Default: none."""
    milestone: fields.Text | None = None
    """The title of the proposal's milestone. Default: none."""
    draft: StrictBool | None = None
    """Whether the proposal is opened as a draft. Default: `false`."""
    automerge: Automerge | None = None
    """When the forge may merge the proposal by itself. Default: never."""
    rebase: Rebase | None = None
    """When an open proposal is rebuilt on a newer base branch. Default: `auto`, only if that is necessary."""
    allow: tuple[fields.Allowable, ...] | None = None
    """Reasons that do not apply here: references that would be skipped for them are updated. Default: none."""
    accept: SomeOf[Accept] | None = None
    """Holds and refusals that somebody accepts. Default: none."""
    min_age: times.Age | None = None
    """How long a digest must have been known to its registry or to `state`. Default: no minimum."""
    bypass_min_age_for: SomeOf[urgencies.UrgencyName] | None = None
    """Vulnerabilities (`kev`: exploited ones) for whose fix a younger digest is taken. Default: none."""
    platforms: SomeOf[fields.Platform] | None = None
    """The platforms in use. Default: those that the reference names, else all of the image in the file."""
    os_variants: StrictBool | None = None
    """Whether a tag may be updated to the next release of the distribution that it names. Default: `false`."""
    replace_ended: StrictBool | None = None
    """Whether the successor of a superseded tag is proposed. Default: `false`, and it is only reported."""
    group: words.Group | None = None
    """The name of a proposal that contains all updates with this group. Default: one proposal for each tag."""
    split_by: SplitBy | None = None
    """`folder`: each folder has a proposal of its own. Default: `nothing`."""
    refresh: Refresh | None = None
    """How often an open proposal may change. Default: every `7d`."""
    schedule: Schedule | None = None
    """When proposals may be opened. Default: always."""
    on_close: OnClose | None = None
    """What closing a proposal declines: its digests, or all updates of its tags (`line`). Default: `digest`."""
    paused: StrictBool | None = None
    """Whether nothing is proposed for now; open proposals stay as they are. Default: `false`."""
    require: Require | None = None
    """Evidence required before an update is proposed. Default: none."""
    allow_introduced: AllowIntroduced | None = None
    """How many new vulnerabilities an update may have. Default: any number."""
    open_when: OpenWhen | None = None
    """Conditions for opening a proposal. Default: none, and every update is proposed."""
    when_unknown: WhenUnknown | None = None
    """Whether to open a proposal without scan results. Default: not while the next run may get them."""
    mandatory: StrictBool | None = None
    """Whether a repository's own file and comments can neither ignore nor delay its updates. Default: `false`."""
