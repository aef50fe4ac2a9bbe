"""State of a GitHub: accounts, tokens, repositories, and pull requests that follow their branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from support.forges.changes import LastChange
from support.forges.github.runs import WorkflowRun
from support.git import CommitAuthor, DiskRepository


@dataclass
class GitHubActor:
    """A user, an organization or the bot of an App."""

    login: str
    id: int
    kind: str = "User"
    emails: tuple[str, ...] = ()
    """Addresses that its commits are known by, besides the one that GitHub gives to everybody."""

    @property
    def person(self) -> CommitAuthor:
        """The author of commits that the API makes for this account."""
        return CommitAuthor(self.login, f"{self.id}+{self.login}@users.noreply.github.com")


@dataclass
class GitHubApp:
    """A GitHub App: who signs with its key is let in as it."""

    id: int
    slug: str
    public_key: str


@dataclass
class AppInstallation:
    """One account that let an App in."""

    id: int
    app: GitHubApp
    account: GitHubActor
    permissions: Mapping[str, str]
    only: frozenset[str] | None = None
    """Short names of the repositories that it includes; None for all of the account's."""
    suspended: datetime | None = None

    def includes(self, repository: GitHubRepository) -> bool:
        is_chosen = self.only is None or repository.short_name in self.only
        return repository.owner is self.account and is_chosen


@dataclass
class GitHubToken:
    """A secret of an account, and its permissions."""

    account: GitHubActor
    is_app: bool = False
    """Whether it is an installation's: `account` is then the App's bot, and GET /user is not for it."""
    can_write: bool = True
    can_write_workflows: bool = True
    can_propose: bool = True
    """Off, it is the token of GitHub Actions where the setting does not let it open pull requests."""
    can_label: bool = True
    can_set_status: bool = True
    can_ask_graphql: bool = True
    """Off, it may not see all that is asked for there."""
    can_dispatch: bool = True
    """Off, it is a job's without `actions: write`."""
    can_see_rules: bool = True
    """If False, the token is not an administrator, so that it cannot read rules of protected branches."""
    scopes: frozenset[str] | None = None
    """Of a classic token, which every answer names; None for tokens that have none."""
    permissions: Mapping[str, str] | None = None
    """By the names of the API, as an App's or a fine-grained token has them; None where only the flags above count."""
    installation: AppInstallation | None = None
    """Which lent it to its App."""
    only: frozenset[str] | None = None
    """Short names of the repositories that it is good for; None for all that the installation includes."""
    expires: datetime | None = None

    def may_push(self, repository: GitHubRepository) -> bool:
        """Return the permission that GitHub shows: that of the account, even if the token has less."""
        is_member = self.account.login in {repository.owner.login, *repository.members}
        return self.can_write and (is_member if self.installation is None else self.reaches(repository))

    def reaches(self, repository: GitHubRepository) -> bool:
        """Return True if the token can read a private repository, or write to the repository."""
        if self.installation is None:
            return self.is_app or repository.seen_by(self.account)
        is_meant = self.only is None or repository.short_name.lower() in {each.lower() for each in self.only}
        return is_meant and self.installation.includes(repository)


@dataclass
class GitHubComment:
    """A comment on a pull request."""

    id: int
    account: GitHubActor
    body: str


@dataclass
class GitHubReview:
    """A review of a pull request."""

    id: int
    account: GitHubActor
    state: str
    """APPROVED, CHANGES_REQUESTED, COMMENTED or DISMISSED."""
    is_writers: bool = True
    """Whether who said it may write to the repository."""


@dataclass
class GitHubStatus:
    """A status on a commit."""

    id: int
    context: str
    state: str
    description: str
    creator: GitHubActor
    url: str | None = None


@dataclass
class GitHubEvent:
    """Something that was done to a pull request; it stays, though it is undone."""

    kind: str
    """As GraphQL calls it: `LabeledEvent`."""
    subject: str = ""
    created: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class GitHubPull:
    """A pull request; `head` is the last commit of its branch that GitHub saw."""

    number: int
    account: GitHubActor
    source: GitHubRepository
    branch: str
    base: str
    head: str
    title: str
    body: str | None
    state: str = "open"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    closed: datetime | None = None
    merged: datetime | None = None
    is_spent: bool = False
    """Whether it can never be opened again: its branch came to hold nothing that the base does not."""
    auto_merge: GitHubActor | None = None
    """Who set it to merge by itself."""
    queued: bool = False
    draft: bool = False
    is_orphaned: bool = False
    """Whether the fork that it came from was deleted."""
    labels: list[str] = field(default_factory=list)
    reviewers: list[str] = field(default_factory=list)
    """Logins, and teams as `team:NAME`."""
    assignees: list[str] = field(default_factory=list)
    milestone: str | None = None
    reviews: list[GitHubReview] = field(default_factory=list)
    events: list[GitHubEvent] = field(default_factory=list)
    comments: list[GitHubComment] = field(default_factory=list)
    merge_checked: tuple[str, str] | None = None
    """Base and head for which GitHub has found out whether they can be merged."""
    change: LastChange = field(default_factory=LastChange)
    edit: LastChange = field(default_factory=LastChange)

    @property
    def updated(self) -> datetime:
        """When anything about it last changed."""
        reviews = [(each.account.login, each.state) for each in self.reviews]
        words = (self.title, self.body, self.state, self.draft, self.base, self.head, self.milestone, self.queued)
        lists = (self.labels, self.reviewers, self.assignees, reviews, [each.body for each in self.comments])
        return self.change.update((*words, *map(tuple, lists), self.auto_merge is not None, len(self.events)))

    @property
    def edited(self) -> datetime:
        """When its text was last edited, or when it was opened."""
        return self.edit.update((self.body,))

    def node(self, repository: GitHubRepository) -> str:
        return f"PR_{repository.id}_{self.number}"

    def note(self, kind: str, subject: str = "") -> None:
        self.events.append(GitHubEvent(kind, subject))

    def close(self, *, merged: bool = False) -> None:
        self.state, self.auto_merge, self.queued = "closed", None, False
        self.closed = datetime.now(UTC)
        self.merged = self.closed if merged else None


