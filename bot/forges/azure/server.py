"""An organization of Azure DevOps Services, or a collection of an Azure DevOps Server, and its repositories."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bot.forges._git_objects import BRANCHES
from bot.forges.azure.activity import AzureActivityReader
from bot.forges.azure.attributes import AzureAutomerge
from bot.forges.azure.azure_errors import AZURE_ERRORS
from bot.forges.azure.branches import AzureBranches
from bot.forges.azure.ci import AzureCi
from bot.forges.azure.commits import AzureCommits
from bot.forges.azure.connection import ENTRA_SCOPE, AzureConnection, AzureCredential, AzureRemote, CredentialKind
from bot.forges.azure.pull_requests import AzureRequestReader, AzureRequestWriter, AzureStatuses
from bot.forges.azure.token_examination import AzureExamination
from bot.forges.hosted.activity import add_activity_if_found
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.server import RestServer
from bot.model.diagnosis import Check, DiagnosisTarget, report_ok
from bot.model.forge import ActivityScope, ForgeLimits, GitRepository
from bot.model.report import RunFailure

__all__ = ["ENTRA_SCOPE", "KIND", "AzureCredential", "CredentialKind", "open_server"]

KIND = "azure"
MAX_DESCRIPTION = 4_000
"""The largest number of characters of a description. Azure DevOps refuses a longer description."""
MAX_TITLE = 400
MAX_COMMENT = 150_000
_LIMITS = ForgeLimits(
    body_characters=MAX_DESCRIPTION,
    title_characters=MAX_TITLE,
    number_prefix="!",
    appendix_characters=MAX_COMMENT,
    has_statuses=True,
)


def open_server(
    url: str,
    credential: AzureCredential | None,
    *,
    work_items: Sequence[int] = (),
    **options: Any,
) -> AzureServer:
    """Return an organization that is accessed with a token. No request is sent yet.

    Args:
        url: The URL of the organization, `https://dev.azure.com/ORGANIZATION`, or of the collection on a server.
        credential: The token; None to read public projects.
        work_items: The work items to which each new pull request is linked.
        options: The arguments of `AzureConnection`.
    """
    connection = AzureConnection(url, credential, **options)
    return AzureServer(connection.url, connection, tuple(work_items))


@dataclass(frozen=True, slots=True)
class AzureServer(RestServer[AzureConnection]):
    """An organization or a collection.

    The name of a repository is PROJECT/REPOSITORY, and its owner is the project.
    """

    work_items: tuple[int, ...] = ()
    omitted: dict[str, list[str]] = field(default_factory=dict, compare=False)
    """For each listed project, the number of repositories that were left out for each reason, such as `2 disabled`."""

    kind = KIND
    clone_host = None

    def find_named(
        self, names: Sequence[str], activity_scope: ActivityScope | None = None
    ) -> Iterator[tuple[str, ListedRepository | RefusedError]]:
        readers = self._create_readers(Counter(name.partition("/")[0] for name in names), activity_scope)
        for name, listed in super(AzureServer, self).find_named(names):
            yield name, add_activity_if_found(readers.get(name.partition("/")[0]), listed)

    def list_owned(
        self,
        owner: str,
        is_selected: Callable[[ListedRepository], bool],
        activity_scope: ActivityScope | None = None,
    ) -> Sequence[ListedRepository]:
        selected = super(AzureServer, self).list_owned(owner, is_selected)
        reader = self._create_readers({owner: len(selected)}, activity_scope).get(owner)
        return selected if reader is None else list(map(reader.add_activity, selected))

    def find(self, name: str) -> ListedRepository:
        data = self.connection.read(f"find the repository {name}", AzureRemote(self.connection, name).path)
        reason = _find_omission(data)
        if reason in _UNUSABLE:
            raise RefusedError(
                f"the repository {name} is {reason}; hint: make it available again, or remove it from the config",
                status=None,
            )
        return self._parse_repository(data)

    def list_all(self, owner: str) -> Iterable[ListedRepository]:
        """Return the git repositories of a project, without hidden repositories (wikis)."""
        path = f"/{quote(owner, safe='')}/_apis/git/repositories"
        repositories = self.connection.list_values(f"list the repositories of {owner}", path)
        counts = Counter(reason for each in repositories if (reason := _find_omission(each)) is not None)
        self.omitted[owner] = [f"{count} {reason}" for reason, count in counts.items()]
        return map(self._parse_repository, repositories)

    def create_examination(self) -> AzureExamination:
        return AzureExamination(self.connection)

    def build_files_url(self, name: str, branch: str) -> str:
        project, _, repository = name.partition("/")
        return f"{self.url}/{quote(project)}/_git/{quote(repository)}?version=GB{quote(branch, safe='')}&path=/"

    def open_repository(self, name: str, server_id: str | None) -> HostedRepository:
        remote = AzureRemote(self.connection, name, server_id)
        commits = AzureCommits(remote)
        branches = AzureBranches(remote, commits)
        requests = AzureRequestReader(remote, branches)
        return HostedRepository(
            name=name,
            limits=_LIMITS,
            errors=AZURE_ERRORS,
            pause=self.connection.pause,
            open_tree=commits.open_tree,
            branches=branches,
            commits=commits,
            requests=requests,
            request_writer=AzureRequestWriter(remote, self.work_items),
            automerge=AzureAutomerge(remote),
            statuses=AzureStatuses(remote),
            ci=AzureCi(remote),
            issues=None,
            list_without_branch=requests.list_without_branch,
            has_change_times=False,
        )

    def examine(self, target: DiagnosisTarget, repositories: Iterable[GitRepository | RunFailure]) -> Iterator[Check]:
        yield from super(AzureServer, self).examine(target, repositories)  # with slots, super() fails
        for project, reasons in self.omitted.items():
            if reasons:
                yield report_ok(project, "leave out repositories", f"{', '.join(reasons)}")

    def _parse_repository(self, data: Mapping[str, Any]) -> ListedRepository:
        """Return the repository in a response of the API. The id of its project is remembered."""
        project, branch = data["project"], data.get("defaultBranch")
        self.connection.project_ids[str(project["name"]).lower()] = str(project["id"])
        visibility = project.get("visibility")
        return ListedRepository(
            name=f"{project['name']}/{data['name']}",
            server_id=str(data["id"]),
            default_branch=str(branch).removeprefix(BRANCHES) if branch else None,
            is_excluded=_find_omission(data) is not None,
            is_public=visibility == "public" if visibility is not None else None,
        )

    def _create_readers(self, counts: Mapping[str, int], scope: ActivityScope | None) -> dict[str, AzureActivityReader]:
        """Return a reader of activities for each project with more than one repository, by the project's name.

        If a project has a single repository, reading its activity without the list of the whole project needs fewer API
        calls.
        """
        if scope is None:
            return {}
        projects = [project for project, count in counts.items() if count > 1]
        return {project: AzureActivityReader(self.connection, project, scope) for project in projects}


_UNUSABLE = frozenset({"disabled", "in maintenance"})
"""The reasons that make a repository unusable even if the config names it."""
_OMISSIONS = {"isDisabled": "disabled", "isInMaintenance": "in maintenance", "isFork": "forked"}
"""The fields that mark a repository to leave out, each with the reason."""


def _find_omission(data: Mapping[str, Any]) -> str | None:
    """Return the reason why a repository is left out, such as `disabled`; None if it is not left out."""
    reason = next((word for key, word in _OMISSIONS.items() if data.get(key)), None)
    return reason if reason is not None or data.get("defaultBranch") else "empty"
