"""A server on which one API call looks up a repository, and one kind of API call lists an owner's repositories."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic

from bot.forges.hosted.catalogue import ListedRepository, find_each
from bot.forges.hosted.fleet import HostedServer
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.rest import Connection_co
from bot.forges.hosted.server_examination import ServerExamination, examine_server
from bot.model.diagnosis import Check, DiagnosisTarget
from bot.model.forge import ActivityScope, GitRepository
from bot.model.report import RunFailure


@dataclass(frozen=True, slots=True)
class RestServer(HostedServer, Generic[Connection_co]):
    """One server whose API basebump calls without a client library.

    A config for such a server must always select repositories or owners. Every token that can read a repository can
    list its branches.
    """

    connection: Connection_co = field(repr=False)

    @abstractmethod
    def find(self, name: str) -> ListedRepository:
        """Return the repository with this name. Raises RefusedError if an API call fails."""

    @abstractmethod
    def list_all(self, owner: str) -> Iterable[ListedRepository]:
        """Return all repositories of an owner. Raises RefusedError if an API call fails."""

    @abstractmethod
    def create_examination(self) -> ServerExamination: ...

    def find_named(
        self,
        names: Sequence[str],
        activity_scope: ActivityScope | None = None,  # noqa: ARG002 - no list contains it
    ) -> Iterator[tuple[str, ListedRepository | RefusedError]]:
        return find_each(names, self.connection.errors, self.find)

    def list_owned(
        self,
        owner: str,
        is_selected: Callable[[ListedRepository], bool],
        activity_scope: ActivityScope | None = None,  # noqa: ARG002 - no list contains it
    ) -> Sequence[ListedRepository]:
        with self.connection.errors.translate(owner):
            return sorted(filter(is_selected, self.list_all(owner)), key=lambda each: each.name.lower())

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        return examine_server(self, self.create_examination(), target, repositories)
