"""GitHub as a stand: the fake server with one repository on it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.forges.fleets import open_github_fleet
from support.forges.github.apps import private_key, public_key
from support.forges.github.graphql import GraphQL
from support.forges.github.server import GitHubServer
from support.forges.github.state import GitHubComment, GitHubPull, GitHubReview, GitHubStatus
from support.forges.hosted_stand import HostedStand, no_pause
from support.forges.server import CrashableServer
from support.forges.stands import ShownRequest
from support.git import CommitAuthor, Content

from bot.forges.github.server import KIND, AppKey
from bot.model.proposal import RequestState
from bot.model.request_attributes import CommitStatus, StatusState
from bot.ports import Fleet

TOKEN = "ghp_of-the-bot"
BOT = "basebump-bot"
PERMISSIONS = {
    "metadata": "read",
    "checks": "read",
    "contents": "write",
    "pull_requests": "write",
    "statuses": "write",
    "workflows": "write",
}
"""What the installation of an App has, unless a test takes something away."""


class GitHubStand(HostedStand):
    """A GitHub, github.com unless it is an Enterprise Server, and one organization's repository."""

    kind = KIND

    def __init__(
        self,
        folder: Path,
        files: Mapping[str, Content] | None,
        *,
        enterprise: bool = False,
        graphql: GraphQL = GraphQL.WHOLE,
        is_app: bool = False,
    ) -> None:
        server = GitHubServer(folder, enterprise=enterprise, graphql=graphql)
        token = server.world.add_token(TOKEN, BOT, is_app=is_app)
        self.repository = server.world.add_repository("acme/web", files, members={BOT})
        super().__init__(server, self.repository, self.repository.name, token, secret=TOKEN)

    def fleet(self) -> Fleet:
        return self._fleet(TOKEN)

    def _fleet(self, credential: str | AppKey) -> Fleet:
        words = {"selected": [self.name], "base_branches": self.base_branches, "pause": no_pause}
        return CrashableServer(open_github_fleet(self.server.url, credential, **words), self.server)

    def client(self, url: str, names: Sequence[str], pause: Callable[[float], None] = no_pause) -> Fleet:
        return open_github_fleet(url, TOKEN, selected=names, pause=pause)

    def propose_by_hand(self, branch: str, target: str = "main") -> None:
        world = self.server.world
        world.propose(self.repository, self.repository, branch, world.accounts["ada"], base=target)

    def point_to(self, branch: str, target: str) -> None:
        self.repository.open_pull(branch).base = target

    def targets(self) -> list[str]:
        return [each.base for each in self.repository.pulls]

    def label(self, branch: str, label: str) -> None:
        self.repository.labels.setdefault(label, ("ededed", ""))
        newest = next(pull for pull in reversed(self.repository.pulls) if pull.branch == branch)
        newest.labels.append(label)
        newest.note("LabeledEvent", label)

    def edit_body(self, branch: str, body: str) -> None:
        self.repository.open_pull(branch).body = body

    def edit_title(self, branch: str, title: str) -> None:
        self.repository.open_pull(branch).title = title

    def convert_to_draft(self, branch: str) -> None:
        self.repository.open_pull(branch).draft = True

    def comment(self, branch: str, text: str) -> None:
        world = self.server.world
        self.repository.open_pull(branch).comments.append(GitHubComment(world.next_id(), world.accounts["ada"], text))

    def approve(self, branch: str) -> None:
        self.review(branch, "APPROVED")

    def close_request(self, branch: str) -> None:
        self.repository.open_pull(branch).close()

    def reopen_request(self, branch: str) -> None:
        newest = next(pull for pull in reversed(self.repository.pulls) if pull.branch == branch)
        newest.state, newest.closed = "open", None

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        world = self.server.world
        fork = world.fork(self.repository, "stranger")
        fork.git.commit(branch, files, "A stranger's work", who=CommitAuthor("Stranger", "stranger@example.org"))
        world.propose(self.repository, fork, branch, world.accounts["stranger"], title="From afar", body=None)

    def review(self, branch: str, state: str, login: str = "ada", *, is_writers: bool = True) -> None:
        """Add a review of a user to the open pull request of a branch."""
        world = self.server.world
        pull = self.repository.open_pull(branch)
        pull.reviews.append(GitHubReview(world.next_id(), world.add_account(login), state, is_writers))

    def statuses(self, branch: str) -> list[CommitStatus]:
        given = self.repository.statuses.get(self.branches()[branch], [])
        return [CommitStatus(StatusState(each.state), each.description) for each in given]

    def report_check(self, commit: str, state: str, context: str = "ci/build", url: str | None = None) -> None:
        world = self.server.world
        words = {"passed": "success", "failed": "failure", "pending": "pending"}
        status = GitHubStatus(world.next_id(), context, words[state], "", world.accounts["ada"], url)
        self.repository.statuses.setdefault(commit, []).append(status)

    def requests(self) -> list[ShownRequest]:
        self.settle()
        own = [pull for pull in self.repository.pulls if pull.source is self.repository]
        return [_request(pull) for pull in reversed(own)]


def _request(pull: GitHubPull) -> ShownRequest:
    ended = RequestState.MERGED if pull.merged else RequestState.CLOSED
    state = RequestState.OPEN if pull.state == "open" else ended
    comments = tuple(each.body for each in pull.comments)
    return ShownRequest(pull.branch, state, pull.title, pull.body or "", comments, tuple(pull.labels))


@functools.cache
def _app_key(app: int) -> AppKey:
    """Return the key of an App, whose check takes as long as a short test, once for each process."""
    return AppKey(app, private_key())


class GitHubAppStand(GitHubStand):
    """The same where basebump is an App that the organization installed."""

    def __init__(self, folder: Path, files: Mapping[str, Content] | None) -> None:
        super().__init__(folder, files)
        world = self.server.world
        self.app = world.add_app("bump", public_key())
        self.installation = world.install(self.app, "acme", dict(PERMISSIONS))
        self._key = _app_key(self.app.id)

    def fleet(self) -> Fleet:
        return self._fleet(self._key)

    def refuse_writes(self, branch: str) -> None:
        """Remove the write permission from the installation, and so from its tokens."""
        self.installation.permissions = dict.fromkeys(("metadata", "contents", "pull_requests"), "read")
