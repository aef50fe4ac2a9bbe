"""GitLab as a stand: the fake server with one project on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.forge_server import Mortal
from support.git import Content, Person
from support.gitlab.server import GitLabServer
from support.gitlab.state import MergeRequest
from support.stands import GitStand, Request

from bot.forges.gitlab import GitLabFleet
from bot.model.proposal import RequestState
from bot.ports import Fleet

TOKEN = "glpat-of-the-bot"
BOT = "basebump-bot"

_STATES = {"opened": RequestState.OPEN, "closed": RequestState.CLOSED, "merged": RequestState.MERGED}


def no_pause(_seconds: float) -> None:
    """Wait for nothing: the fake is never in a hurry."""


class GitLabStand(GitStand):
    """A GitLab, and a project in a subgroup of it."""

    def __init__(self, folder: Path, files: Mapping[str, Content] | None, *, below: str = "") -> None:
        self.server = GitLabServer(folder, below=below)
        self.token = self.server.world.add_token(TOKEN, BOT)
        self.project = self.server.world.add_project("acme/shop/web", files, members={BOT})
        super().__init__(self.project.git, self.project.path)
        self.server.start()

    def end(self) -> None:
        self.server.stop()

    @property
    def writes(self) -> list[str]:
        return [exchange.line for exchange in self.server.writes]

    def die_before(self, write: int) -> None:
        self.server.die_before(write)

    def fleet(self) -> Fleet:
        return Mortal(GitLabFleet(self.server.url, TOKEN, names=[self.name], pause=no_pause), self.server)

    def commit(self, branch: str, files: Mapping[str, Content], message: str = "A person's work") -> str:
        made = super().commit(branch, files, message)
        self.project.settle()
        return made

    def amend_commit(self, branch: str, files: Mapping[str, Content]) -> str:
        made = super().amend_commit(branch, files)
        self.project.settle()
        return made

    def update_branch(self, branch: str, *, also: Mapping[str, Content] | None = None) -> str:
        made = super().update_branch(branch, also=also)
        self.project.settle()
        return made

    def merge_by_hand(self, branch: str, files: Mapping[str, Content], *, source: str = "main") -> str:
        made = super().merge_by_hand(branch, files, source=source)
        self.project.settle()
        return made

    def delete_branch(self, branch: str) -> None:
        super().delete_branch(branch)
        self.project.settle()

    def close_request(self, branch: str) -> None:
        self.project.open_request(branch).close()

    def merge_request(self, branch: str) -> None:
        self.git.merge(branch, "main")
        self.project.settle()

    def propose_from_fork(self, branch: str, files: Mapping[str, Content]) -> None:
        world = self.server.world
        stranger = world.add_user("stranger", "stranger@example.org")
        fork = world.fork(self.project, stranger.username)
        fork.git.commit(branch, files, "A stranger's work", who=Person("Stranger", "stranger@example.org"))
        world.propose(self.project, fork, branch, stranger, "From afar")

    def refuse_writes(self, branch: str) -> None:
        """Take the role of a Developer away from the token."""
        self.token.can_write = False

    def requests(self) -> list[Request]:
        self.project.settle()
        own = [each for each in self.project.requests if each.source is self.project]
        return [_request(each) for each in reversed(own)]


def _request(request: MergeRequest) -> Request:
    comments = tuple(each.body for each in request.notes if not each.system)
    return Request(request.branch, _STATES[request.state], request.title, request.description or "", comments)
