"""The rules of the config file, and of a repository's own: every key, and the sentence that documents it."""

from __future__ import annotations

from pydantic import StrictBool

from bot.model.modes import OnClose, Rebase, SplitBy, UpdateMode, WhenUnknown
from bot.model.policy import Policy
from bot.model.vocabulary import Role
from bot.settings import fields, times, urgencies, words
from bot.settings.handling import Automerge, OpenWhen, Refresh, Schedule
from bot.settings.section import OneOrMore, Section, SomeOf


class Match(Section):
    """Which places a rule is about; all keys must match, and for a list one of its globs."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""
    path: OneOrMore[fields.PathGlob] | None = None
    """Globs over the path of the file in its repository: `**/Dockerfile`."""
    format: OneOrMore[fields.FormatGlob] | None = None
    """Globs over the name of the file format: `dockerfile`."""
    role: Role | None = None
    """What the image is to the repository: what it builds on, what others built, or its owner's own build."""
    repository: OneOrMore[fields.Glob] | None = None
    """Globs over the name of the git repository: `acme/*`."""
    base_branch: OneOrMore[fields.Glob] | None = None
    """Globs over the branch that proposals are made to."""


class Require(Section):
    """What must be there before an update is proposed."""

    scan: StrictBool = Policy().require_scan
    """Whether an image that could not be scanned is refused."""
    signature: StrictBool = Policy().require_signature
    """Whether an image is refused that nobody listed under `trust` has signed."""


class AllowIntroduced(Section):
    """How many vulnerabilities an update may bring, by their severity; of one that is left out, any number."""

    critical: fields.Most | None = None
    """How many critical ones."""
    high: fields.Most | None = None
    """How many high ones."""
    medium: fields.Most | None = None
    """How many medium ones."""
    low: fields.Most | None = None
    """How many low ones."""


class Accept(Section):
    """A hold, or a refusal for what scans say, that somebody answers for."""

    hold: fields.Acceptable
    """The reason that is accepted."""
    owner: fields.Text
    """Who answers for it."""
    reason: fields.Text
    """Why it is fine."""
    until: times.Day
    """The last day on which it is accepted."""


class InnerMatch(Section):
    """Which places of the repository a rule is about; all keys must match, and for a list one of its globs."""

    image: OneOrMore[fields.ImageGlob] | None = None
    """Globs over the canonical repository: `docker.io/library/*`."""
    path: OneOrMore[fields.PathGlob] | None = None
    """Globs over the path of the file: `**/Dockerfile`."""
    format: OneOrMore[fields.FormatGlob] | None = None
    """Globs over the name of the file format: `dockerfile`."""


class InnerRule(Section):
    """What the repository itself wants where `match` matches: stricter than the operator's word, and never laxer."""

    match: InnerMatch = InnerMatch()
    """Which places this rule is about. Absent: all of them."""
    update: UpdateMode | None = None
    """How far images may move; the nearer of this and the operator's holds."""
    pin: StrictBool | None = None
    """Whether a reference without a digest gets one, also where the operator's policy does not ask for it."""
    ignore: StrictBool | None = None
    """Whether the place is left alone."""
    paused: StrictBool | None = None
    """Whether nothing is proposed for now; what is open stays as it is."""
    labels: tuple[fields.Label, ...] | None = None
    """Labels for the proposal, besides the operator's."""
    reviewers: tuple[words.Reviewer, ...] | None = None
    """Who is asked to look at the proposal, besides those whom the operator asks."""
    min_age: times.Age | None = None
    """How long a digest must have been known; the longer of this and the operator's holds."""
    group: words.Group | None = None
    """The name of the one proposal in which all that says so goes together."""
    split_by: SplitBy | None = None
    """`folder`: each folder has a proposal of its own."""
    schedule: Schedule | None = None
    """When proposals may be opened; the operator's schedule must allow it, too."""
    require: Require | None = None
    """What is asked of an update before it is proposed."""
    allow_introduced: AllowIntroduced | None = None
    """How many vulnerabilities an update may bring; the fewer of this and the operator's hold."""


