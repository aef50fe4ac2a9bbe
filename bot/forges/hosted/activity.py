"""The activity in a repository outside its base branches, and the hash of this activity.

A run does not read a repository again if its files and its activity are unchanged. If basebump cannot determine a part
of the activity, the whole activity is unknown (None). The hash is never computed from an incomplete list of branches or
pull requests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.inventory.value_hashes import hash_values
from bot.forges.hosted.catalogue import ListedRepository
from bot.forges.hosted.forge import HostedRepository
from bot.forges.hosted.records import ListedIssue
from bot.forges.hosted.refusal import RefusedError
from bot.model.dashboard import DASHBOARD_LABEL
from bot.model.forge import ActivityScope


@dataclass(frozen=True, slots=True)
class RepositoryActivity:
    """The branches of basebump, the open pull requests of these branches, and the dashboard issue."""

    branches: Mapping[str, str]
    """The last commit of each branch, by branch name."""
    requests: Mapping[int, object]
    """For each pull request, by number: the values that change whenever somebody changes the pull request, or a hash of
    these values."""
    issues: Mapping[int, object]
    """For each issue with the dashboard's label, by number: the same kind of values. Empty if there is no dashboard."""

    @property
    def state_hash(self) -> str:
        """A hash by which the next run recognises unchanged activity.

        It does not depend on the order in which the server lists branches and pull requests.
        """
        return hash_values((self.branches, self.requests, self.issues))


class ActivityReader(Protocol):
    """Adds the activity to each repository, from lists of all branches and pull requests of an account or project."""

    def add_activity(self, listed: ListedRepository) -> ListedRepository:
        """Return a repository with its activity. If the activity cannot be determined, return `listed` unchanged."""
        ...


def add_activity_if_found(
    reader: ActivityReader | None, listed: ListedRepository | RefusedError
) -> ListedRepository | RefusedError:
    """Return a repository with its activity. Without a reader, or for an error, return `listed` unchanged."""
    return reader.add_activity(listed) if reader is not None and isinstance(listed, ListedRepository) else listed


def read_activity(hosted: HostedRepository, scope: ActivityScope) -> RepositoryActivity | None:
    """Read the activity in one repository, with at least one API request for each kind of data.

    Return None if the time of the last change of a pull request is missing. Raises RefusedError if an API call fails.
    """
    tips = hosted.branches.list_tips(scope.branch_prefix)
    requests = [*hosted.requests.list_open(tips.keys())] if tips else []
    if hosted.list_without_branch is not None:
        requests += hosted.list_without_branch(scope.branch_prefix, tips.keys())
    if hosted.has_change_times and any(each.updated_at is None for each in requests):
        return None
    issues: Sequence[ListedIssue] = ()
    if scope.has_dashboard and hosted.issues is not None:
        issues = hosted.issues.list_own_issues(DASHBOARD_LABEL)
    return RepositoryActivity(
        branches={branch: tip.commit for branch, tip in tips.items()},
        requests={each.number: hash_values((each,)) for each in requests},
        issues={each.number: hash_values((each,)) for each in issues},
    )
