"""The activity of the repositories of one project on Azure DevOps.

Two lists contain the activity: the active pull requests of the whole project, and the branches of each repository,
including the default branch. Further API calls read the whole texts of basebump's pull requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from bot.core.inventory.value_hashes import hash_values
from bot.forges._git_objects import BRANCHES
from bot.forges.azure.azure_errors import AZURE_ERRORS
from bot.forges.azure.branches import AzureBranches
from bot.forges.azure.commits import AzureCommits
from bot.forges.azure.connection import REF_PAGE, AzureConnection, AzureRemote
from bot.forges.azure.pull_requests import ACTIVE, AzureRequestReader, parse_requests
from bot.forges.hosted.activity import RepositoryActivity
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.connection import SharedValue
from bot.forges.hosted.refusal import RefusedError
from bot.forges.hosted.rest import RestAnswer
from bot.model.forge import ActivityScope


class AzureActivityReader:
    """Adds the last commits and the activities to the repositories of one project. Never raises RefusedError."""

    def __init__(self, connection: AzureConnection, project: str, scope: ActivityScope) -> None:
        """Prepare to read activities; the pull requests of the project are listed when they are first needed."""
        self._connection = connection
        self._project = project
        self._scope = scope
        self._active: SharedValue[Mapping[str, list[Mapping[str, Any]]] | None] = SharedValue()

    def add_activity(self, listed: ListedRepository) -> ListedRepository:
        """Return a repository with the last commit of its default branch, and with its activity.

        If the commit or the activity cannot be read, or if the branches do not fit on one page, return `listed`
        unchanged.
        """
        remote = AzureRemote(self._connection, listed.name, listed.server_id)
        try:
            with AZURE_ERRORS.translate(listed.name):
                branches = _list_branches(remote)
                head_commit = (branches or {}).get(listed.default_branch or "")
                if branches is None or head_commit is None:
                    return listed
                activity = self._read_activity(remote, branches)
        except RefusedError:
            return listed
        return replace(listed, head_commit=head_commit, activity=activity.state_hash if activity is not None else None)

    def _read_activity(self, remote: AzureRemote, branches: Mapping[str, str]) -> RepositoryActivity | None:
        """Return the activity of a repository, derived from the list of the project's pull requests.

        Return None if the pull requests of the project cannot be listed. `read_activity` in
        `bot.forges.hosted.activity` returns the same activity, but needs more API calls.
        """
        account, prefix = self._connection.get_account(), self._scope.branch_prefix
        active_by_repository = self._active.get(self._list_active)
        if active_by_repository is None:
            return None
        active = active_by_repository.get(str(remote.repository_id), [])
        requests = [
            each
            for each in parse_requests(active, account.id)
            if each.branch.startswith(prefix) and (each.branch in branches or account.has_id(each.opened_by))
        ]
        reader = AzureRequestReader(remote, AzureBranches(remote, AzureCommits(remote)))
        return RepositoryActivity(
            branches={name: commit for name, commit in branches.items() if name.startswith(prefix)},
            requests={each.number: hash_values((each,)) for each in reader.complete(requests)},
            issues={},
        )

    def _list_active(self) -> Mapping[str, list[Mapping[str, Any]]] | None:
        """Return all active pull requests of the project, grouped by the id of their repository.

        Return None if the pull requests cannot be listed. The failed list is not requested again for the next
        repository of the project.

        https://learn.microsoft.com/en-us/rest/api/azure/devops/git/pull-requests/get-pull-requests-by-project
        """
        path = f"/{quote(self._project, safe='')}/_apis/git/pullrequests"
        query = {"searchCriteria.status": ACTIVE}
        active: dict[str, list[Mapping[str, Any]]] = {}
        try:
            with AZURE_ERRORS.translate(self._project):
                action = f"list the pull requests of {self._project}"
                for each in self._connection.list_pages(action, path, query=query):
                    active.setdefault(str(each["repository"]["id"]), []).append(each)
        except RefusedError:
            return None
        return active


def _list_branches(remote: AzureRemote) -> Mapping[str, str] | None:
    """Return all branches of a repository with their commits; None if one request cannot list them."""
    pages: list[RestAnswer] = []

    def add_page(answer: RestAnswer) -> bool:
        pages.append(answer)
        return True

    query = {"filter": BRANCHES.removeprefix("refs/"), "$top": REF_PAGE}
    action = f"list the branches of {remote.name}"
    remote.connection.read_until(action, f"{remote.path}/refs", lambda _: query, add_page)
    if pages[0].headers.get("x-ms-continuationtoken"):
        return None
    refs = remote.connection.get_items(pages[0].value)
    return {str(each["name"]).removeprefix(BRANCHES): str(each["objectId"]) for each in refs}
