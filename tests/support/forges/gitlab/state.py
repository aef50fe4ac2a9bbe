"""State of a GitLab: users, tokens, projects, and merge requests that follow their branches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from support.forges.changes import LastChange
from support.git import ADA, CommitAuthor, Content, DiskRepository


@dataclass
class GitLabUser:
    """A user with an account."""

    username: str
    id: int
    emails: tuple[str, ...] = ()
    """The first is what commits by the API carry."""

    @property
    def person(self) -> CommitAuthor:
        return CommitAuthor(self.username, self.emails[0])


@dataclass
class GitLabToken:
    """A secret of a user, and its permissions."""

    user: GitLabUser
    scope: str = "api"
    can_write: bool = True
    """Whether the role is at least Developer."""
    can_label: bool = True
    is_of_job: bool = False
    """Whether it is the token of a job, which is let in at few doors."""


@dataclass
class GitLabNote:
    """A comment of a user, or a note by GitLab itself."""

    id: int
    user: GitLabUser
    body: str
    system: bool = False
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class GitLabPipeline:
    """A pipeline for a commit, or for a merge result."""

    sha: str
    status: str
    ref: str
    source: str = "push"
    """`external` where it is made of statuses alone."""


@dataclass
class GitLabStatus:
    """A status on a commit."""

    id: int
    sha: str
    ref: str
    name: str
    state: str
    description: str
    author: GitLabUser | None = None
    url: str | None = None


@dataclass
class GitLabMilestone:
    """One milestone, of a project or of a group above it."""

    id: int
    title: str
    is_groups: bool = False
    state: str = "active"


@dataclass
class GitLabIssue:
    """One issue."""

    number: int
    user: GitLabUser
    title: str
    description: str | None
    state: str = "opened"
    labels: list[str] = field(default_factory=list)


@dataclass
class MergeRequest:
    """One merge request; `head` is the last commit of its branch that GitLab saw."""

    number: int
    user: GitLabUser
    source: GitLabProject
    branch: str
    target: str
    head: str
    title: str
    description: str | None
    state: str = "opened"
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    closed: datetime | None = None
    merged: datetime | None = None
    armed_by: GitLabUser | None = None
    """Who set it to be merged once its pipeline succeeded."""
    pipeline: GitLabPipeline | None = None
    merged_result: GitLabPipeline | None = None
    """The pipeline for the result of merging its last commit."""
    is_in_train: bool = False
    """Whether this pipeline is for the result of merging other requests, too."""
    reviewers: list[GitLabUser] = field(default_factory=list)
    assignees: list[GitLabUser] = field(default_factory=list)
    milestone: GitLabMilestone | None = None
    label_events: list[tuple[str, str | None]] = field(default_factory=list)
    """`add` or `remove`, and the label; None where that was deleted since."""
    milestone_events: list[tuple[str, GitLabMilestone]] = field(default_factory=list)
    approved_by: list[GitLabUser] = field(default_factory=list)
    is_orphaned: bool = False
    """Whether the fork that it came from was deleted."""
    labels: list[str] = field(default_factory=list)
    notes: list[GitLabNote] = field(default_factory=list)
    checked: tuple[str, str] | None = None
    """Target and head for which GitLab has found out whether they can be merged."""
    change: LastChange = field(default_factory=LastChange)

    @property
    def updated(self) -> datetime:
        """When anything about it last changed."""
        users = [[each.username for each in kind] for kind in (self.reviewers, self.assignees, self.approved_by)]
        words = (self.title, self.description, self.state, self.target, self.head, self.armed_by is not None)
        return self.change.update((*words, *map(tuple, (*users, self.labels)), self.milestone is None, len(self.notes)))

    @property
    def is_draft(self) -> bool:
        return self.title.startswith("Draft: ")

    def note(self, user: GitLabUser, body: str) -> None:
        """Add a system note, as GitLab does itself."""
        self.notes.append(GitLabNote(1000 * self.number + len(self.notes), user, body, system=True))

    def call_off(self, user: GitLabUser) -> None:
        """Let it no longer merge by itself, as the button does."""
        self.armed_by = None
        self.note(user, "canceled the automatic merge")

    def close(self) -> None:
        self.state, self.closed = "closed", datetime.now(UTC)

    def merge(self) -> None:
        self.state, self.merged = "merged", datetime.now(UTC)


@dataclass
class GitLabProject:
    """A project with its issues and merge requests."""

    id: int
    path: str
    git: DiskRepository
    private: bool = False
    internal: bool = False
    """Whether it is for who has an account here."""
    archived: bool = False
    is_fork: bool = False
    marked_for_deletion: str | None = None
    """The day."""
    topics: tuple[str, ...] = ()
    shows_code: bool = True
    """Whether its repository is shown to who sees the project."""
    default_branch: str = "main"
    members: set[str] = field(default_factory=set)
    """Usernames that see it where it is private."""
    requests: list[MergeRequest] = field(default_factory=list)
    issues: list[GitLabIssue] = field(default_factory=list)
    has_issues: bool = True
    takes_requests: bool = True
    branches: dict[str, str] = field(default_factory=dict)
    """As they were when it last settled, which every request begins with."""
    old_paths: set[str] = field(default_factory=set)
    protected: set[str] = field(default_factory=set)
    """Branches that nobody pushes to."""
    merge_method: str = "merge"
    """`ff` and `rebase_merge` merge only what stands on its base."""
    milestones: list[GitLabMilestone] = field(default_factory=list)
    statuses: list[GitLabStatus] = field(default_factory=list)
    """Of commits, oldest first."""
    can_set_status: bool = True
    ci: str | None = None
    """The status of the pipelines that begin with every push; None where there are none, or later."""
    requires_pipeline: bool = False
    takes_many: bool = True
    """Whether a request may have more than one reviewer and one assignee: Premium."""
    can_merge: bool = True
    """Whether members may merge into its branches."""
    signer: CommitAuthor | None = None
    """Who commits what comes by the API, where this GitLab signs it."""
    has_approvals: bool = True

    @property
    def visibility(self) -> str:
        return "private" if self.private else "internal" if self.internal else "public"

    def seen_by(self, user: GitLabUser | None) -> bool:
        if self.internal and user is None:
            return False
        return not self.private or (user is not None and user.username in self.members)

    def open_request(self, branch: str) -> MergeRequest:
        """Return the open merge request of a branch of the project's own."""
        (found,) = [
            each for each in self.requests if each.state == "opened" and each.branch == branch and each.source is self
        ]
        return found

    def settle(self) -> None:
        """Let every open merge request follow its branch, as GitLab's workers do after each push.

        A branch that is deleted closes it; a base that comes to hold all of the branch has merged it. One that holds
        nothing which its base does not stays open.
        """
        before, self.branches = self.branches, self.git.branches()
        for request in self.requests:
            if request.state != "opened":
                continue
            branches = self.branches if request.source is self else request.source.git.branches()
            head, base = branches.get(request.branch), self.branches.get(request.target)
            if head is None or base is None:
                request.close()
                if head is None:
                    request.note(request.user, f"deleted source branch `{request.branch}`")
                continue
            head_moved, request.head = head != request.head, head
            self.fetch(request)
            if head_moved:
                request.merged_result = None
                self.run_pipeline(request)
                if request.armed_by is not None:
                    request.note(request.armed_by, "aborted the automatic merge because source branch was updated")
                    request.armed_by = None
            if base != before.get(request.target) and not head_moved and self.git.has(base, head):
                request.merge()

    def run_pipeline(self, request: MergeRequest) -> None:
        """Begin a pipeline, where there are any; the last one stays until then."""
        if self.ci is not None:
            request.pipeline = GitLabPipeline(request.head, self.ci, request.branch)
        self.count_statuses(request)

    def count_statuses(self, request: MergeRequest) -> None:
        """Make a pipeline of the statuses on a request's last commit, if the commit has no pipeline."""
        last = {each.name: each.state for each in self.statuses if each.sha == request.head}
        pipeline = request.pipeline
        if last and (pipeline is None or pipeline.sha != request.head or pipeline.source == "external"):
            status = "failed" if "failed" in last.values() else "success"
            request.pipeline = GitLabPipeline(request.head, status, request.branch, "external")
        elif last and pipeline is not None and "failed" in last.values():
            pipeline.status = "failed"

    def accept(self, request: MergeRequest) -> None:
        """Merge a request."""
        self.git.merge(request.branch, request.target)
        self.settle()

    def finish(self, request: MergeRequest, status: str = "success") -> None:
        """End the pipeline of a request's last commit; one that waits for that is merged."""
        request.pipeline = GitLabPipeline(request.head, status, request.branch)
        if status == "success" and request.armed_by is not None:
            self.accept(request)

    def fetch(self, request: MergeRequest) -> None:
        """Take the commits of a merge request over, as GitLab does under `refs/merge-requests/`."""
        self.git.take(request.source.git, request.head, f"refs/merge-requests/{request.number}/head")

    def conflicts(self, request: MergeRequest) -> bool:
        return self.git.conflicts(self.branches[request.target], request.head)


