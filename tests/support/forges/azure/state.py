"""State of an Azure DevOps organization: people, tokens, projects, repositories and pull requests."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.git import ADA, CommitAuthor, Content, DiskRepository

ZERO = "0" * 40
"""The commit of a ref that is not there."""
MIN_REVIEWERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
STATUS_CHECK = "cbdc66da-9728-4af8-aada-9a5a32e4a226"
MERGE_STRATEGY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
"""Types of policies."""

READ, CONTRIBUTE, CREATE_BRANCH = "GenericRead", "GenericContribute", "CreateBranch"
PULL_REQUESTS, FORCE_PUSH = "PullRequestContribute", "ForcePush"
"""Permissions on a repository, as refusals name them."""


@dataclass
class AzureAssumptions:
    """Undocumented behaviour of Azure DevOps. The defaults are the behaviour that basebump expects."""

    keeps_modes: bool = True
    """Whether an edit keeps the executable bit of a file."""
    keeps_line_ends: bool = True
    shows_pusher: bool = True
    """Whether a commit names who pushed it."""
    are_refs_atomic: bool = False
    """Whether one refused item of `POST refs` refuses all of them."""
    lists_whole_trees: bool = True
    are_zips_named_by_object: bool = True
    begins_at_old_object: bool = True
    """Whether a new branch begins at `oldObjectId`; else the push is refused."""
    duplicate_status: int = 409
    does_push_disarm: bool = False


@dataclass(eq=False)
class AzureAccount:
    """A user, a service or a team with access to the organization."""

    person: CommitAuthor
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    is_container: bool = False
    """True for a team."""

    @property
    def unique_name(self) -> str:
        return self.person.email


@dataclass(eq=False)
class AzureToken:
    """A secret of an account, and its permissions."""

    account: AzureAccount
    rights: set[str] = field(default_factory=lambda: {READ, CONTRIBUTE, CREATE_BRANCH, PULL_REQUESTS})
    is_bearer: bool = False
    can_make_labels: bool = True
    is_expired: bool = False

    @property
    def can_write(self) -> bool:
        return CONTRIBUTE in self.rights

    @can_write.setter
    def can_write(self, value: bool) -> None:
        self.rights = {READ, CONTRIBUTE, CREATE_BRANCH, PULL_REQUESTS} if value else {READ}


@dataclass(eq=False)
class AzureDevOpsProject:
    """One project of the organization."""

    name: str
    is_public: bool = True
    members: set[str] = field(default_factory=set)
    """Names of those who see it where it is not public."""
    id: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(eq=False)
class BranchPolicy:
    """A branch policy."""

    id: int
    kind: str
    settings: Mapping[str, Any]
    ref: str = "refs/heads/main"
    is_prefix: bool = False
    is_blocking: bool = True

    def concerns(self, ref: str) -> bool:
        return ref.startswith(self.ref) if self.is_prefix else ref == self.ref


@dataclass
class ValidationBuild:
    """The result of a build validation policy for a pull request."""

    status: str
    commit: str
    """The last commit of the branch then."""


@dataclass(eq=False)
class ThreadComment:
    """One comment of a thread."""

    author: AzureAccount
    content: str
    kind: str = "text"
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(eq=False)
class CommentThread:
    """Comments that belong together."""

    id: int
    comments: list[ThreadComment]
    status: str = "active"
    properties: dict[str, str] = field(default_factory=dict)


@dataclass(eq=False)
class AzureStatus:
    """A status on a commit or on a pull request."""

    id: int
    account: AzureAccount
    state: str
    description: str | None
    genre: str | None
    name: str
    iteration: int | None = None
    url: str | None = None
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(eq=False)
class RequestReviewer:
    """A reviewer of a pull request, with a vote."""

    account: AzureAccount
    vote: int = 0
    is_required: bool = False


@dataclass(eq=False)
class PullRequest:
    """One pull request; `source` is the repository of its branch."""

    number: int
    account: AzureAccount
    source: AzureRepository
    branch: str
    target: str
    title: str
    description: str
    head: str
    base: str
    is_draft: bool = False
    status: str = "active"
    merge_status: str = "queued"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    closed: datetime | None = None
    closed_by: AzureAccount | None = None
    merged_as: str | None = None
    armed_by: AzureAccount | None = None
    completion: dict[str, Any] = field(default_factory=dict)
    iterations: list[str] = field(default_factory=lambda: ["create"])
    """Why each was made."""
    labels: list[tuple[str, str]] = field(default_factory=list)
    """Their ids and names."""
    reviewers: list[RequestReviewer] = field(default_factory=list)
    work_items: list[str] = field(default_factory=list)
    threads: list[CommentThread] = field(default_factory=list)
    statuses: list[AzureStatus] = field(default_factory=list)
    builds: dict[int, ValidationBuild] = field(default_factory=dict)
    """By the ids of policies."""
    properties: dict[str, str] = field(default_factory=dict)

    def abandon(self, account: AzureAccount) -> None:
        self.status, self.closed, self.closed_by = "abandoned", datetime.now(UTC), account
        self.armed_by = None


@dataclass(eq=False)
class AzureRepository:
    """A repository: real git data, and the data that Azure DevOps adds."""

    world: AzureWorld
    project: AzureDevOpsProject
    name: str
    git: DiskRepository
    default_branch: str = "main"
    is_disabled: bool = False
    is_in_maintenance: bool = False
    is_hidden: bool = False
    is_fork: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requests: list[PullRequest] = field(default_factory=list)
    policies: list[BranchPolicy] = field(default_factory=list)
    creators: dict[str, AzureAccount] = field(default_factory=dict)
    """Who made each branch, and may therefore push to it by force."""
    pushers: dict[str, AzureAccount] = field(default_factory=dict)
    """Who pushed each commit that came through the API; all others are a person's."""
    statuses: dict[str, list[AzureStatus]] = field(default_factory=dict)
    """Of commits, oldest first."""
    pushes: int = 0

    @property
    def path(self) -> str:
        return f"{self.project.name}/{self.name}"

    @property
    def branches(self) -> dict[str, str]:
        return self.git.branches()

    def pusher(self, commit: str) -> AzureAccount:
        """Return the account that pushed a commit."""
        return self.pushers.get(commit, self.world.ada)

    def open_request(self, branch: str) -> PullRequest:
        (found,) = [each for each in self.requests if each.status == "active" and each.branch == branch]
        return found

    def blocking(self, ref: str) -> list[BranchPolicy]:
        return [each for each in self.policies if each.is_blocking and each.concerns(ref)]

    def settle(self) -> None:
        """Let every active request follow its branches. A branch that is gone leaves it as it is."""
        branches = self.branches
        for request in self.requests:
            if request.status == "active":
                own = branches if request.source is self else request.source.branches
                head, base = own.get(request.branch), branches.get(request.target)
                if head is not None and base is not None:
                    self._follow(request, head, base)

    def _follow(self, request: PullRequest, head: str, base: str) -> None:
        if request.source is not self:
            self.git.take(request.source.git, head, f"refs/pull/{request.number}/head")
        if head != request.head:
            request.iterations.append("push" if self.git.has(head, request.head) else "forcePush")
            if self.world.assumptions.does_push_disarm:
                request.armed_by = None
            if any(each.kind == MIN_REVIEWERS and each.settings.get("resetOnSourcePush") for each in self.policies):
                for reviewer in request.reviewers:
                    reviewer.vote = 0
        request.head, request.base = head, base
        request.merge_status = "conflicts" if self.git.conflicts(base, head) else "succeeded"
        can_merge = request.merge_status == "succeeded" and not request.is_draft
        if request.armed_by and can_merge and not list(self.list_unmet_policies(request)):
            self.complete(request, request.armed_by)

    def list_unmet_policies(self, request: PullRequest) -> Iterator[BranchPolicy]:
        """Yield the blocking policies that are not content with a request."""
        votes = [each.vote for each in request.reviewers if each.account is not request.account]
        said = {(each.genre, each.name): each.state for each in request.statuses}
        for policy in self.blocking(f"refs/heads/{request.target}"):
            settings = policy.settings
            match policy.kind:
                case kind if kind == MIN_REVIEWERS:
                    is_content = sum(each >= 5 for each in votes) >= settings["minimumApproverCount"]
                case kind if kind == STATUS_CHECK:
                    is_content = said.get((settings.get("statusGenre"), settings["statusName"])) == "succeeded"
                case kind if kind == MERGE_STRATEGY:
                    strategy = request.completion.get("mergeStrategy", "noFastForward")
                    is_content = bool(settings.get(f"allow{strategy[0].upper()}{strategy[1:]}"))
                case _:
                    is_content = False
            if not is_content:
                yield policy

    def complete(self, request: PullRequest, account: AzureAccount) -> None:
        """Merge a request."""
        tree = self.git.run("merge-tree", "--write-tree", request.base, request.head).decode().split("\n")[0]
        is_squash = request.completion.get("mergeStrategy") == "squash"
        parents = [request.base] if is_squash else [request.base, request.head]
        message = f"Merged PR {request.number}: {request.title}\n"
        merged = self.git.write_commit(tree, parents, message, who=account.person)
        self.git.point(f"refs/heads/{request.target}", merged)
        request.status, request.closed, request.closed_by = "completed", datetime.now(UTC), account
        request.merged_as, request.armed_by = merged, None
        if request.completion.get("deleteSourceBranch") and request.branch in self.branches:
            self.git.delete(request.branch)
        self.settle()


