"""A forge that counts the writes of runs, and ends the process before a given write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from bot.branch_ports import BranchJudge
from bot.model.ci import CiOutcome, FailedCheck
from bot.model.dashboard import DashboardIssue
from bot.model.forge import ActivityScope, ForgeLimits, GitRepository, OpenedRequest
from bot.model.proposal import Proposal, RemoteRequest
from bot.model.report import RunFailure
from bot.model.request_attributes import NO_ATTRIBUTES, RequestAttributes
from bot.model.source import FileChange
from bot.ports import Dashboard, FileTree, Fleet, Forge


class SimulatedKill(BaseException):
    """The process ends here: no handler of Exception may see it."""


class WriteCounter:
    """Counts the writes of a stand, and ends the process before one of them."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self._fatal: int | None = None

    def die_before(self, write: int) -> None:
        """Raise Killed instead of the `write`-th write from now, once."""
        self._fatal = len(self.done) + write

    def about_to(self, write: str) -> None:
        """Count a write that is about to happen. Raises SimulatedKill."""
        if self._fatal == len(self.done) + 1:
            self._fatal = None
            raise SimulatedKill(write)
        self.done.append(write)


class ConcurrentWriter(WriteCounter):
    """Calls a function once, right before one of the writes of a run."""

    def __init__(self, write: int, happens: Callable[[], object]) -> None:
        super().__init__()
        self._write, self._happens = write, happens

    def about_to(self, write: str) -> None:
        super().about_to(write)
        if len(self.done) == self._write:
            self._happens()


@dataclass(frozen=True, slots=True)
class CountedForge:
    """A forge whose every writing verb is one write."""

    forge: Forge
    counter: WriteCounter

    @property
    def limits(self) -> ForgeLimits:
        return self.forge.limits

    def list_requests(
        self, prefix: str, wanted: frozenset[str], judge: BranchJudge | None = None
    ) -> tuple[RemoteRequest, ...]:
        return self.forge.list_requests(prefix, wanted, judge)

    def push(self, branch: str, changes: Sequence[FileChange], message: str, over: str | None) -> str:
        self.counter.about_to(f"push {branch}")
        return self.forge.push(branch, changes, message, over)

    def open(self, proposal: Proposal) -> OpenedRequest:
        self.counter.about_to(f"open {proposal.branch}")
        return self.forge.open(proposal)

    def update_request(
        self, seen: RemoteRequest, title: str, body: str, extras: RequestAttributes = NO_ATTRIBUTES
    ) -> tuple[str, ...]:
        self.counter.about_to(f"amend {seen.branch}")
        return self.forge.update_request(seen, title, body, extras)

    def close(self, seen: RemoteRequest) -> None:
        self.counter.about_to(f"close {seen.branch}")
        self.forge.close(seen)

    def add_comment(self, seen: RemoteRequest, text: str) -> None:
        self.counter.about_to(f"tell {seen.branch}")
        self.forge.add_comment(seen, text)

    def delete_branch(self, seen: RemoteRequest) -> None:
        self.counter.about_to(f"drop {seen.branch}")
        self.forge.delete_branch(seen)


@dataclass(frozen=True, slots=True)
class CountedDashboard:
    """A dashboard of which every change is one write."""

    dashboard: Dashboard
    counter: WriteCounter

    def read(self) -> DashboardIssue | None:
        return self.dashboard.read()

    def write(self, board: DashboardIssue | None, title: str, body: str) -> None:
        self.counter.about_to("write dashboard")
        self.dashboard.write(board, title, body)

    def close(self, board: DashboardIssue, body: str) -> None:
        self.counter.about_to("close dashboard")
        self.dashboard.close(board, body)


@dataclass(frozen=True, slots=True)
class CountedFleet:
    """A fleet whose forges count."""

    fleet: Fleet
    counter: WriteCounter

    def list_repositories(
        self, only: frozenset[str], activity_scope: ActivityScope | None = None
    ) -> Iterator[GitRepository | RunFailure]:
        return self.fleet.list_repositories(only, activity_scope)

    def read_activity(self, repository: GitRepository, activity_scope: ActivityScope) -> str | None:
        return self.fleet.read_activity(repository, activity_scope)

    def read_ci_outcomes(self, repository: GitRepository, commits: Mapping[str, int | None]) -> Mapping[str, CiOutcome]:
        return self.fleet.read_ci_outcomes(repository, commits)

    def find_failed_check(self, repository: GitRepository, commit: str) -> FailedCheck | None:
        return self.fleet.find_failed_check(repository, commit)

    def open_tree(self, repository: GitRepository) -> FileTree:
        return self.fleet.open_tree(repository)

    def get_forge(self, repository: GitRepository) -> Forge:
        return CountedForge(self.fleet.get_forge(repository), self.counter)

    def get_dashboard(self, repository: GitRepository) -> Dashboard:
        return CountedDashboard(self.fleet.get_dashboard(repository), self.counter)
