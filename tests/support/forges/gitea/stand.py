"""Gitea and Forgejo as stands: the fake server with one repository on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.forges.fleets import open_gitea_fleet
from support.forges.gitea.server import ForgejoServer, GiteaServer
from support.forges.gitea.state import GiteaPull, GiteaReview, GiteaStatus
from support.forges.hosted_stand import HostedStand, no_pause
from support.forges.server import CrashableServer
from support.forges.stands import ShownRequest
from support.git import CommitAuthor, Content

from bot.forges.gitea.server import KIND
from bot.model.proposal import RequestState
from bot.model.request_attributes import CommitStatus, StatusState
from bot.ports import Fleet

TOKEN = "gitea-token-of-the-bot"
BOT = "basebump-bot"


class GiteaStand(HostedStand):
    """A Gitea, and an organization's repository on it."""

    kind = KIND
    server_class: type[GiteaServer] = GiteaServer

    def __init__(self, folder: Path, files: Mapping[str, Content] | None, *, below: str = "") -> None:
        server = self.server_class(folder, below=below)
        token = server.world.add_token(TOKEN, BOT)
        self.repository = server.world.add_repository("acme/web", files, members={BOT})
        super().__init__(server, self.repository, self.repository.name, token, secret=TOKEN)

    def fleet(self) -> Fleet:
        words = {"selected": [self.name], "base_branches": self.base_branches, "pause": no_pause}
        return CrashableServer(open_gitea_fleet(self.server.url, TOKEN, **words), self.server)

    def client(self, url: str, names: Sequence[str], pause: Callable[[float], None] = no_pause) -> Fleet:
        return open_gitea_fleet(url, TOKEN, selected=names, pause=pause)

    def propose_by_hand(self, branch: str, target: str = "main") -> None:
        world = self.server.world
        world.propose(self.repository, self.repository, branch, world.ada, base=target)

    def point_to(self, branch: str, target: str) -> None:
        self.repository.open_pull(branch).base = target

    def targets(self) -> list[str]:
        return [each.base for each in self.repository.pulls]

    def label(self, branch: str, label: str) -> None:
        world = self.server.world
        self.repository.labels.setdefault(label, world.next_id())
        newest = next(each for each in reversed(self.repository.pulls) if each.branch == branch)
        newest.labels.append(label)
        self.repository.note(newest, "label", world.ada, "1", label)

    def edit_body(self, branch: str, body: str) -> None:
        self.repository.open_pull(branch).body = body

    def edit_title(self, branch: str, title: str) -> None:
        self.repository.open_pull(branch).title = title

    def convert_to_draft(self, branch: str) -> None:
        pull = self.repository.open_pull(branch)
        pull.title = f"WIP: {pull.title}"

    def comment(self, branch: str, text: str) -> None:
        self.repository.note(self.repository.open_pull(branch), "comment", self.server.world.ada, text)

    def approve(self, branch: str) -> None:
        self.review(branch, "APPROVED")

    def reopen_request(self, branch: str) -> None:
        newest = next(each for each in reversed(self.repository.pulls) if each.branch == branch)
        newest.state = "open"
        self.repository.note(newest, "reopen", self.server.world.ada)

    def close_request(self, branch: str) -> None:
        pull = self.repository.open_pull(branch)
        pull.close()
        self.repository.note(pull, "close", self.server.world.ada)

    def merge_request(self, branch: str, into: str = "main") -> None:
        assert self.repository.open_pull(branch).base == into
        self.repository.merge(self.repository.open_pull(branch))

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        """Open a request from a fork, and push another one without a branch (AGit)."""
        world = self.server.world
        fork = world.fork(self.repository, "stranger")
        head = fork.git.commit(branch, files, "A stranger's work", who=CommitAuthor("Stranger", "stranger@example.org"))
        stranger = world.add_user("stranger")
        world.propose(self.repository, fork, branch, stranger, title="From afar")
        world.propose(self.repository, self.repository, branch, stranger, title="From AGit", is_agit=True, head="")
        self.repository.pulls[-1].head = head

    def review(self, branch: str, state: str, login: str = "ada", *, official: bool = True) -> None:
        """Add a review of a user to the open pull request of a branch."""
        pull = self.repository.open_pull(branch)
        user = self.server.world.add_user(login)
        pull.reviews.append(GiteaReview(user, state, official))
        self.repository.note(pull, "review", user)

    def statuses(self, branch: str) -> list[CommitStatus]:
        head = self.branches()[branch]
        given = [each for each in self.repository.statuses if each.sha == head]
        return [CommitStatus(StatusState(each.state), each.description) for each in given]

    def report_check(self, commit: str, state: str, context: str = "ci/build", url: str | None = None) -> None:
        world = self.server.world
        words = {"passed": "success", "failed": "failure", "pending": "pending"}
        status = GiteaStatus(world.next_id(), commit, context, words[state], "", world.add_user("ada"), url or "")
        self.repository.statuses.append(status)

    def requests(self) -> list[ShownRequest]:
        self.settle()
        own = [each for each in self.repository.pulls if each.source is self.repository and not each.is_agit]
        return [_request(each) for each in reversed(own)]


def _request(pull: GiteaPull) -> ShownRequest:
    ended = RequestState.MERGED if pull.merged else RequestState.CLOSED
    comments = tuple(each.body for each in pull.events if each.kind == "comment")
    state = RequestState.OPEN if pull.state == "open" else ended
    return ShownRequest(pull.branch, state, pull.title, pull.body, comments, tuple(pull.labels))


class ForgejoStand(GiteaStand):
    """The same on a Forgejo."""

    server_class = ForgejoServer