class GitLabWorld:
    """All users, tokens and projects of one GitLab."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._last_id = 100
        self.users: dict[str, GitLabUser] = {}
        self.tokens: dict[str, GitLabToken] = {}
        self.projects: list[GitLabProject] = []
        self.automerge_words = {"auto_merge", "merge_when_pipeline_succeeds"}
        """What this version calls it; older ones know the second alone."""
        self.ada = self.add_user("ada", ADA.email)

    def next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def add_user(self, username: str, *emails: str) -> GitLabUser:
        number = self.next_id()
        known = emails or (f"{number}-{username}@users.noreply.gitlab.example",)
        return self.users.setdefault(username, GitLabUser(username, number, known))

    def add_token(self, secret: str, username: str) -> GitLabToken:
        self.tokens[secret] = GitLabToken(self.add_user(username))
        return self.tokens[secret]

    def add_project(self, path: str, files: Mapping[str, Content] | None, **more: object) -> GitLabProject:
        """Create a project with one commit on `main`, or without commits if there are no files."""
        git = DiskRepository.create(self._folder / f"{path}.git", files)
        project = GitLabProject(self.next_id(), path, git, **more)  # type: ignore[arg-type]
        self.projects.append(project)
        project.settle()
        return project

    def is_user(self, name: str) -> bool:
        return name.lower() in {each.lower() for each in self.users}

    def below(self, namespace: str) -> list[GitLabProject]:
        """Return the projects of a group with those of its subgroups, or of a person, oldest first."""
        return [each for each in self.projects if each.path.lower().startswith(f"{namespace}/".lower())]

    def find(self, name: str) -> tuple[GitLabProject, bool] | None:
        """Return a project by its id or path, and whether it has moved away from there."""
        for project in self.projects:
            if name == str(project.id) or name.lower() == project.path.lower():
                return project, False
        moved = [each for each in self.projects if name in each.old_paths]
        return (moved[0], True) if moved else None

    def fork(self, project: GitLabProject, namespace: str) -> GitLabProject:
        """Copy a project to another user."""
        path = f"{namespace}/{project.path.rpartition('/')[2]}"
        found = self.find(path)
        if found is not None:
            return found[0]
        copy = self.add_project(path, None, is_fork=True)
        copy.git.take(project.git, project.git.need("main"), "refs/heads/main")
        return copy

    def propose(
        self,
        project: GitLabProject,
        source: GitLabProject,
        branch: str,
        user: GitLabUser,
        title: str = "A change",
        **more: object,
    ) -> MergeRequest:
        """Open a merge request without asking whether GitLab would."""
        head = source.git.branches()[branch]
        number = 1 + len(project.requests)
        words = {"description": None, "target": project.default_branch} | more
        request = MergeRequest(number, user, source, branch, head=head, title=title, **words)  # type: ignore[arg-type]
        project.requests.append(request)
        project.fetch(request)
        project.run_pipeline(request)
        return request