@dataclass
class GitHubIssue:
    """An issue that is not a pull request."""

    number: int
    account: GitHubActor | None
    """None where GitHub does not know any more whose it is."""
    title: str
    body: str | None
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    change: LastChange = field(default_factory=LastChange)

    @property
    def updated(self) -> datetime:
        """When anything about it last changed."""
        return self.change.update((self.title, self.body, self.state, tuple(self.labels)))


@dataclass
class GitHubRepository:
    """A repository with its issues and pull requests."""

    id: int
    owner: GitHubActor
    short_name: str
    git: DiskRepository
    private: bool = False
    archived: bool = False
    disabled: bool = False
    fork: bool = False
    topics: tuple[str, ...] = ()
    default_branch: str = "main"
    members: set[str] = field(default_factory=set)
    """Logins that see it where it is private, besides its owner's."""
    pulls: list[GitHubPull] = field(default_factory=list)
    issues: list[GitHubIssue] = field(default_factory=list)
    has_issues: bool = True
    labels: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Their colours and descriptions."""
    branches: dict[str, str] = field(default_factory=dict)
    """As they were when it last settled, which every request begins with."""
    truncate_at: int | None = None
    """How many entries a recursive tree shows at most."""
    has_drafts: bool = True
    """Whether its plan has draft pull requests."""
    adds_missing_labels: bool = True
    """Whether a label that does not exist is made when it is added, as GitHub does."""
    allows_auto_merge: bool = True
    requires_checks: bool = True
    """Whether there is anything that a pull request waits for before it may be merged."""
    merge_methods: tuple[str, ...] = ("SQUASH",)
    """Those that are allowed; the first is the default."""
    collaborators: tuple[str, ...] = ("ada", "team:platform")
    """Who may be asked for a review, or be assigned; teams as `team:NAME`."""
    milestones: dict[str, int] = field(default_factory=dict)
    """The open ones: their titles and numbers."""
    statuses: dict[str, list[GitHubStatus]] = field(default_factory=dict)
    check_runs: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)
    """The status and the conclusion of each check run, by commit."""
    """Of commits, oldest first."""
    signed: set[str] = field(default_factory=set)
    """The commits that GitHub signed."""
    runs: list[WorkflowRun] = field(default_factory=list)
    """Of workflows, the newest last."""
    lets_actions_propose: bool = False
    """Whether "Allow GitHub Actions to create and approve pull requests" is on."""
    strict_protection: bool = False
    """Whether the protection of its default branch asks for up-to-date branches."""
    strict_rules: bool = False
    """The same by a ruleset."""
    is_blocked: bool = False
    """Whether something else keeps pull requests from being merged, so that GitHub does not say what is behind."""

    @property
    def name(self) -> str:
        return f"{self.owner.login}/{self.short_name}"

    @property
    def node(self) -> str:
        return f"R_{self.id}"

    def next_number(self) -> int:
        """Return the number of the next issue or pull request, which they share."""
        return 1 + len(self.pulls) + len(self.issues)

    @property
    def is_empty(self) -> bool:
        return not self.branches

    def seen_by(self, account: GitHubActor | None) -> bool:
        return not self.private or (account is not None and account.login in {self.owner.login, *self.members})

    def open_pull(self, branch: str) -> GitHubPull:
        """Return the open pull request of a branch of the repository's own."""
        (pull,) = [
            each for each in self.pulls if each.state == "open" and each.branch == branch and each.source is self
        ]
        return pull

    def settle(self) -> None:
        """Let every open pull request follow its branch, as GitHub does after each push.

        A branch that is deleted, or that holds nothing the base does not, closes it, for good in the latter case
        even if it lasts only a moment; a base that comes to hold all of the branch has merged it.
        """
        before, self.branches = self.branches, self.git.branches()
        for pull in self.pulls:
            if pull.source is self and pull.branch in before and pull.branch not in self.branches:
                pull.note("HeadRefDeletedEvent")
            if pull.state != "open":
                continue
            branches = self.branches if pull.source is self else pull.source.git.branches()
            head, base = branches.get(pull.branch), self.branches.get(pull.base)
            if head is None or base is None:
                pull.close()
                continue
            if head != pull.head or before.get(pull.base) != base:
                head_moved, pull.head = head != pull.head, head
                self.fetch(pull)
                if self.git.has(base, head):
                    pull.is_spent = head_moved
                    pull.close(merged=not head_moved)

    def fetch(self, pull: GitHubPull) -> None:
        """Take the commits of a pull request over, as GitHub does under `refs/pull/`."""
        self.git.take(pull.source.git, pull.head, f"refs/pull/{pull.number}/head")

    def conflicts(self, pull: GitHubPull) -> bool:
        return self.git.conflicts(self.branches[pull.base], pull.head)