class Rule(Section):
    """What holds where `match` matches; for each key the first rule that matches and sets it wins."""

    match: Match = Match()
    """Which places this rule is about. Absent: all of them."""
    update: UpdateMode | None = None
    """How far: `none`, along its tag (`digest`), or to newer tags of its family. Where no rule says: `digest`."""
    pin: StrictBool | None = None
    """Whether a reference without a digest gets one. Where no rule says: `true`."""
    tag: fields.Tag | None = None
    """The tag that a reference without a tag follows. Where no rule says: it is left alone."""
    ignore: StrictBool | None = None
    """Whether the place is left alone. Where no rule says: `false`."""
    labels: tuple[fields.Label, ...] | None = None
    """Labels for the proposal. Where no rule says: none."""
    reviewers: tuple[words.Reviewer, ...] | None = None
    """Who is asked to look at the proposal: logins, and teams as `team:NAME`. Where no rule says: nobody."""
    assignees: tuple[words.Login, ...] | None = None
    """Whose job the proposal is. Where no rule says: nobody's."""
    milestone: fields.Text | None = None
    """The title of the milestone that the proposal is for. Where no rule says: none."""
    draft: StrictBool | None = None
    """Whether the proposal is opened as a draft. Where no rule says: `false`."""
    automerge: Automerge | None = None
    """When the forge may merge the proposal by itself. Where no rule says: never."""
    rebase: Rebase | None = None
    """When what is open is built anew on a base that moved on. Where no rule says: `auto`, where it has to be."""
    allow: tuple[fields.Allowable, ...] | None = None
    """Reasons that do not hold here: places that are skipped for one of them move. Where no rule says: none."""
    accept: SomeOf[Accept] | None = None
    """Holds that do not hold here, as long as somebody answers for them. Where no rule says: none."""
    min_age: times.Age | None = None
    """How long a digest must have been known, to its registry or to `state`. Where no rule says: it need not."""
    bypass_min_age_for: SomeOf[urgencies.UrgencyName] | None = None
    """What is too young is taken where it fixes such a vulnerability (`kev`: exploited). Where no rule says: never."""
    platforms: SomeOf[fields.Platform] | None = None
    """The platforms in use. Where no rule says: those that the place names, else all of the image in the file."""
    os_variants: StrictBool | None = None
    """Whether a tag may move to the next release of the distribution it names. Where no rule says: `false`."""
    replace_ended: StrictBool | None = None
    """Whether the successor of a tag that has ended is proposed. Where no rule says: `false`, it is only named."""
    group: words.Group | None = None
    """The name of the one proposal in which all that says so goes together. Where no rule says: one for each line."""
    split_by: SplitBy | None = None
    """`folder`: each folder has a proposal of its own. Where no rule says: `nothing`."""
    refresh: Refresh | None = None
    """How often what is open may change. Where no rule says: every `7d`."""
    schedule: Schedule | None = None
    """When proposals may be opened. Where no rule says: always."""
    on_close: OnClose | None = None
    """What closing a proposal declines: its digests, or all its lines. Where no rule says: `digest`."""
    paused: StrictBool | None = None
    """Whether nothing is proposed for now; what is open stays as it is. Where no rule says: `false`."""
    require: Require | None = None
    """What is asked of an update before it is proposed. Where no rule says: nothing."""
    allow_introduced: AllowIntroduced | None = None
    """How many vulnerabilities an update may bring. Where no rule says: any number."""
    open_when: OpenWhen | None = None
    """What makes an update worth opening a proposal for. Where no rule says: anything newer is."""
    when_unknown: WhenUnknown | None = None
    """Whether to open what could not be scanned. Where no rule says: not while the next run may be able to."""
    mandatory: StrictBool | None = None
    """Whether neither a repository's own file nor its comments can ignore or slow it. Where no rule says: `false`."""