class AzureWorld:
    """All accounts, tokens, projects and repositories of one organization."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.assumptions = AzureAssumptions()
        self.accounts: dict[str, AzureAccount] = {}
        """By name."""
        self.tokens: dict[str, AzureToken] = {}
        self.projects: dict[tuple[str, bool], AzureDevOpsProject] = {}
        """By name in lower case, and whether it is public: tests of all forges want both kinds under one name."""
        self.repositories: list[AzureRepository] = []
        self.teams: list[tuple[AzureAccount, list[AzureAccount]]] = []
        """The teams of all projects, with their members."""
        self.work_items: set[str] = set()
        """Their numbers."""
        self.last_request = 0
        """Numbers count over the whole organization."""
        self.ada = self.add_account(ADA.name, ADA.email)

    def add_account(self, name: str, address: str = "", *, is_container: bool = False) -> AzureAccount:
        person = CommitAuthor(name, address or f"{name}@example.com")
        return self.accounts.setdefault(name, AzureAccount(person, is_container=is_container))

    def add_token(self, secret: str, name: str, **more: object) -> AzureToken:
        self.tokens[secret] = AzureToken(self.add_account(name), **more)  # type: ignore[arg-type]
        return self.tokens[secret]

    def add_project(self, name: str, *, is_public: bool = True, members: Iterable[str] = ()) -> AzureDevOpsProject:
        project = self.projects.setdefault((name.lower(), is_public), AzureDevOpsProject(name, is_public))
        project.members |= {*members}
        return project

    def add_repository(
        self,
        path: str,
        files: Mapping[str, Content] | None,
        *,
        private: bool = False,
        members: Iterable[str] = (),
        **more: object,
    ) -> AzureRepository:
        """Create a repository with one commit on `main`, or without commits if there are no files."""
        project_name, _, name = path.partition("/")
        project = self.add_project(project_name, is_public=not private, members=members)
        git = DiskRepository.create(self._folder / f"{uuid.uuid4().hex}.git", files)
        repository = AzureRepository(self, project, name, git, **more)  # type: ignore[arg-type]
        self.repositories.append(repository)
        return repository

    def fork(self, repository: AzureRepository, project: str) -> AzureRepository:
        """Copy a repository into another project."""
        path = f"{project}/{repository.name}"
        for each in self.repositories:
            if each.path == path:
                return each
        copy = self.add_repository(path, None, is_fork=True)
        copy.git.take(repository.git, repository.git.need("main"), "refs/heads/main")
        return copy

    def propose(
        self,
        repository: AzureRepository,
        branch: str,
        account: AzureAccount,
        title: str = "A change",
        *,
        source: AzureRepository | None = None,
        target: str = "main",
        description: str = "",
        is_draft: bool = False,
    ) -> PullRequest:
        """Open a pull request without asking whether Azure DevOps would."""
        self.last_request += 1
        origin = source or repository
        head, base = origin.branches[branch], repository.branches[target]
        request = PullRequest(
            self.last_request, account, origin, branch, target, title, description, head, base, is_draft
        )
        repository.requests.append(request)
        return request
