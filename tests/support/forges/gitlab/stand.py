"""GitLab as a stand: the fake server with one project on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.forges.fleets import open_gitlab_fleet
from support.forges.gitlab.server import GitLabServer
from support.forges.gitlab.state import GitLabNote, GitLabPipeline, GitLabStatus, MergeRequest
from support.forges.hosted_stand import HostedStand, no_pause
from support.forges.server import CrashableServer
from support.forges.stands import ShownRequest
from support.git import CommitAuthor, Content

from bot.forges.gitlab.server import KIND
from bot.model.proposal import RequestState
from bot.model.request_attributes import CommitStatus, StatusState
from bot.ports import Fleet

TOKEN = "glpat-of-the-bot"
BOT = "basebump-bot"
OTHER_PROJECT = "acme/shop/other"

_STATES = {"opened": RequestState.OPEN, "closed": RequestState.CLOSED, "merged": RequestState.MERGED}


class GitLabStand(HostedStand):
    """A GitLab, and a project in a subgroup of it."""

    kind = KIND

    def __init__(self, folder: Path, files: Mapping[str, Content] | None, *, below: str = "") -> None:
        server = GitLabServer(folder, below=below)
        token = server.world.add_token(TOKEN, BOT)
        self.project = server.world.add_project("acme/shop/web", files, members={BOT})
        super().__init__(server, self.project, self.project.path, token, secret=TOKEN)

    def fleet(self) -> Fleet:
        words = {"selected": [self.name], "base_branches": self.base_branches, "pause": no_pause}
        return CrashableServer(open_gitlab_fleet(self.server.url, TOKEN, **words), self.server)

    def larger_fleet(self) -> Fleet:
        if self.server.world.find(OTHER_PROJECT) is None:
            self.server.world.add_project(OTHER_PROJECT, {"README.md": "Nothing to see.\n"}, members={BOT})
        return open_gitlab_fleet(self.server.url, TOKEN, selected=[self.name, OTHER_PROJECT], pause=no_pause)

    def client(self, url: str, names: Sequence[str], pause: Callable[[float], None] = no_pause) -> Fleet:
        return open_gitlab_fleet(url, TOKEN, selected=names, pause=pause)

    def propose_by_hand(self, branch: str, target: str = "main") -> None:
        world = self.server.world
        world.propose(self.project, self.project, branch, world.ada, target=target)

    def point_to(self, branch: str, target: str) -> None:
        self.project.open_request(branch).target = target

    def targets(self) -> list[str]:
        return [each.target for each in self.project.requests]

    def label(self, branch: str, label: str) -> None:
        newest = next(each for each in reversed(self.project.requests) if each.branch == branch)
        newest.labels.append(label)

    def edit_body(self, branch: str, body: str) -> None:
        self.project.open_request(branch).description = body

    def edit_title(self, branch: str, title: str) -> None:
        self.project.open_request(branch).title = title

    def convert_to_draft(self, branch: str) -> None:
        request = self.project.open_request(branch)
        request.title = f"Draft: {request.title}"

    def comment(self, branch: str, text: str) -> None:
        request = self.project.open_request(branch)
        request.notes.append(GitLabNote(1000 * request.number + len(request.notes), self.server.world.ada, text))

    def approve(self, branch: str) -> None:
        request, ada = self.project.open_request(branch), self.server.world.ada
        request.approved_by.append(ada)
        request.note(ada, "approved this merge request")

    def close_request(self, branch: str) -> None:
        self.project.open_request(branch).close()

    def reopen_request(self, branch: str) -> None:
        newest = next(each for each in reversed(self.project.requests) if each.branch == branch)
        newest.state, newest.closed = "opened", None

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        world = self.server.world
        stranger = world.add_user("stranger", "stranger@example.org")
        fork = world.fork(self.project, stranger.username)
        fork.git.commit(branch, files, "A stranger's work", who=CommitAuthor("Stranger", "stranger@example.org"))
        world.propose(self.project, fork, branch, stranger, "From afar")

    def statuses(self, branch: str) -> list[CommitStatus]:
        words = {"success": StatusState.SUCCESS, "failed": StatusState.FAILURE}
        head = self.branches()[branch]
        given = [each for each in self.project.statuses if (each.sha, each.ref) == (head, branch)]
        return [CommitStatus(words[each.state], each.description) for each in given]

    def report_check(self, commit: str, state: str, context: str = "ci/build", url: str | None = None) -> None:
        world = self.server.world
        word = {"passed": "success"}.get(state, state)
        ref = next((name for name, head in self.branches().items() if head == commit), "main")
        self.project.statuses.append(GitLabStatus(world.next_id(), commit, ref, context, word, "", world.ada, url))

    def report_merge_check(self, branch: str, state: str) -> None:
        """Run a pipeline on the merge result of a request, which is not a commit of the branch."""
        request = next(each for each in reversed(self.project.requests) if each.branch == branch)
        status = {"passed": "success", "pending": "running"}.get(state, state)
        ref = f"refs/merge-requests/{request.number}/merge"
        request.merged_result = GitLabPipeline("f" * 40, status, ref, "merge_request_event")

    def requests(self) -> list[ShownRequest]:
        self.settle()
        own = [each for each in self.project.requests if each.source is self.project]
        return [_request(each) for each in reversed(own)]


def _request(request: MergeRequest) -> ShownRequest:
    comments = tuple(each.body for each in request.notes if not each.system)
    state, body = _STATES[request.state], request.description or ""
    return ShownRequest(request.branch, state, request.title, body, comments, tuple(request.labels))
