"""Azure Repos as a stand: the fake server with one repository on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.forges.azure.server import AzureServer
from support.forges.azure.state import (
    BUILD,
    AzureStatus,
    BranchPolicy,
    CommentThread,
    PullRequest,
    RequestReviewer,
    ThreadComment,
    ValidationBuild,
)
from support.forges.fleets import open_azure_fleet
from support.forges.hosted_stand import HostedStand, no_pause
from support.forges.server import CrashableServer
from support.forges.stands import ShownRequest
from support.git import CommitAuthor, Content

from bot.core.proposal.marks import COMMENT_MARK
from bot.core.proposal.request_text import RequestText, split_text
from bot.forges.azure.branches import TEMPORARY_PREFIX
from bot.forges.azure.server import KIND
from bot.forges.azure.texts import MARK_PROPERTY
from bot.model.proposal import RequestState
from bot.model.request_attributes import STATUS_CONTEXT, CommitStatus, StatusState
from bot.ports import Fleet

TOKEN = "token-of-the-bot"
BOT = "basebump-bot"

_STATES = {"active": RequestState.OPEN, "abandoned": RequestState.CLOSED, "completed": RequestState.MERGED}


class AzureStand(HostedStand):
    """An organization, and a repository in one of its projects."""

    kind = KIND
    status_request = "POST .*/commits/.*/statuses"

    def __init__(self, folder: Path, files: Mapping[str, Content] | None) -> None:
        server = AzureServer(folder)
        token = server.world.add_token(TOKEN, BOT)
        server.world.teams.append((server.world.add_account("Web Team", is_container=True), [server.world.ada]))
        self.repository = server.world.add_repository("Acme Shop/web", files, private=True, members={BOT})
        super().__init__(server, self.repository, self.repository.path, token, secret=TOKEN)

    def fleet(self) -> Fleet:
        words = {"selected": [self.name], "base_branches": self.base_branches, "pause": no_pause}
        return CrashableServer(open_azure_fleet(self.server.url, TOKEN, **words), self.server)

    def larger_fleet(self) -> Fleet:
        names = [self.name, "Acme Shop/other"]
        if all(each.path != names[1] for each in self.server.world.repositories):
            self.server.world.add_repository(names[1], {"README.md": "Nothing to see.\n"}, private=True, members={BOT})
        return open_azure_fleet(self.server.url, TOKEN, selected=names, pause=no_pause)

    def client(self, url: str, names: Sequence[str], pause: Callable[[float], None] = no_pause) -> Fleet:
        return open_azure_fleet(url, TOKEN, selected=names, pause=pause)

    def branches(self) -> dict[str, str]:
        """Return every branch but the temporary ones, which tests of their own look at."""
        branches = super().branches()
        return {name: commit for name, commit in branches.items() if not name.startswith(TEMPORARY_PREFIX)}

    def propose_by_hand(self, branch: str, target: str = "main") -> None:
        world = self.server.world
        world.propose(self.repository, branch, world.ada, target=target)

    def point_to(self, branch: str, target: str) -> None:
        self.repository.open_request(branch).target = target

    def targets(self) -> list[str]:
        return [each.target for each in self.repository.requests]

    def label(self, branch: str, label: str) -> None:
        newest = next(each for each in reversed(self.repository.requests) if each.branch == branch)
        newest.labels.append((f"id-of-{label}", label))

    def edit_body(self, branch: str, body: str) -> None:
        """Replace the whole text, though a person would hardly find the property."""
        request, parts = self.repository.open_request(branch), split_text(body)
        request.description, request.properties[MARK_PROPERTY] = parts.body, parts.mark

    def edit_title(self, branch: str, title: str) -> None:
        self.repository.open_request(branch).title = title

    def convert_to_draft(self, branch: str) -> None:
        self.repository.open_request(branch).is_draft = True

    def comment(self, branch: str, text: str) -> None:
        request, ada = self.repository.open_request(branch), self.server.world.ada
        request.threads.append(CommentThread(len(request.threads) + 1, [ThreadComment(ada, text)]))

    def approve(self, branch: str) -> None:
        self.repository.open_request(branch).reviewers.append(RequestReviewer(self.server.world.ada, vote=10))

    def reopen_request(self, branch: str) -> None:
        newest = next(each for each in reversed(self.repository.requests) if each.branch == branch)
        newest.status, newest.closed, newest.closed_by = "active", None, None

    def close_request(self, branch: str) -> None:
        self.repository.open_request(branch).abandon(self.server.world.ada)

    def merge_request(self, branch: str, into: str = "main") -> None:
        """Complete a request; a merge by git alone would leave it active."""
        assert self.repository.open_request(branch).target == into
        self.settle()
        self.repository.complete(self.repository.open_request(branch), self.server.world.ada)

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        world = self.server.world
        stranger = world.add_account("stranger", "stranger@example.org")
        fork = world.fork(self.repository, "Strangers")
        fork.git.commit(branch, files, "A stranger's work", who=CommitAuthor("Stranger", "stranger@example.org"))
        world.propose(self.repository, branch, stranger, "From afar", source=fork)

    def statuses(self, branch: str) -> list[CommitStatus]:
        words = {"succeeded": StatusState.SUCCESS, "failed": StatusState.FAILURE}
        given = self.repository.statuses.get(self.branches()[branch], [])
        own = [each for each in given if f"{each.genre}/{each.name}" == STATUS_CONTEXT]
        return [CommitStatus(words[each.state], each.description or "") for each in own]

    def report_check(self, commit: str, state: str, context: str = "ci/build", url: str | None = None) -> None:
        given = self.repository.statuses.setdefault(commit, [])
        word, (genre, name) = {"passed": "succeeded"}.get(state, state), context.split("/")
        given.append(AzureStatus(len(given) + 1, self.server.world.ada, word, None, genre, name, url=url))

    def report_merge_check(self, branch: str, state: str) -> None:
        """Let a build validation policy build the result of merging a request."""
        policies = [each for each in self.repository.policies if each.kind == BUILD]
        if not policies:
            policies = [BranchPolicy(1, BUILD, {"buildDefinitionId": 1})]
            self.repository.policies += policies
        status = {"passed": "approved", "failed": "rejected", "pending": "running"}[state]
        request = self.repository.open_request(branch)
        request.builds[policies[0].id] = ValidationBuild(status, self.branches()[branch])

    def requests(self) -> list[ShownRequest]:
        self.settle()
        own = [each for each in self.repository.requests if each.source is self.repository]
        return [_request(each) for each in reversed(own)]


def _request(request: PullRequest) -> ShownRequest:
    comments = [comment.content for thread in request.threads for comment in thread.comments]
    own = tuple(each for each in comments if COMMENT_MARK in each)
    labels = tuple(name for _, name in request.labels)
    text = RequestText(request.description, mark=request.properties.get(MARK_PROPERTY, "")).join()
    return ShownRequest(request.branch, _STATES[request.status], request.title, text, own, labels)
