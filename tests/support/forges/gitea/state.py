"""State of a Gitea: users, tokens, repositories, and pull requests that follow their branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from support.forges.changes import LastChange
from support.git import ADA, CommitAuthor, Content, DiskRepository

ALL_SCOPES = frozenset({"write:repository", "write:issue", "read:user", "read:organization"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class GiteaUser:
    """A user with an account, or an organization."""

    login: str
    id: int
    email: str
    is_admin: bool = False
    is_organization: bool = False
    visibility: str = "public"

    @property
    def person(self) -> CommitAuthor:
        return CommitAuthor(self.login, self.email)


@dataclass
class GiteaToken:
    """A secret of a user, and its permissions."""

    user: GiteaUser
    scopes: frozenset[str] = ALL_SCOPES
    can_write: bool = True
    """Whether the account may push to repositories."""

    def has(self, scope: str) -> bool:
        return scope in self.scopes or scope.replace("read:", "write:") in self.scopes


@dataclass
class GiteaEvent:
    """A comment on an issue or a pull request, or something that was done to it."""

    id: int
    kind: str
    user: GiteaUser
    body: str = ""
    at: datetime = field(default_factory=_now)
    subject: str = ""
    """The label, the assignee or the milestone."""


@dataclass
class GiteaReview:
    """A review of a pull request."""

    user: GiteaUser
    state: str
    official: bool = True
    dismissed: bool = False


@dataclass
class GiteaStatus:
    """A status on a commit."""

    id: int
    sha: str
    context: str
    state: str
    description: str
    creator: GiteaUser
    url: str = ""


@dataclass
class GiteaIssue:
    """One issue; pull requests are issues as well."""

    number: int
    user: GiteaUser
    title: str
    body: str
    state: str = "open"
    labels: list[str] = field(default_factory=list)
    assignees: list[str] = field(default_factory=list)
    milestone: str | None = None
    events: list[GiteaEvent] = field(default_factory=list)
    created: datetime = field(default_factory=_now)
    closed: datetime | None = None
    change: LastChange = field(default_factory=LastChange)

    @property
    def updated(self) -> datetime:
        """When anything about it last changed."""
        words = (self.title, self.body, self.state, self.milestone, tuple(self.labels), tuple(self.assignees))
        return self.change.update((*words, len(self.events)))


@dataclass
class GiteaPull(GiteaIssue):
    """A pull request; `head` is the last commit of its branch that the server saw."""

    source: GiteaRepository | None = None
    branch: str = ""
    base: str = "main"
    head: str = ""
    is_agit: bool = False
    merged: datetime | None = None
    automerge: GiteaUser | None = None
    reviewers: list[str] = field(default_factory=list)
    reviews: list[GiteaReview] = field(default_factory=list)
    checked: tuple[str, str] | None = None
    """Base and head for which the server has found out whether they can be merged."""

    @property
    def draft(self) -> bool:
        return self.source is not None and self.title.startswith(self.source.draft_prefixes)

    def close(self, *, merged: bool = False) -> None:
        self.state, self.closed, self.automerge = "closed", _now(), None
        self.merged = self.closed if merged else None


@dataclass
class GiteaRepository:
    """A repository with its issues and pull requests."""

    id: int
    owner: GiteaUser
    short_name: str
    git: DiskRepository
    private: bool = False
    archived: bool = False
    mirror: bool = False
    fork: bool = False
    topics: tuple[str, ...] = ()
    default_branch: str = "main"
    members: set[str] = field(default_factory=set)
    """Logins that see it where it is private, besides its owner's."""
    issues: list[GiteaIssue] = field(default_factory=list)
    """Pull requests too, in the order of their numbers."""
    takes_requests: bool = True
    labels: dict[str, int] = field(default_factory=dict)
    milestones: dict[str, int] = field(default_factory=dict)
    collaborators: tuple[str, ...] = ("ada", "team:platform")
    statuses: list[GiteaStatus] = field(default_factory=list)
    protected: dict[str, dict[str, object]] = field(default_factory=dict)
    """Rules for branches, by the name of the rule, with what differs from the default."""
    draft_prefixes: tuple[str, ...] = ("WIP:", "[WIP]")
    """A setting of the server."""
    merge_styles: tuple[str, ...] = ("merge", "squash")
    branches: dict[str, str] = field(default_factory=dict)
    """As they were when it last settled, which every request begins with."""
    is_deletion_recorded: bool = True
    """Off, the server leaves pull requests open whose branches are deleted, as versions before 1.17 did."""

    @property
    def name(self) -> str:
        return f"{self.owner.login}/{self.short_name}"

    @property
    def pulls(self) -> list[GiteaPull]:
        return [each for each in self.issues if isinstance(each, GiteaPull)]

    def seen_by(self, user: GiteaUser | None) -> bool:
        return not self.private or (user is not None and user.login in {self.owner.login, *self.members})

    def open_pull(self, branch: str) -> GiteaPull:
        """Return the open pull request of a branch of the repository's own."""
        (pull,) = [each for each in self.pulls if (each.state, each.branch, each.source) == ("open", branch, self)]
        return pull

    def note(self, issue: GiteaIssue, kind: str, user: GiteaUser, body: str = "", subject: str = "") -> None:
        """Add an event to the timeline, as the server does itself."""
        issue.events.append(GiteaEvent(1000 * issue.number + len(issue.events), kind, user, body, subject=subject))

    def settle(self) -> None:
        """Let every open pull request follow its branch, as the server does after each push.

        A branch that is deleted closes it. A base that comes to hold all of a branch does not.
        """
        self.branches = self.git.branches()
        for pull in self.pulls:
            if pull.state != "open" or pull.is_agit or pull.source is None:
                continue
            branches = self.branches if pull.source is self else pull.source.git.branches()
            head = branches.get(pull.branch)
            if pull.base not in self.branches:
                pull.base = self.default_branch
            if head is None and self.is_deletion_recorded:
                pull.close()
                self.note(pull, "close", pull.user)
                self.note(pull, "delete_branch", pull.user)
            elif head is not None and head != pull.head:
                pull.head = head
                self.note(pull, "pull_push", pull.user, "{}")
                self.fetch(pull)

    def fetch(self, pull: GiteaPull) -> None:
        """Take the commits of a pull request over, as the server does under `refs/pull/`."""
        assert pull.source is not None
        self.git.take(pull.source.git, pull.head, f"refs/pull/{pull.number}/head")

    def merge(self, pull: GiteaPull) -> None:
        """Merge a pull request, as the button does."""
        self.git.merge(pull.branch, pull.base)
        pull.close(merged=True)
        self.note(pull, "merge_pull", pull.user)
        self.settle()

    def conflicts(self, pull: GiteaPull) -> bool:
        return self.git.conflicts(self.branches[pull.base], pull.head)


