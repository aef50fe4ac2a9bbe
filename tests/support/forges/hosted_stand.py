"""Common part of the stands whose forge is a server on loopback with one repository."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Protocol

from support.forges.server import ForgeServer
from support.forges.stands import GitStand
from support.git import DiskRepository

from bot.model.ci import CiOutcome
from bot.model.errors import TreeError
from bot.model.forge import GitRepository
from bot.model.source import FilePath
from bot.ports import FileTree, Fleet


class HostedRepository(Protocol):
    """A repository as its server keeps it."""

    git: DiskRepository

    def settle(self) -> None: ...


class ServerToken(Protocol):
    """The permissions of a token on a server."""

    can_write: bool


def no_pause(_seconds: float) -> None:
    """Wait for nothing: a fake is never in a hurry."""


class HostedStand(GitStand):
    """A server, the repository that people push to behind its back, and the token that basebump has."""

    kind: str
    """What a config calls it."""
    status_request = "POST .*/statuses/"
    """Matches the request that sets the status of a commit."""

    def __init__(
        self, server: ForgeServer, hosted: HostedRepository, name: str, token: ServerToken, *, secret: str
    ) -> None:
        super().__init__(hosted.git, name)
        self.server = server
        self.token = token
        self.secret = secret
        self._hosted = hosted
        server.start()

    @abstractmethod
    def client(self, url: str, names: Sequence[str], pause: Callable[[float], None]) -> Fleet:
        """Return a client for repositories of the server at `url`, which waits by `pause`."""

    @abstractmethod
    def propose_by_hand(self, branch: str, target: str = "main") -> None:
        """Let a person open a request for a branch, though there is one."""

    @abstractmethod
    def label(self, branch: str, label: str) -> None:
        """Let a person give a label to the newest request of a branch, open or not."""

    @abstractmethod
    def point_to(self, branch: str, target: str) -> None:
        """Let a person choose another branch that the open request of a branch is to be merged into."""

    @abstractmethod
    def targets(self) -> list[str]:
        """Return the branch that each request is to be merged into, oldest first."""

    @abstractmethod
    def edit_title(self, branch: str, title: str) -> None:
        """Let a person edit the title of the open request of a branch."""

    @abstractmethod
    def convert_to_draft(self, branch: str) -> None:
        """Let a person make a draft of the open request of a branch."""

    @abstractmethod
    def comment(self, branch: str, text: str) -> None:
        """Let a person comment on the open request of a branch."""

    @abstractmethod
    def approve(self, branch: str) -> None:
        """Let a person approve the open request of a branch."""

    @abstractmethod
    def report_check(self, commit: str, state: str, context: str = "ci/build", url: str | None = None) -> None:
        """Let a CI system report that its check of a commit `passed`, `failed` or is `pending`."""

    def report_merge_check(self, branch: str, state: str) -> None:
        """Let the forge's own CI report on the open request of a branch. Some forges check the result of merging it."""
        self.report_check(self.branches()[branch], state)

    @abstractmethod
    def reopen_request(self, branch: str) -> None:
        """Let a person open the newest request of a branch again."""

    def end(self) -> None:
        self.server.stop()

    @property
    def writes(self) -> list[str]:
        return [exchange.line for exchange in self.server.writes]

    def die_before(self, write: int) -> None:
        self.server.die_before(write)

    def settle(self) -> None:
        self._hosted.settle()

    def refuse_writes(self, branch: str) -> None:
        """Take all writing away from the token."""
        self.token.can_write = False


def open_only_tree(stand: HostedStand) -> FileTree:
    """Return the tree of the single repository on a stand."""
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset())
    assert isinstance(repository, GitRepository)
    return fleet.open_tree(repository)


def read_all_files(stand: HostedStand) -> tuple[dict[FilePath, bytes | TreeError], list[str]]:
    """Return the content of every file on a stand, and the requests that were sent to read them."""
    tree = open_only_tree(stand)
    entries = list(tree.list_entries())
    with stand.server.watched() as lines:
        contents = list(tree.read(entries))
    return {entry.path: content for entry, content in zip(entries, contents, strict=True)}, lines


def read_ci_outcome(stand: HostedStand, branch: str, number: int | None) -> tuple[CiOutcome, list[str]]:
    """Return the outcome of CI on the last commit of a branch, and the requests to the server that it took.

    `number` is that of the request of the branch.
    """
    fleet = stand.fleet()
    (repository,) = fleet.list_repositories(frozenset({stand.name}))
    assert isinstance(repository, GitRepository)
    head = stand.branches()[branch]
    with stand.server.watched() as lines:
        outcomes = fleet.read_ci_outcomes(repository, {head: number})
    return outcomes.get(head, CiOutcome.UNKNOWN), [line.partition("?")[0] for line in lines]
