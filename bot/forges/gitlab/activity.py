"""The activity of many projects of a GitLab server, read from lists across all projects.

One list contains the open merge requests that the token's account created, and a second list contains the dashboards.
GitLab has no list of branches across projects. Therefore the activity does not include branches without an open merge
request.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from gitlab import Gitlab

from bot.core.inventory.value_hashes import hash_values
from bot.forges.gitlab.connection import GitLabConnection
from bot.forges.gitlab.gitlab_errors import translate_errors
from bot.forges.gitlab.merge_requests import is_from_own_branch, parse_issue, parse_request
from bot.forges.hosted.activity import RepositoryActivity
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.connection import SharedValue
from bot.forges.hosted.refusal import RefusedError
from bot.model.dashboard import DASHBOARD_LABEL
from bot.model.forge import ActivityScope

MAX_LISTED = 10_000
"""The largest number of merge requests, and of dashboards, to list, which is a hundred pages. If the account has more,
the activity of each project is read separately."""


class GitLabActivityReader:
    """Adds the activities to projects. Never raises RefusedError."""

    def __init__(self, connection: GitLabConnection, scope: ActivityScope) -> None:
        """Prepare to read the lists, which are fetched when they are first needed and kept until the end of the run.

        A run can therefore record an activity that is older than the data that the run reads later. It is never newer,
        so the next run notices every change between the two times.
        """
        self._connection = connection
        self._scope = scope
        self._activities: SharedValue[Mapping[str, RepositoryActivity] | None] = SharedValue()

    def add_activity(self, listed: ListedRepository) -> ListedRepository:
        """Return a project with its activity. If the lists cannot be read, return the project unchanged."""
        activities = self._activities.get(self._read_activities)
        if activities is None:
            return listed
        activity = activities.get(listed.server_id or "", RepositoryActivity({}, {}, {}))
        return replace(listed, activity=activity.state_hash, listed_requests=frozenset(activity.requests))

    def _read_activities(self) -> Mapping[str, RepositoryActivity] | None:
        """Return the activities of the projects that have any activity, by project id; None if a list cannot be read.

        Merge requests and dashboards are hashed one by one, so that their texts are not kept in memory.
        """
        branches: dict[str, dict[str, str]] = defaultdict(dict)
        requests: dict[str, dict[int, str]] = defaultdict(dict)
        issues: dict[str, dict[int, str]] = defaultdict(dict)

        def add_request(data: Mapping[str, Any]) -> None:
            if is_from_own_branch(data) and str(data["source_branch"]).startswith(self._scope.branch_prefix):
                request, project = parse_request(data), str(data["project_id"])
                branches[project][request.branch] = str(data["sha"])
                requests[project][request.number] = hash_values((request,))

        def add_issue(data: Mapping[str, Any]) -> None:
            issue = parse_issue(data)
            issues[str(data["project_id"])][issue.number] = hash_values((issue,))

        try:
            self._read_list(
                "list the account's open merge requests",
                lambda client: client.mergerequests.list(iterator=True, scope="created_by_me", state="opened"),
                add_request,
            )
            if self._scope.has_dashboard:
                self._read_list(
                    "list the account's dashboards",
                    lambda client: client.issues.list(
                        iterator=True, scope="created_by_me", state="all", labels=DASHBOARD_LABEL
                    ),
                    add_issue,
                )
        except RefusedError:
            return None
        return {
            project: RepositoryActivity(branches[project], requests[project], issues[project])
            for project in requests.keys() | issues.keys()
        }

    def _read_list(
        self, action: str, open_list: Callable[[Gitlab], Iterable[Any]], add: Callable[[Mapping[str, Any]], None]
    ) -> None:
        """Call `add` with each object of a list. Raises RefusedError if the list cannot be read or is too long.

        https://docs.gitlab.com/api/merge_requests/#list-merge-requests, https://docs.gitlab.com/api/issues/#list-issues
        """

        def fetch(client: Gitlab) -> int:
            count = 0
            for each in islice(open_list(client), MAX_LISTED + 1):
                add(each.attributes)
                count += 1
            return count

        with translate_errors("the account"):
            if self._connection.read(action, fetch) > MAX_LISTED:
                raise RefusedError(f"cannot {action}: there are more than {MAX_LISTED}", status=None)