class GiteaWorld:
    """All users, tokens and repositories of one server."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_id = 100
        self.users: dict[str, GiteaUser] = {}
        self.tokens: dict[str, GiteaToken] = {}
        self.repositories: list[GiteaRepository] = []
        self.moved: dict[str, GiteaRepository] = {}
        """Repositories by former names."""
        self.organization_labels: dict[str, int] = {}
        self.ada = self.add_user("ada", ADA.email)

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add_user(self, login: str, email: str = "", **more: object) -> GiteaUser:
        if login not in self.users:
            user = GiteaUser(login, self.next_id(), email or f"{login}@example.org", **more)  # type: ignore[arg-type]
            self.users[login] = user
        return self.users[login]

    def add_token(self, secret: str, login: str) -> GiteaToken:
        self.tokens[secret] = GiteaToken(self.add_user(login))
        return self.tokens[secret]

    def add_repository(self, name: str, files: Mapping[str, Content] | None, **more: object) -> GiteaRepository:
        """Create a repository of an organization with one commit on `main`, or without commits."""
        owner, _, short = name.partition("/")
        git = DiskRepository.create(self._folder / f"{name}.git", files)
        account = self.add_user(owner, is_organization=True)
        repository = GiteaRepository(self.next_id(), account, short, git, **more)  # type: ignore[arg-type]
        self.repositories.append(repository)
        repository.settle()
        return repository

    def find(self, name: str) -> GiteaRepository | None:
        return next((each for each in self.repositories if each.name.lower() == name.lower()), None)

    def fork(self, repository: GiteaRepository, login: str) -> GiteaRepository:
        """Copy a repository to another user."""
        found = self.find(f"{login}/{repository.short_name}")
        if found is not None:
            return found
        self.add_user(login)
        copy = self.add_repository(f"{login}/{repository.short_name}", None, fork=True)
        copy.git.take(repository.git, repository.git.need("main"), "refs/heads/main")
        return copy

    def propose(
        self,
        repository: GiteaRepository,
        source: GiteaRepository,
        branch: str,
        user: GiteaUser,
        title: str = "A change",
        **more: object,
    ) -> GiteaPull:
        """Open a pull request without asking whether the server would."""
        words = {"body": "", "base": repository.default_branch, "head": source.git.branches().get(branch, "")} | more
        number = 1 + len(repository.issues)
        pull = GiteaPull(number, user, title, source=source, branch=branch, **words)  # type: ignore[arg-type]
        repository.issues.append(pull)
        if pull.head:
            repository.fetch(pull)
        return pull
